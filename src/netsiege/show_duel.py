"""How a comparison of two agents looks in a terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from netsiege.shown import shown

if TYPE_CHECKING:
    from netsiege.hub.tournament.sequential import Comparison

_SAID: Final = {
    "accept H1": "{a} is better than {b}: H1 is accepted",
    "accept H0": "{a} is not better than {b} by what was asked: H0 is accepted",
    "continue": "nothing is decided between {a} and {b}",
}


def print_duel(told: Comparison, as_json: bool) -> None:
    """What a comparison has come to."""
    test, tested = told.test, told.test.hypotheses
    figure, (lower, upper) = test.estimate(), tested.bounds
    if as_json:
        said = {
            "a": told.a,
            "b": told.b,
            "state": str(test.state),
            "elo": figure.value,
            "elo_interval": [figure.low, figure.high],
            "games": told.games,
            "slices": test.pairs,
            "better": told.wins,
            "as_good": told.ties,
            "worse": test.pairs - told.wins - told.ties,
            "llr": test.llr,
            "bounds": [lower, upper],
            "elo0": tested.elo0,
            "elo1": tested.elo1,
            "alpha": tested.alpha,
            "beta": tested.beta,
        }
        print(json.dumps(said, indent=1))
        return
    print(_SAID[str(test.state)].format(a=shown(told.a), b=shown(told.b)))
    ends = ", ".join("open" if end is None else f"{end:+.0f}" for end in (figure.low, figure.high))
    worse = test.pairs - told.wins - told.ties
    print(
        f"Elo {figure.value:+.0f} [{ends}]; {told.games:,} games on {test.pairs:,} slices: "
        f"{told.wins:,} better, {told.ties:,} as good, {worse:,} worse"
    )
    print(
        f"log likelihood ratio {test.llr:+.2f}, between {lower:+.2f} (H0, Elo {tested.elo0:g}) and "
        f"{upper:+.2f} (H1, Elo {tested.elo1:g})"
    )
