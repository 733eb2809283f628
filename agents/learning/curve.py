"""The learning curve: what a training's log says, as a picture. Needs matplotlib (the extra `plots`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from netsiege.errors import ConfigError

FILE: Final = "curve.png"
SMOOTH: Final = 5
"""Lines of the log that a moving average is over."""


def draw_curve(lines: Sequence[dict[str, Any]], title: str, path: Path) -> None:
    """Win rate and steps over episodes. Raises `ConfigError` without matplotlib, or for a bad path."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  # an extra
        from matplotlib.figure import Figure  # noqa: PLC0415  # an extra
    except ImportError:
        raise ConfigError("a learning curve needs matplotlib: pip install 'netsiege[plots]'") from None
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    left = figure.add_subplot()
    right = left.twinx()
    episodes = [line["episode"] for line in lines]
    for axis, name, colour, style in (
        (left, "win_rate", "#0b6e4f", "-"),
        (right, "mean_steps", "#b5651d", "--"),
    ):
        values = [line[name] for line in lines]
        label = name.replace("_", " ").replace("mean ", "")
        axis.plot(episodes, values, color=colour, alpha=0.25, linewidth=1)
        axis.plot(episodes, _smooth(values), style, color=colour, linewidth=2, label=label)
        axis.set_ylabel(label, color=colour)
    left.set_ylim(-0.02, 1.02)
    right.set_ylim(bottom=0)
    left.set_xlabel("episode")
    left.set_title(title)
    handles = [each.get_legend_handles_labels() for each in (left, right)]
    left.legend(handles[0][0] + handles[1][0], handles[0][1] + handles[1][1], loc="center right")
    try:
        figure.savefig(path, dpi=120)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None


def _smooth(values: Sequence[float]) -> list[float]:
    return [sum(values[max(0, i - SMOOTH + 1) : i + 1]) / min(i + 1, SMOOTH) for i in range(len(values))]
