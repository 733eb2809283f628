"""Screens that are compared with those that were found good, kept in the folder `snapshots`.

What is compared is the text of the screen, line by line: it is what a player reads, and a reviewer can read
a difference. An SVG would bring in colours, fonts and class names that textual and rich choose, and that
change with their versions.

`NETSIEGE_SNAPSHOTS=write pytest tests/tui -n 0` writes them anew.
"""

import difflib
import os
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

FOLDER = Path(__file__).parent / "snapshots"
OPTION = "NETSIEGE_SNAPSHOTS"
HINT = f"If the new screen is the better one: {OPTION}=write pytest tests/tui -n 0, and look at git diff."
FONTS = "'Cascadia Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def is_writing():
    """Whether the snapshots are to be written; anything but `write` is a mistake."""
    said = os.environ.get(OPTION, "")
    assert said in ("", "write"), f"{OPTION}={said!r}: the only value is 'write'"
    return said == "write"


def check_text(shown, path):
    """Fails with a readable difference if `shown` is not what `path` has, or writes it there."""
    shown = "".join(f"{line.rstrip()}\n" for line in shown.splitlines())
    if is_writing():
        path.parent.mkdir(exist_ok=True)
        path.write_text(shown, encoding="utf-8")
        return
    if not path.exists():
        pytest.fail(f"there is no {path.name} to compare the screen with. {HINT}", pytrace=False)
    _compare(path.read_text(encoding="utf-8"), shown, path.name)


def check_picture(svg, path):
    """Fails if the picture at `path` does not show the text that `svg` shows, or writes it there."""
    svg = picture(svg)
    if is_writing():
        path.write_text(svg, encoding="utf-8")
        return
    if not path.exists():
        pytest.fail(f"there is no {path.name}. {HINT}", pytrace=False)
    kept = path.read_text(encoding="utf-8")
    assert "@font-face" not in kept, f"{path.name} names fonts that have to be fetched. {HINT}"
    _compare(svg_text(kept), svg_text(svg), path.name)


def picture(svg):
    """An exported screen without what differs from run to run, and without fonts from elsewhere."""
    svg = re.sub(r"<!--.*?-->", "", svg)
    svg = re.sub(r"\s*@font-face\s*\{[^}]*\}", "", svg)
    svg = re.sub(r"font-family:[^;]*;", f"font-family: {FONTS};", svg)
    svg = re.sub(r"terminal-\d+", "terminal", svg)
    return "".join(f"{line.rstrip()}\n" for line in svg.splitlines() if line.strip())


def svg_text(svg):
    """The text that a picture shows, line by line, blanks aside: they are not drawn."""
    lines = {}
    for text in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"):
        lines.setdefault(float(text.get("y")), []).append((float(text.get("x")), "".join(text.itertext())))
    shown = ("".join(part for _, part in sorted(lines[y])) for y in sorted(lines))
    return "".join(f"{' '.join(line.replace(chr(0xA0), ' ').split())}\n" for line in shown)


def _compare(kept, shown, name):
    if kept == shown:
        return
    lines = difflib.unified_diff(
        kept.splitlines(), shown.splitlines(), f"kept in {name}", "shown now", lineterm="", n=1
    )
    pytest.fail("\n".join([f"the screen is not that of {name}:", *lines, HINT]), pytrace=False)
