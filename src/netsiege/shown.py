"""Names and texts that strangers have chosen, made fit for a terminal, a log and a file's name.

Whoever picks a name can put into it what moves the cursor, forges a line, turns the direction of writing,
hides, or leaves a folder. What comes from an agent, a hub, a worker or a file passes through here where it is
shown or becomes a part of a path, however well it was checked before: files and peers may lie.

This module knows no terminal and no file. Markup is another matter: rich gets `Text`, never text of others.
"""

from __future__ import annotations

import hashlib
import logging
import re
import sys
import unicodedata
from types import TracebackType
from typing import Final

from netsiege.protocol.declare import BLANKS, MARKS_IN_A_ROW, quoted

SHOWN_CHARS: Final = 200
LINE_CHARS: Final = 2_000
"""Of a line that says more than one thing, such as what was wrong with a file."""
LINES: Final = 200
"""Of a text of several lines."""
PART_BYTES: Final = 120
"""Of a part of a file's name, which has 255 on most file systems: for two parts and an ending."""

_CUT: Final = "..."
_DIGEST_CHARS: Final = 16
_MARK: Final = "~"
"""Before the digest: it never stands in a part that was left as it is, so that none of those has the form."""
_NO_PART: Final = re.compile(r"[^\w.-]|^[.-]|\.$")
"""What has no place in a file's name, nor at its start (hidden files, options) or its end."""
_DEVICES: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names that are devices on Windows, whatever their ending."""


def shown(text: object, limit: int = SHOWN_CHARS) -> str:
    r"""`text` on one line of at most `limit` characters, without anything that acts or hides.

    Control, format, private, unassigned and surrogate characters, line breaks, blanks other than the space,
    and combining marks that come first or pile up become their escapes, such as `\x1b`. What is too long ends
    with `...`. What is no text is shown as its value or its type. To clean twice changes nothing.
    """
    if not isinstance(text, str):
        text = quoted(text, limit)
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text
    pieces: list[str] = []
    room, fits, marks = limit, 0, MARKS_IN_A_ROW
    for c in text[: limit + 1]:
        is_mark = unicodedata.category(c)[0] == "M"
        marks = marks + 1 if is_mark else 0
        if not c.isprintable() or BLANKS.match(c) or marks > MARKS_IN_A_ROW:
            c = c.encode("unicode_escape").decode()  # noqa: PLW2901  # the escape stands for it from here on
        room -= len(c)
        if room < 0:
            return ("".join(pieces[:fits]) + _CUT)[:limit]
        pieces.append(c)
        if room >= len(_CUT):
            fits = len(pieces)
    return "".join(pieces)


def shown_lines(text: str, limit: int = LINE_CHARS) -> list[str]:
    """The lines of a text of our own with words of strangers in it, each as `shown` has it.

    Only newlines begin one. Of more than `LINES` the last one says how many there are.
    """
    lines = text.rstrip("\n").split("\n") if text else []
    more = len(lines) - LINES
    if more > 0:
        lines = [*lines[:LINES], f"and {more} lines more"]
    return [shown(line.removesuffix("\r"), limit) for line in lines]


def file_part(text: str, limit_bytes: int = PART_BYTES) -> str:
    """`text` as a part of a file's name: letters, digits, `_`, `.` and `-`, at most `limit_bytes` in UTF-8.

    A text that is such a part already stays as it is. Any other is made into one and gets `~` and 16 digits
    of its SHA-256, so that two texts never have one name by accident, as far as the file system tells upper
    from lower case. `limit_bytes` is 24 or more.
    """
    plain = _NO_PART.sub("_", text)
    fits = len(plain.encode(errors="replace")) <= limit_bytes
    same = plain == text and text and fits and unicodedata.is_normalized("NFC", text)
    if same and not (BLANKS.search(text) or _DEVICES.fullmatch(text)):
        return text
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:_DIGEST_CHARS]
    room = limit_bytes - _DIGEST_CHARS - len(_MARK)
    plain = BLANKS.sub("_", unicodedata.normalize("NFC", plain))
    return f"{plain.encode()[:room].decode(errors='ignore') or '_'}{_MARK}{digest}"


class CleanFormatter(logging.Formatter):
    """Writes each record on one line, whatever its arguments hold; the lines of a traceback stay lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the name is logging's
        """The line of a record, cleaned."""
        return shown(super().formatMessage(record), LINE_CHARS)

    def formatException(  # noqa: N802  # the name is logging's
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        """The lines of a traceback, cleaned."""
        return "\n".join(shown_lines(super().formatException(ei)))


def log_to_stderr(*, all_of_it: bool = True) -> None:
    """Shows what is logged, cleaned: all from INFO on, or warnings only."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(CleanFormatter("%(levelname)s %(name)s %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.INFO if all_of_it else logging.WARNING)
