"""Links as a page to wander in: drag, zoom, point at a memory, turn kinds of links off and on."""

import math
from collections.abc import Iterator
from html import escape
from pathlib import Path

from memory_core.space.links import Drawing, degrees
from memory_core.space.links_script import SCRIPT
from memory_core.space.paper import legend, page, shortened, told
from memory_core.space.pictures import COLOURS
from memory_core.types import Link, Memory
from memory_core.wording import counted

KIND_COLOURS = {"episodic": COLOURS[0], "semantic": COLOURS[3], "procedural": COLOURS[5]}
RELATION_COLOURS = {
    "derived_from": COLOURS[2], "supersedes": COLOURS[1], "duplicate_of": "#8b8f96",
}  # fmt: skip
"""Of the relations that the library itself makes; others take the rest, in turn."""
_OTHERS = (COLOURS[8], COLOURS[4], COLOURS[11], COLOURS[7], COLOURS[10])
_NAMED = 12  # relations with a line of their own in the legend
_LABEL = 22  # characters beside a circle
_LABELLED = 100.0
_MARGIN = 70.0
_LEAST = (640.0, 380.0)
"""Units across and down that are shown at least: few memories are not blown up."""
_STYLE = """
svg { height: 74vh; min-height: 22rem; cursor: grab; touch-action: none }
svg.held { cursor: grabbing }
circle { stroke: var(--card); stroke-width: 1.5 }
circle.gone { fill-opacity: .3; stroke: var(--quiet); stroke-dasharray: 2 1.5; stroke-width: 1 }
line { stroke-width: 1.6; opacity: .8 }
svg text { fill: var(--ink); font-size: var(--type, 11px);
  pointer-events: none; unicode-bidi: isolate }
svg.small text { visibility: hidden }
svg.small g.near text { visibility: visible }
svg.asked g.memory, svg.asked line { opacity: .12 }
svg.asked g.near, svg.asked line.near { opacity: 1 }
svg .off { display: none }
#about { min-height: 4.2rem; margin: .6rem 0 0; color: var(--ink); white-space: pre-line;
  overflow-wrap: anywhere; unicode-bidi: isolate }
.legend label { cursor: pointer }
button { font: inherit; padding: .1rem .6rem; border: 1px solid var(--line); border-radius: 6px;
  background: var(--card); color: var(--ink) }
"""


def write_page(drawn: Drawing, path: Path) -> None:
    """Write the links as a page that needs no network, and runs no word of a memory."""
    colours = _relations(drawn)
    tally = dict(degrees(drawn))
    body = [
        f"<h1>{counted(len(drawn.memories))}, {counted(len(drawn.links), 'link', 'links')}</h1>",
        f"<p>{_left_out(drawn)}</p>",
        legend(_kinds(drawn)),
        f'<div class="legend">{"".join(_switches(drawn, colours))}</div>',
        _svg(drawn, colours, tally),
        '<p id="about" aria-live="polite">Point at a memory to read it; click to hold it.</p>',
    ]
    whole = page("Links of memories", "\n".join(body), style=_STYLE, script=SCRIPT)
    path.write_text(whole, encoding="utf-8")


def _svg(drawn: Drawing, colours: dict[str, str], tally: dict[str, int]) -> str:
    (wide, high), (least_wide, least_high) = drawn.size, _LEAST
    wide += _LABELLED  # the last label in a row has its place, too
    left, top = max(_MARGIN, (least_wide - wide) / 2), max(_MARGIN, (least_high - high) / 2)
    box = f"{-left:.0f} {-top:.0f} {wide + 2 * left:.0f} {high + 2 * top:.0f}"
    arrows = "".join(_arrow(n, colour) for n, colour in enumerate(dict.fromkeys(colours.values())))
    parts = [
        f'<svg id="links" viewBox="{box}" role="img" aria-label="links">',
        f"<defs>{arrows}</defs>",
        *_lines(drawn, colours, tally),
        *_circles(drawn, tally),
        "</svg>",
    ]
    return "\n".join(parts)


def _lines(drawn: Drawing, colours: dict[str, str], tally: dict[str, int]) -> Iterator[str]:
    numbers = {colour: n for n, colour in enumerate(dict.fromkeys(colours.values()))}
    relations = {name: n for n, name in enumerate(colours)}
    for link in drawn.links:
        colour = colours[link.relation]
        (x1, y1), (x2, y2) = drawn.places[link.source], drawn.places[link.target]
        length = max(((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5, 1e-9)
        short = min(_radius(tally[link.target]) + 3, length / 2) / length
        yield (
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2 - (x2 - x1) * short:.1f}" '
            f'y2="{y2 - (y2 - y1) * short:.1f}" stroke="{colour}" '
            f'marker-end="url(#arrow{numbers[colour]})" data-r="{relations[link.relation]}" '
            f'data-a="{link.source}" data-b="{link.target}"><title>{_said(link)}</title></line>'
        )


def _circles(drawn: Drawing, tally: dict[str, int]) -> Iterator[str]:
    for one in drawn.memories:
        x, y = drawn.places[one.id]
        radius = _radius(tally[one.id])
        gone = "" if one.state == "live" else ' class="gone"'
        yield (
            f'<g class="memory" data-id="{one.id}" data-told="{_about(one)}">'
            f'<circle{gone} cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" '
            f'fill="{KIND_COLOURS[one.kind]}"><title>{_about(one)}</title></circle>'
            f"{_label(one, x, y, radius, linked=tally[one.id] > 0)}</g>"
        )


def _label(one: Memory, x: float, y: float, radius: float, *, linked: bool) -> str:
    """Return the label: below a linked memory, where few lines run, else beside it."""
    place = f'x="{x + radius + 4:.1f}" y="{y + 4:.1f}"'
    if linked:
        place = f'x="{x:.1f}" y="{y + radius + 13:.1f}" text-anchor="middle"'
    return f"<text {place}>{told(one.text, _LABEL)}</text>"


def _about(one: Memory) -> str:
    """Return what a memory is, in lines, as HTML."""
    who = one.speaker or one.role or one.source
    state = "" if one.state == "live" else f" · {one.state}"
    lines = [
        f"{one.occurred_at:%Y-%m-%d %H:%M} · {one.kind} · {shortened(who, 40)}{state} · {one.id}",
        shortened(one.text, 400),
    ]
    return escape("\n".join(lines))


def _said(link: Link) -> str:
    return told(f"{link.relation} · {link.at:%Y-%m-%d %H:%M}")


def _relations(drawn: Drawing) -> dict[str, str]:
    """Return a colour for each relation, the most frequent first."""
    tally: dict[str, int] = {}
    for link in drawn.links:
        tally[link.relation] = tally.get(link.relation, 0) + 1
    others = [name for name in tally if name not in RELATION_COLOURS]
    colours = {name: _OTHERS[n % len(_OTHERS)] for n, name in enumerate(sorted(others))}
    every = {**RELATION_COLOURS, **colours}
    return {name: every[name] for name in sorted(tally, key=lambda name: (-tally[name], name))}


def _switches(drawn: Drawing, colours: dict[str, str]) -> Iterator[str]:
    tally = [link.relation for link in drawn.links]
    for n, (name, colour) in enumerate(list(colours.items())[:_NAMED]):
        yield (
            f'<label><input type="checkbox" checked data-r="{n}"> '
            f'<b style="background:{colour}"></b>{told(name, 40)} ({tally.count(name):,})</label>'
        )
    if len(colours) > _NAMED:
        yield f"<span>and {len(colours) - _NAMED} more relations</span>"
    yield '<button id="whole" type="button">show all</button>'


def _kinds(drawn: Drawing) -> dict[str, str]:
    there = {one.kind for one in drawn.memories}
    return {kind: colour for kind, colour in KIND_COLOURS.items() if kind in there}


def _left_out(drawn: Drawing) -> str:
    if not drawn.all_memories:
        return "Nothing is stored yet."
    memories, links = drawn.left_out
    gone = any(one.state != "live" for one in drawn.memories)
    said = "Pale ones are forgotten, superseded, expired or invalidated." if gone else ""
    if memories:
        said += (
            f" Left out: {counted(memories)}, most without a link, and "
            f"{counted(links, 'link', 'links')}."
        )
    return said if drawn.all_links else f"{said} No memory is linked to another yet."


def _arrow(number: int, colour: str) -> str:
    return (
        f'<marker id="arrow{number}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="5" '
        f'markerHeight="5" orient="auto"><path d="M0 0 8 4 0 8z" fill="{colour}"/></marker>'
    )


def _radius(links: int) -> float:
    return min(6.0 + 1.6 * math.sqrt(links), 14.0)
