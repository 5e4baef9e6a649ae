"""The timeline as PNG and as a page: what could be recalled above, what happened below."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from memory_core.figures import saved_figure
from memory_core.space.paper import legend, page
from memory_core.space.pictures import COLOURS, QUIET, plain, whole_numbers
from memory_core.space.timeline import Counts, Timeline
from memory_core.wording import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KIND_COLOURS = dict(
    zip(("episodic", "semantic", "procedural"), (COLOURS[0], COLOURS[3], COLOURS[5]), strict=True)
)
EVENT_COLOURS = {
    "stored": COLOURS[2], "reinforced": COLOURS[4], "retired": COLOURS[1], "removed": COLOURS[6],
}  # fmt: skip
MEANINGS = {
    "retired": "retired (forgotten, superseded, expired, invalidated)",
    "removed": "removed (erased, compacted)",
}
NONE = "Nothing is stored yet."
UP = ("stored", "reinforced")
DOWN = ("retired", "removed")
DAY = 86_400e6  # microseconds
_WIDTH, _LEFT, _RIGHT = 1080.0, 58.0, 16.0
_TOP, _HIGH, _GAP, _LOW, _FOOT = 26.0, 300.0, 44.0, 170.0, 28.0
_SPOKEN = {"store": "time they were stored", "event": "time they speak of"}


def write_png(found: Timeline, path: Path) -> None:
    """Write the timeline as PNG.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    with saved_figure(path, (10, 6.4)) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        upper.set_title(_title(found), loc="left")
        if not len(found):
            for axes in (upper, lower):
                axes.axis("off")
            upper.text(0.5, 0.3, NONE, ha="center", color="#686b70")
            return
        draw_areas(upper, found)
        _bars(lower, found)
        draw_dates(lower)


def write_page(found: Timeline, path: Path) -> None:
    """Write the timeline as a page that needs no network; bins tell counts under the pointer."""
    totals = ", ".join(f"{count:,} {name}" for name, count in found.totals.items() if count)
    told = f"{totals}. By the {_SPOKEN[found.axis]}, {_from_to(found)} UTC." if len(found) else NONE
    names = {MEANINGS.get(name, name): EVENT_COLOURS[name] for name, n in found.totals.items() if n}
    kinds = {name: KIND_COLOURS[name] for name, counts in found.there.items() if counts.any()}
    drawing = _drawing(found) if len(found) else ""
    body = f"<h1>{_title(found)}</h1>\n<p>{told}</p>\n{legend(kinds)}\n{drawing}\n{legend(names)}"
    style = "rect.bin { fill: transparent } rect.bin:hover { fill: var(--ink); opacity: .08 }"
    path.write_text(page("Timeline of memories", body, style=style), encoding="utf-8")


def _title(found: Timeline) -> str:
    return f"{counted(found.now)} can be recalled"


def _from_to(found: Timeline) -> str:
    begun, ended = _moment(found.edges[0]), _moment(found.edges[-1])
    return f"{begun:%Y-%m-%d %H:%M} to {ended:%Y-%m-%d %H:%M}"


def draw_areas(axes: "Axes", found: Timeline) -> None:
    """Draw how many memories could be recalled, by kind."""
    ends = _days(found.edges)
    kinds = [name for name, counts in found.there.items() if counts.any()]
    stacked = [np.append(found.there[name][:1] * 0, found.there[name]) for name in kinds]
    if kinds:
        axes.stackplot(ends, stacked, labels=kinds, step="pre", alpha=0.85,
                       colors=[KIND_COLOURS[name] for name in kinds])  # fmt: skip
        axes.legend(loc="upper left", frameon=True, framealpha=0.9, edgecolor="none")
    axes.set_ylabel("memories")
    axes.set_ylim(bottom=0)
    whole_numbers(axes.yaxis)
    plain(axes)


def _bars(axes: "Axes", found: Timeline) -> None:
    starts = _days(found.edges[:-1])
    width = float(found.edges[1] - found.edges[0]) / DAY * 0.86
    for names, sign in ((UP, 1), (DOWN, -1)):
        below = np.zeros(len(found), dtype=np.int64)
        for name in names:
            counts = found.happened[name]
            if counts.any():
                axes.bar(starts, counts * sign, width, below * sign, align="edge",
                         color=EVENT_COLOURS[name], label=MEANINGS.get(name, name))  # fmt: skip
            below = below + counts
    axes.axhline(0, color=QUIET, linewidth=0.8)
    axes.set_ylabel("happened")
    axes.set_xlim(starts[0], float(found.edges[-1]) / DAY)
    whole_numbers(axes.yaxis)
    plain(axes)
    axes.set_xlabel(f"{_SPOKEN[found.axis]}, UTC")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.26), ncols=4, frameon=False)


def _days(edges: Counts) -> NDArray[np.float64]:
    """Return moments as matplotlib counts them: days since 1970."""
    return edges / DAY


def draw_dates(axes: "Axes") -> None:
    """Label the lower axis with moments."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    axes.xaxis_date()
    locator = AutoDateLocator(maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))


def _drawing(found: Timeline) -> str:
    """Return both panels as one SVG."""
    floor, middle = _TOP + _HIGH, _TOP + _HIGH + _GAP
    most = _nice(max(int(np.sum(list(found.there.values()), axis=0).max()), 1))
    above, beneath = (
        int(np.sum([found.happened[name] for name in names], axis=0).max()) for names in (UP, DOWN)
    )
    above = max(above, 1)
    high = _LOW * above / (above + beneath)
    parts = [*_scale(most, floor, _HIGH), *_stack(found, floor, _HIGH / most)]
    parts += _columns(found, UP, middle + high, -_LOW / (above + beneath))
    parts += _columns(found, DOWN, middle + high, _LOW / (above + beneath))
    parts.append(_line(_LEFT, middle + high, _WIDTH - _RIGHT, "var(--quiet)"))
    parts.append(_text(_LEFT - 8, middle + high + 4, "0"))
    if high > 18:
        parts.append(_text(_LEFT - 8, middle + 9, f"{above:,}"))
    if _LOW - high > 18:
        parts.append(_text(_LEFT - 8, middle + _LOW, f"{beneath:,}"))
    parts += [_text(_LEFT, _TOP - 10, "memories that could be recalled", "start"),
              _text(_LEFT, middle - 10, "what happened: above the line came or was used, below "
                    "it went", "start")]  # fmt: skip
    parts += [*_dates(found, middle + _LOW + 20), *_hovers(found, middle + _LOW)]
    height = middle + _LOW + _FOOT
    return f'<svg viewBox="0 0 {_WIDTH:g} {height:g}" role="img">' + "\n".join(parts) + "</svg>"


def _stack(found: Timeline, floor: float, scale: float) -> Iterator[str]:
    step = _step(found)
    below = np.zeros(len(found), dtype=np.int64)
    for name, counts in found.there.items():
        above = below + counts
        if counts.any():
            places = [_LEFT + n * step for n in range(len(found) + 1)]
            over = [(x, floor - y * scale) for x, y in _steps(places, above)]
            under = [(x, floor - y * scale) for x, y in _steps(places, below)]
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (*over, *reversed(under)))
            yield f'<polygon points="{points}" fill="{KIND_COLOURS[name]}" opacity=".85"/>'
        below = above


def _steps(places: list[float], counts: Counts) -> Iterator[tuple[float, float]]:
    for n, count in enumerate(counts.tolist()):
        yield places[n], count
        yield places[n + 1], count


def _columns(found: Timeline, names: tuple[str, ...], line: float, scale: float) -> Iterator[str]:
    step = _step(found)
    reached = np.zeros(len(found), dtype=np.int64)
    for name in names:
        for n, count in enumerate(found.happened[name].tolist()):
            if count:
                one, two = line + reached[n] * scale, line + (reached[n] + count) * scale
                yield (
                    f'<rect x="{_LEFT + n * step + step * 0.07:.1f}" y="{min(one, two):.1f}" '
                    f'width="{step * 0.86:.1f}" height="{abs(two - one):.1f}" '
                    f'fill="{EVENT_COLOURS[name]}"/>'
                )
        reached = reached + found.happened[name]


def _scale(most: int, floor: float, height: float) -> Iterator[str]:
    for part in range(5):
        y, value = floor - height * part / 4, most * part / 4
        yield _line(_LEFT, y, _WIDTH - _RIGHT, "var(--line)" if not part else "var(--grid)")
        if value == int(value):
            yield _text(_LEFT - 8, y + 4, f"{int(value):,}")


def _dates(found: Timeline, y: float) -> Iterator[str]:
    step = _step(found)
    span = int(found.edges[-1] - found.edges[0])
    every = max(1, math.ceil(len(found) / 7))
    for n in range(0, len(found), every):
        anchor = "start" if n == 0 else "middle"
        yield _text(_LEFT + n * step, y, _dated(int(found.edges[n]), span), anchor)


def _hovers(found: Timeline, foot: float) -> Iterator[str]:
    step = _step(found)
    span = int(found.edges[-1] - found.edges[0])
    for n in range(len(found)):
        begun, ended = (_dated(int(found.edges[n + k]), span) for k in (0, 1))
        lines = [f"{begun} to {ended}"]
        lines += [f"{counts[n]:,} {name}" for name, counts in found.happened.items() if counts[n]]
        lines += [f"{counts[n]:,} {kind} there" for kind, counts in found.there.items()
                  if counts[n]]  # fmt: skip
        yield (
            f'<rect class="bin" x="{_LEFT + n * step:.1f}" y="{_TOP:g}" width="{step:.1f}" '
            f'height="{foot - _TOP:.1f}"><title>{chr(10).join(lines)}</title></rect>'
        )


def _step(found: Timeline) -> float:
    return (_WIDTH - _LEFT - _RIGHT) / len(found)


def _dated(micros: int, span: int) -> str:
    moment = _moment(micros)
    if span > 900 * DAY:
        return f"{moment:%Y-%m}"
    if span > 4 * DAY:
        return f"{moment:%Y-%m-%d}"
    return f"{moment:%m-%d %H:%M}" if span > 600e6 else f"{moment:%H:%M:%S}"


def _moment(micros: int) -> datetime:
    return datetime.fromtimestamp(int(micros) / 1e6, UTC)


def _nice(count: int) -> int:
    """Return the next of 4, 8, 12, 20, 40, 60, 80, 120 …: it divides into four."""
    size = 1
    while 80 * size < count:
        size *= 10
    return next(step * size for step in (4, 8, 12, 20, 40, 60, 80) if step * size >= count)


def _line(x: float, y: float, end: float, colour: str) -> str:
    return f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{end:.1f}" y2="{y:.1f}" stroke="{colour}"/>'


def _text(x: float, y: float, said: str, anchor: str = "end") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{said}</text>'
