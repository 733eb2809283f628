"""A cup as JSON values: what a folder of results keeps, so that the same cup can be played again.

Files of scenarios are kept as absolute paths, not their content.
"""

from __future__ import annotations

import json
from typing import Any

import cattrs

from netsiege.errors import ConfigError
from netsiege.hub.tournament.cup import inconsistencies
from netsiege.hub.tournament.model import Cup
from netsiege.scenarios.reading import Report
from netsiege.shown import shown


def cup_to_plain(cup: Cup) -> dict[str, Any]:
    """The cup in values that JSON has."""
    plain: dict[str, Any] = _converter.unstructure(cup)
    return plain


def cup_from_plain(plain: object, file: str = "cup") -> Cup:
    """The inverse of `cup_to_plain`. ConfigError, which calls the source `file`, for anything else."""
    report = Report(file)
    try:
        cup = _converter.structure(plain, Cup)
    except cattrs.BaseValidationError as error:
        for line in cattrs.transform_error(error, path="", format_exception=_explain):
            report.problem("", f"is no cup: {line}")
    except Exception as error:  # what cattrs raises for what is no mapping is of many kinds
        report.problem("", f"is no cup: {shown(str(error))}")
    report.check()
    for path, text in inconsistencies(cup):
        report.problem(path, text)
    report.check()
    return cup


def dump_cup(cup: Cup) -> str:
    """The cup as JSON: equal ones as equal texts."""
    return json.dumps(cup_to_plain(cup), sort_keys=True, separators=(",", ":"))


def load_cup(text: str, file: str = "cup") -> Cup:
    """The inverse of `dump_cup`. Raises ConfigError like `cup_from_plain`."""
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: is no cup: {error}") from None
    return cup_from_plain(plain, file)


def _explain(error: BaseException, wanted: type | None) -> str:
    if isinstance(error, KeyError):
        return "a value is missing"
    return str(error) or f"expected {wanted}"


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True, unstruct_collection_overrides={tuple: list})
    for kind, accepted in ((str, (str,)), (int, (int,)), (bool, (bool,)), (float, (int, float))):

        def as_it_is(value: Any, _wanted: Any, accepted: tuple[type, ...] = accepted) -> Any:
            if type(value) not in accepted:
                raise TypeError(f"{value!r:.40} is no {accepted[-1].__name__}")
            return value

        converter.register_structure_hook(kind, as_it_is)
    return converter


_converter = _make_converter()
