"""A namespace's memories and links as a drawing: which to show, and where each stands.

Parts that hang together are laid out one by one (Fruchterman & Reingold 1991, as networkx has it,
from a fixed seed) and set side by side in rows, the largest first; memories without a link stand in
a block of their own. A large store is cut to the best linked memories, and says what was left out.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from memory_core import limits
from memory_core.journal.memories import load_all, load_every_link
from memory_core.manager import MemoryManager
from memory_core.types import Link, Memory

if TYPE_CHECKING:
    import networkx

MOST = 400
"""Memories shown by default: more are no picture."""
_ACROSS, _DOWN = 140.0, 34.0
"""Units that a memory without links takes, its label beside it: a unit is about a pixel."""
_SPREAD = 78.0
"""Units between linked memories, downwards; across it is half again as much, for the labels."""
_WIDER = 1.6
_LABEL = 95.0
"""Units that a label takes beside the last memory of a row."""
_GAP = 36.0

Place = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Drawing:
    """Memories in the plane, with the links between them."""

    memories: tuple[Memory, ...] = field(repr=False)
    links: tuple[Link, ...] = field(repr=False)
    places: dict[str, Place] = field(repr=False)
    """By id; units of which a memory's circle takes 6 to 14."""
    size: Place
    """Width and height of the whole."""
    all_memories: int
    """How many the namespace has, whatever their state."""
    all_links: int

    @property
    def left_out(self) -> tuple[int, int]:
        """How many memories and links are not shown."""
        return self.all_memories - len(self.memories), self.all_links - len(self.links)


def drawing(memory: MemoryManager, *, most: int = MOST, seed: int = 7) -> Drawing:
    """Return the links of a namespace in the plane, what is forgotten or superseded included.

    Args:
        memory: whose namespace.
        most: how many memories to show, 1..5,000: the best linked, then the newest.
        seed: of the layout; the same gives the same picture.

    Raises:
        InvalidInput: a number out of range.
    """
    limits.check_count(most, "most", most=5_000)
    ns_id = memory.journal.identity.ns_id
    with memory.journal.database.read() as connection:
        everything = list(load_all(connection, ns_id))
        links = load_every_link(connection, ns_id)
    chosen = _chosen(everything, links, most)
    ids = {one.id for one in chosen}
    shown = tuple(link for link in links if link.source in ids and link.target in ids)
    places, size = _laid_out(chosen, shown, seed)
    return Drawing(chosen, shown, places, size, len(everything), len(links))


def _chosen(memories: Sequence[Memory], links: Sequence[Link], most: int) -> tuple[Memory, ...]:
    """Return all if they are few enough, else parts that hang together, the largest first.

    A part that is too large by itself is taken from its best linked memory outwards; where nothing
    is linked the newest stand for the rest.
    """
    if len(memories) <= most:
        return tuple(memories)
    import networkx

    versions = {one.id: one.version for one in memories}
    graph = networkx.Graph()
    graph.add_edges_from(
        (one.source, one.target) for one in links
        if one.source != one.target and {one.source, one.target} <= versions.keys()
    )  # fmt: skip
    parts = sorted(
        networkx.connected_components(graph),
        key=lambda part: (-len(part), -max(versions[id] for id in part)),
    )
    ids: set[str] = set()
    for part in parts:
        if len(part) > most and not ids:
            centre = max(part, key=lambda id: (graph.degree[id], versions[id]))
            ids.update([centre, *(end for _, end in networkx.bfs_edges(graph, centre))][:most])
        elif len(ids) + len(part) <= most:
            ids |= part
    if not ids:
        ids = set(sorted(versions, key=lambda id: -versions[id])[:most])
    return tuple(one for one in memories if one.id in ids)


def _laid_out(
    memories: Sequence[Memory], links: Sequence[Link], seed: int
) -> tuple[dict[str, Place], Place]:
    import networkx

    graph = networkx.Graph()
    graph.add_nodes_from(one.id for one in memories)
    graph.add_edges_from((link.source, link.target) for link in links)
    parts = sorted(networkx.connected_components(graph), key=lambda part: (-len(part), min(part)))
    blocks = [_block(graph.subgraph(part), seed) for part in parts if len(part) > 1]
    alone = [id for part in parts if len(part) == 1 for id in part]
    order = {one.id: n for n, one in enumerate(memories)}
    if alone:
        blocks.append(_grid(sorted(alone, key=order.__getitem__)))
    return _packed(blocks)


def _block(part: "networkx.Graph[str]", seed: int) -> dict[str, Place]:
    """Return one connected part in the plane, its upper left corner at (0, 0)."""
    import networkx

    ids = sorted(part)
    ordered = networkx.Graph()  # a set's order would change the picture from run to run
    ordered.add_nodes_from(ids)
    ordered.add_edges_from(sorted(tuple(sorted(edge)) for edge in part.edges))
    if len(ids) <= 3:
        return _few(ordered)
    if len(ids) <= 40:
        found = networkx.kamada_kawai_layout(ordered)
    else:
        found = networkx.spring_layout(ordered, seed=seed, iterations=120, k=1.6 / len(ids) ** 0.5)
    side = _SPREAD * math.sqrt(len(ids))
    xs, ys = zip(*((float(x), float(y)) for x, y in found.values()), strict=True)
    left, top = min(xs), min(ys)
    scale = side / max(max(xs) - left, max(ys) - top, 1e-9)
    return {
        id: ((float(x) - left) * scale * _WIDER, (float(y) - top) * scale)
        for id, (x, y) in found.items()
    }


def _few(part: "networkx.Graph[str]") -> dict[str, Place]:
    """Return two in a row, or three as a roof whose top is linked to both others."""
    first, *rest = sorted(part, key=lambda id: (-part.degree[id], id))
    if len(rest) == 1:
        return {first: (0.0, 0.0), rest[0]: (_ACROSS, 0.0)}
    return {first: (_ACROSS / 2, 0.0), rest[0]: (0.0, _SPREAD), rest[1]: (_ACROSS, _SPREAD)}


def _grid(ids: Sequence[str]) -> dict[str, Place]:
    wide = max(1, math.ceil(math.sqrt(len(ids) / 2)))
    return {id: (n % wide * _ACROSS, n // wide * _DOWN) for n, id in enumerate(ids)}


def _packed(blocks: Sequence[dict[str, Place]]) -> tuple[dict[str, Place], Place]:
    """Set blocks side by side in rows, about half again as wide as high."""
    sizes = [(w + _LABEL, h + _DOWN) for w, h in map(_extent, blocks)]
    area = sum((w + _GAP) * (h + _GAP) for w, h in sizes)
    widest = max([math.sqrt(area * 1.7), *(w for w, _ in sizes)], default=0.0)
    places: dict[str, Place] = {}
    x = y = row = 0.0
    for block, (w, h) in zip(blocks, sizes, strict=True):
        if x and x + w > widest:
            x, y, row = 0.0, y + row + _GAP, 0.0
        places |= {id: (x + px, y + py) for id, (px, py) in block.items()}
        x, row = x + w + _GAP, max(row, h)
    return places, _extent(places)


def _extent(places: dict[str, Place]) -> Place:
    if not places:
        return 0.0, 0.0
    return max(x for x, _ in places.values()), max(y for _, y in places.values())


def degrees(drawn: Drawing) -> Iterator[tuple[str, int]]:
    """Yield each memory's id and how many of the links that are shown touch it."""
    counted = dict.fromkeys((one.id for one in drawn.memories), 0)
    for link in drawn.links:
        for end in {link.source, link.target}:
            counted[end] += 1
    yield from counted.items()
