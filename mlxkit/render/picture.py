"""Pictures drawn with matplotlib, as SVG or PNG: the same bytes for the same picture."""

import math
import re
import textwrap
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

from matplotlib import rc_context, rcdefaults, rcParams
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mlxkit.core.report import Axis, Line, Picture, Series, Upright
from mlxkit.core.wording import printable
from mlxkit.render.scales import Scale, scale
from mlxkit.render.spreading import spread

# Lengths are pixels of a picture 800 pixels wide.
_WIDTH, _HEIGHT = 800, 480
_DPI = 96
_SHARPNESS = 2
"""How many pixels of a PNG stand for one, in each direction."""

_EDGE = 20
_TITLE_LINE, _LINE, _LABEL_LINE = 24, 18, 16
_GAP = 14
_BELOW = 66
_KEY = 26
_LABEL_GAP = 8

_TITLE_LENGTH, _NOTE_LENGTH, _LABEL_LENGTH = 66, 110, 28
"""How many characters a line holds, when they are as wide as most."""

_INK, _SOFT, _FAINT = "#1a1a1a", "#595959", "#e3e3e3"
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette, told apart by those who see few colors; without its yellow, which is lost on white."""

_MARKERS = "osD^vPX"
_DASHES = ((5, 3), (1.5, 2), (7, 2, 1.5, 2))

_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "sans-serif"],  # the first ships with matplotlib: one layout for all
    "font.size": 10,
    "text.color": _INK,
    "text.parse_math": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "mlxkit",
}

# What XML cannot hold, and halves of characters, which no encoding can.
_UNFIT = re.compile("[\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class _Entry:
    """A label beside the picture: its lines, where the last point of what it names is, and how that is drawn."""

    lines: tuple[str, ...]
    y: float
    style: dict[str, Any]

    @property
    def space(self) -> float:
        """The height that it takes."""
        return _LABEL_LINE * len(self.lines) + _LABEL_GAP


def draw(picture: Picture, path_suffix: str) -> bytes:
    """Return a picture as the content of a file.

    Labels stand to the right, beside the last point of what they name. Points that are not finite, or not positive on a
    logarithmic axis, are left out, and the picture says how many.

    Args:
        picture: what to draw.
        path_suffix: .svg or .png, in any case.

    Raises:
        ValueError: it is another one.
    """
    form = path_suffix.lower().removeprefix(".")
    about = {"Date": None, "Creator": "mlxkit", "Title": _clean(picture.title)}
    metadata: dict[str, dict[str, Any]] = {"svg": about, "png": {"Software": "mlxkit"}}
    if form not in metadata:
        raise ValueError(f"{path_suffix!r} is neither .svg nor .png.")
    out = BytesIO()
    with warnings.catch_warnings(), rc_context():
        # Another writing system's letters are no error: a viewer of the SVG has a font for them.
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
        rcdefaults()  # what the user set for figures of their own
        rcParams.update(_STYLE)
        _figure(picture).savefig(out, format=form, dpi=_DPI * _SHARPNESS, metadata=metadata[form])
    return out.getvalue()


def _figure(picture: Picture) -> Figure:
    series = tuple(_shown(one, picture) for one in picture.series)
    lines = tuple(line for line in picture.lines if _fits(line.y, picture.y))
    uprights = tuple(one for one in picture.uprights if _fits(one.x, picture.x))
    missing = _number(picture.series, picture.lines) - _number(series, lines)
    title = _wrapped(picture.title, _TITLE_LENGTH)
    note = _wrapped(" ".join((picture.note, *_absence(missing))), _NOTE_LENGTH)
    is_empty = not any(one.points for one in series)
    entries = [] if is_empty else _entries(series, lines)
    header = _EDGE + _TITLE_LINE * len(title) + _LINE * len(note) + _GAP
    top = header + _LINE + _LABEL_GAP
    height = max(_HEIGHT, top + sum(entry.space for entry in entries) + _BELOW)
    figure = Figure(figsize=(_WIDTH / _DPI, height / _DPI), dpi=_DPI)
    _write(figure, _EDGE, title, _TITLE_LINE, size=13, weight="bold")
    _write(figure, _EDGE + _TITLE_LINE * len(title), note, _LINE, size=9.5, color=_SOFT)
    if is_empty:
        figure.text(0.5, 0.5, "There is nothing to draw.", ha="center", va="center", color=_SOFT)
        return figure
    x = scale(picture.x, [*(point[0] for one in series for point in one.points), *(one.x for one in uprights)])
    y = scale(picture.y, [*_heights(series, picture.y), *(line.y for line in lines)], is_height=True)
    _write(figure, header, _wrapped(y.name, _NOTE_LENGTH)[:1], _LINE, size=9.5, color=_SOFT)
    axes = _axes(figure, x, y)
    for one, style in zip(series, _styles(series), strict=True):
        if one.points:
            _add(axes, one, style)
    for line, style in zip(lines, _line_styles(len(lines)), strict=True):
        axes.axhline(line.y, zorder=1.5, **style)
    for upright in uprights:
        _raise(axes, upright)
    _fit(figure, axes, entries, top, height)
    return figure


def _raise(axes: Axes, upright: Upright) -> None:
    """Draw a line from bottom to top, its label along it."""
    axes.axvline(upright.x, zorder=1.5, color=_SOFT, linewidth=1.2, linestyle=(0, _DASHES[0]))
    label = "\n".join(_wrapped(upright.label, _LABEL_LENGTH)[:1])
    style: dict[str, Any] = {"color": _SOFT, "fontsize": 9, "rotation": 90, "ha": "right", "va": "top"}
    axes.annotate(label, (upright.x, 1), (-3, -4), ("data", "axes fraction"), "offset points", **style)


def _absence(missing: int) -> tuple[str, ...]:
    if not missing:
        return ()
    return (f"Not shown: {missing} {'value' if missing == 1 else 'values'} outside of what the axes can show.",)


def _number(series: Sequence[Series], lines: Sequence[Line]) -> int:
    return sum(len(one.points) for one in series) + len(lines)


def _fits(value: float, axis: Axis) -> bool:
    return math.isfinite(value) and (value > 0 or not axis.is_logarithmic)


def _shown(series: Series, picture: Picture) -> Series:
    """The points that the axes can show, with their errors."""
    errors = series.errors or (None,) * len(series.points)
    kept = [
        (point, error)
        for point, error in zip(series.points, errors, strict=True)
        if _fits(point[0], picture.x) and _fits(point[1], picture.y)
    ]
    return replace(series, points=tuple(point for point, _ in kept), errors=tuple(_finite(error) for _, error in kept))


def _finite(error: float | None) -> float:
    return abs(error) if error is not None and math.isfinite(error) else 0.0


def _heights(series: Sequence[Series], axis: Axis) -> list[float]:
    """Every height that is drawn: of points, and of the ends of their error bars."""
    ends = [
        end
        for one in series
        for (_, y), error in zip(one.points, one.errors or (), strict=True)
        for end in (y - (error or 0.0), y, y + (error or 0.0))
    ]
    return [end for end in ends if _fits(end, axis)]


def _entries(series: Sequence[Series], lines: Sequence[Line]) -> list[_Entry]:
    drawn = zip(series, _styles(series), strict=True)
    found = [(one.label, one.points[-1][1], style) for one, style in drawn if one.points]
    held = [(line.label, line.y, style) for line, style in zip(lines, _line_styles(len(lines)), strict=True)]
    return [_Entry(_wrapped(label, _LABEL_LENGTH), y, style) for label, y, style in (*found, *held)]


def _styles(series: Sequence[Series]) -> list[dict[str, Any]]:
    """How each is drawn: what is measured in a color and with a marker of its own, its limit dashed in that color."""
    styles = []
    index = -1
    for one in series:
        index += not one.is_limit
        is_joined = len(one.points) > 1
        styles.append(
            _limit_style(index, is_joined=is_joined) if one.is_limit else _measured_style(index, is_joined=is_joined)
        )
    return styles


def _measured_style(index: int, *, is_joined: bool) -> dict[str, Any]:
    return {
        "color": _color(index),
        "marker": _MARKERS[(index + index // len(_COLORS)) % len(_MARKERS)],
        "linewidth": 1.8,
        "linestyle": "-" if is_joined else "none",
        "markersize": 6.5,
        "markeredgecolor": "white",
        "markeredgewidth": 0.8,
    }


def _limit_style(index: int, *, is_joined: bool) -> dict[str, Any]:
    return {
        "color": _color(index),
        "marker": "none" if is_joined else "_",
        "linewidth": 1.2,
        "linestyle": (0, _DASHES[0]) if is_joined else "none",
        "markersize": 16,
        "markeredgewidth": 1.4,
    }


def _color(index: int) -> str:
    return _COLORS[index % len(_COLORS)] if index >= 0 else _SOFT


def _line_styles(number: int) -> list[dict[str, Any]]:
    return [
        {"color": _SOFT, "linewidth": 1.2, "linestyle": (0, _DASHES[index % len(_DASHES)])} for index in range(number)
    ]


def _axes(figure: Figure, x: Scale, y: Scale) -> Axes:
    axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
    axes.set_xscale("log" if x.is_logarithmic else "linear")
    axes.set_yscale("log" if y.is_logarithmic else "linear")
    for axis, one in ((axes.xaxis, x), (axes.yaxis, y)):
        axis.set_ticks([place for place, _ in one.ticks], [text for _, text in one.ticks])
        axis.set_ticks([], minor=True)
    axes.set_xlim(x.low, x.high)
    axes.set_ylim(y.low, y.high)
    axes.set_xlabel("\n".join(_wrapped(x.name, _TITLE_LENGTH)[:1]), fontsize=9.5, color=_SOFT, labelpad=6)
    axes.grid(axis="y", color=_FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("left", "top", "right"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_SOFT)
    axes.tick_params(axis="x", color=_SOFT, labelcolor=_SOFT, labelsize=9.5)
    axes.tick_params(axis="y", length=0, labelcolor=_SOFT, labelsize=9.5)
    return axes


def _add(axes: Axes, series: Series, style: dict[str, Any]) -> None:
    x, y = zip(*series.points, strict=True)
    errors = tuple(error or math.nan for error in series.errors or ())
    axes.errorbar(x, y, yerr=errors, elinewidth=1.4, capsize=1.8, zorder=3, **style)


def _fit(figure: Figure, axes: Axes, entries: Sequence[_Entry], top: float, height: float) -> None:
    """Give the axes what the ticks and the labels leave, and put the labels beside what they name."""
    renderer = _renderer(figure)
    texts = [figure.text(0, 0, "\n".join(entry.lines), va="center", linespacing=1.15) for entry in entries]
    widest = max(text.get_window_extent(renderer).width for text in texts)
    left = _EDGE + 6 + max((label.get_window_extent(renderer).width for label in axes.get_yticklabels()), default=0.0)
    right = _WIDTH - _EDGE - widest - _KEY - 2 * _LABEL_GAP
    bottom = height - _BELOW
    axes.set_position((left / _WIDTH, 1 - bottom / height, (right - left) / _WIDTH, (bottom - top) / height))
    wanted = [float(axes.transData.transform((axes.get_xlim()[0], entry.y))[1]) for entry in entries]
    middles = spread(wanted, [entry.space for entry in entries], height - bottom, height - top)
    for text, entry, middle in zip(texts, entries, middles, strict=True):
        start = (right + _LABEL_GAP) / _WIDTH
        ends = (start, start + _KEY / 2 / _WIDTH, start + _KEY / _WIDTH)
        at = middle / height
        figure.add_artist(Line2D(ends, (at, at, at), markevery=[1], **entry.style))
        text.set_position((ends[-1] + _LABEL_GAP / _WIDTH, at))


def _renderer(figure: Figure) -> Any:
    """What measures texts."""
    return FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]


def _write(figure: Figure, top: float, lines: Sequence[str], line_height: float, *, size: float, **style: Any) -> None:
    """Put lines of text one below the other, the first at a distance from the upper edge; what is too wide shrinks."""
    height = figure.get_figheight() * _DPI
    renderer = _renderer(figure)
    for index, line in enumerate(lines):
        at = 1 - (top + index * line_height) / height
        text = figure.text(_EDGE / _WIDTH, at, line, va="top", size=size, **style)
        width = text.get_window_extent(renderer).width
        text.set_fontsize(size * min(1.0, (_WIDTH - 2 * _EDGE) / max(width, 1.0)))


def _wrapped(text: str, length: int) -> tuple[str, ...]:
    return tuple(textwrap.wrap(_clean(text), length, max_lines=3, placeholder=" …"))


def _clean(text: str) -> str:
    return " ".join(_UNFIT.sub("\N{REPLACEMENT CHARACTER}", printable(text)).split())
