"""The costs as a picture: a panel for each row in microseconds, with a bar for each system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scripts.benchmarks.transport.report import figure
from scripts.benchmarks.transport.result import Result
from scripts.benchmarks.transport.row import SYSTEMS

__all__ = ["draw"]

_COLUMNS = 2
_WIDTH, _PANEL_HEIGHT, _MARGIN = 12.0, 1.25, 1.1  # inches
_DPI = 150
# Of Okabe and Ito, as in the pictures of prices: told apart with any colour vision, and by their lightness in grey.
_COLOURS = {"send": "#9a9a9a", "grpcio": "#ecb78f", "frames": "#0072b2"}
_INK, _FAINT = "#222222", "#6b6b6b"
_TITLE = "CPU of the server for each message or call, in microseconds"
_NOTE = (
    "Median of the rounds, and from the lowest to the highest; the dashed line is the target. "
    "Each panel has a scale of its own. "
)


def draw(path: Path, machine: Mapping[str, str], floor: str, results: Sequence[Result]) -> None:
    """Write the picture of all rows that are in microseconds, if there are any."""
    shown = [result for result in results if result.row.unit == "us"]
    if not shown:
        return
    names = {"send": floor, "grpcio": "grpc.aio", "frames": "frames"}
    lines = -(-len(shown) // _COLUMNS)
    with style.context("default", after_reset=True):
        picture = Figure(figsize=(_WIDTH, lines * _PANEL_HEIGHT + _MARGIN), facecolor="white", layout="constrained")
        picture.get_layout_engine().set(w_pad=0.2, h_pad=0.08)
        panels = list(picture.subplots(lines, _COLUMNS, squeeze=False).flat)
        for axes, result in zip(panels, shown, strict=False):
            _draw_panel(axes, result, names)
        for axes in panels[len(shown) :]:
            axes.set_axis_off()
        picture.suptitle(_TITLE, x=0.01, ha="left", color=_INK, fontsize=14, fontweight="bold")
        about = ", ".join(f"{name} {value}" for name, value in machine.items())
        picture.supxlabel(fill(_NOTE + about, 170), x=0.01, ha="left", color=_FAINT, fontsize=8)
        picture.savefig(path, dpi=_DPI, metadata={"Software": None})


def _draw_panel(axes: Axes, result: Result, names: Mapping[str, str]) -> None:
    systems = [system for system in SYSTEMS if system in result.samples]
    places = range(len(systems))
    figures = [result.figure(system) or 0.0 for system in systems]
    spreads = [result.spread(system) for system in systems]
    errors = [
        [value - low for value, (low, _) in zip(figures, spreads, strict=True)],
        [high - value for value, (_, high) in zip(figures, spreads, strict=True)],
    ]
    axes.barh(places, figures, height=0.72, color=[_COLOURS[system] for system in systems])
    axes.errorbar(figures, places, xerr=errors, fmt="none", ecolor=_INK, elinewidth=0.8, capsize=2)
    for place, value, (_, high) in zip(places, figures, spreads, strict=True):
        at = {"xytext": (6, 0), "textcoords": "offset points", "va": "center"}
        axes.annotate(figure(value), (high, place), fontsize=9, color=_INK, **at)
    axes.set_yticks(places, [names[system] for system in systems], fontsize=9, color=_INK)
    axes.set_ylim(len(SYSTEMS) - 0.4, -0.6)  # the first on top
    axes.set_xlim(0, 1.12 * max(high for _, high in spreads))
    axes.set_xticks([])
    axes.set_title(result.title, loc="left", fontsize=10, color=_INK)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    _draw_target(axes, result, systems.index("frames") if "frames" in systems else None)


def _draw_target(axes: Axes, result: Result, place: int | None) -> None:
    """Mark what frames may cost at most."""
    target = result.row.target
    if target is None or place is None:
        return
    most = target * (result.figure("send") or 0.0) if result.row.is_ratio else target
    axes.plot([most, most], [place - 0.5, place + 0.5], color=_INK, linewidth=1.2, linestyle=(0, (2, 1.5)))
