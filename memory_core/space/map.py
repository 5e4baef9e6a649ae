"""A namespace as a picture: its points in two dimensions, as PNG and as a page of its own.

PCA keeps what differs most and is the same every time; t-SNE (van der Maaten & Hinton 2008) keeps
neighbours together, and its distances between groups mean nothing. The page loads nothing.
"""

from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from memory_core.figures import saved_figure
from memory_core.manager import MemoryManager
from memory_core.space.clusters import labels_of
from memory_core.space.paper import legend, page, shortened
from memory_core.space.pictures import COLOURS
from memory_core.space.points import Points, enough, points
from memory_core.types import Memory
from memory_core.wording import counted

Method = Literal["pca", "tsne"]
Colour = Literal["kind", "session", "cluster"]

LEAST = 3
SIZE = 900  # pixels of the page's drawing


@dataclass(frozen=True, slots=True)
class Drawing:
    """Points in the plane, with the group of each."""

    memories: tuple[Memory, ...] = field(repr=False)
    places: NDArray[np.float64] = field(repr=False)
    """`(n, 2)`, each axis 0..1."""
    groups: tuple[str, ...] = field(repr=False)
    method: Method
    colour: Colour

    def colour_of(self, group: str) -> str:
        """Return the colour of a group; there are twelve, then they repeat."""
        return COLOURS[self.names.index(group) % len(COLOURS)]

    @property
    def names(self) -> list[str]:
        """The groups, in the order of their first memory."""
        return list(dict.fromkeys(self.groups))


def draw(
    memory: MemoryManager, *, method: Method = "pca", colour: Colour = "kind", seed: int = 7
) -> Drawing:
    """Return the live memories of a namespace in the plane.

    Raises:
        InvalidInput: fewer than three memories.
    """
    found = enough(points(memory), LEAST, "a map")
    return Drawing(found.memories, _flat(found, method, seed), _groups(found, colour, seed), method,
                   colour)  # fmt: skip


def write_png(drawing: Drawing, path: Path) -> None:
    """Write the map as PNG.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    with saved_figure(path, (8, 8)) as figure:
        axes = figure.add_subplot()
        for name in drawing.names:
            some = np.array([group == name for group in drawing.groups])
            x, y = drawing.places[some].T
            axes.scatter(x, y, s=14, color=drawing.colour_of(name), label=shortened(name, 40))
        axes.set_title(f"{counted(len(drawing.memories))} by {drawing.colour}, {drawing.method}")
        axes.set_xticks([])
        axes.set_yticks([])
        if len(drawing.names) <= len(COLOURS):
            axes.legend(fontsize="small")


def write_page(drawing: Drawing, path: Path) -> None:
    """Write the map as a page that shows a memory's text under the pointer; it needs no network."""
    dots = "\n".join(
        f'<circle cx="{x * SIZE:.1f}" cy="{(1 - y) * SIZE:.1f}" r="5" '
        f'fill="{drawing.colour_of(group)}"><title>{escape(_told(one, group))}</title></circle>'
        for one, (x, y), group in zip(
            drawing.memories, drawing.places.tolist(), drawing.groups, strict=True
        )
    )
    groups = legend({name: drawing.colour_of(name) for name in drawing.names})
    title = f"{counted(len(drawing.memories))} by {drawing.colour}, {drawing.method}"
    drawn = f'<svg viewBox="-12 -12 {SIZE + 24} {SIZE + 24}" role="img">\n{dots}\n</svg>'
    style = "svg { max-width: 58rem } circle { opacity: .75 } circle:hover { opacity: 1 }"
    whole = page("Map of memories", f"<h1>{title}</h1>\n{groups}\n{drawn}", style=style)
    path.write_text(whole, encoding="utf-8")


def _flat(found: Points, method: Method, seed: int) -> NDArray[np.float64]:
    if method == "pca":
        from sklearn.decomposition import PCA

        flat = PCA(n_components=2, random_state=seed).fit_transform(found.matrix)
    else:
        from sklearn.manifold import TSNE

        perplexity = min(30.0, max(1.0, (len(found) - 1) / 3))
        flat = TSNE(n_components=2, perplexity=perplexity, random_state=seed, init="pca",
                    learning_rate="auto").fit_transform(found.matrix)  # fmt: skip
    low, high = flat.min(axis=0), flat.max(axis=0)
    return np.asarray((flat - low) / np.maximum(high - low, 1e-12), dtype=np.float64)


def _groups(found: Points, colour: Colour, seed: int) -> tuple[str, ...]:
    if colour == "cluster":
        labels = labels_of(enough(found, 4, "clustering"), count=None, seed=seed)
        return tuple(f"cluster {number + 1}" for number in labels.tolist())
    if colour == "session":
        return tuple(one.session or "no session" for one in found.memories)
    return tuple(one.kind for one in found.memories)


def _told(one: Memory, group: str) -> str:
    return f"{one.occurred_at:%Y-%m-%d} · {shortened(group)}\n{shortened(one.text)}"
