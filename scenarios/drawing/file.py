"""A topology as a picture: an SVG or PNG file, drawn with matplotlib.

Equal topologies give equal files with one release of matplotlib: nothing in them depends on the time or on
the user's settings. The font, DejaVu Sans, comes with matplotlib; an SVG file keeps its texts as text, so
that a viewer without this font uses its own.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from netsiege.errors import ConfigError
from netsiege.scenarios.drawing.layout import lay_out
from netsiege.scenarios.drawing.scene import scene_of
from netsiege.scenarios.model import Topology

FORMATS: Final = ("svg", "png")


def draw(topology: Topology, path: str | os.PathLike[str]) -> None:
    """Writes a picture of any topology that can be loaded; the ending of `path` says in which format.

    Shows networks, hosts with services, data and starts, routers, and the firewall's rules in numbered
    bundles. Networks of many hosts are drawn as cells with names, and the largest as counts.

    Needs matplotlib, which the extra `plots` installs. Raises ConfigError if it is missing, for another
    ending, and if the file cannot be written.
    """
    file = Path(path)
    kind = file.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise ConfigError(f"{file}: a picture's name ends in .svg or .png")
    try:
        from netsiege.scenarios.drawing.paint import measure, rendered  # noqa: PLC0415  # matplotlib is an extra
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "matplotlib":
            raise
        raise ConfigError("drawing needs matplotlib: pip install 'netsiege[plots]'") from error
    content = rendered(lay_out(scene_of(topology), measure), kind, topology.name)
    try:
        file.write_bytes(content)
    except OSError as error:
        raise ConfigError(f"{file}: cannot write it: {error.strerror or error}") from error
