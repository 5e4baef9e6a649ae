"""Verbs over the meaning space: similar, clusters, classify, map."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from memory_core.config import load
from memory_core.errors import InvalidInput
from memory_core.serve.cli.session import Session, line
from memory_core.wording import counted

if TYPE_CHECKING:
    from memory_core.embed.sentence_transformers_ranking import TextRanker


def similar(
    context: typer.Context,
    wanted: Annotated[str, typer.Argument(help="A memory's id, or any text.")],
    k: Annotated[int, typer.Option(help="How many memories.")] = 8,
    sparse: Annotated[str | None, typer.Option(help="A sparse model to rank by.")] = None,
    late: Annotated[str | None, typer.Option(help="A late-interaction model to rank by.")] = None,
) -> None:
    """Show the memories nearest to one, or to a text, by the model alone."""
    from memory_core.space import similar as find

    options: Session = context.obj
    by = _ranker(options, sparse, late)
    with options.open() as memory:
        found = find(memory, wanted, k=k, by=by)
    plain = [{"memory": one.memory, "similarity": one.similarity} for one in found]
    told = "\n".join(f"{one.similarity:.3f}  {line(one.memory)}" for one in found)
    options.emit(plain, told or "nothing stored yet")


def clusters(
    context: typer.Context,
    count: Annotated[int | None, typer.Option(help="How many; chosen when left out.")] = None,
    seed: int = 7,
) -> None:
    """Show the groups of memories that mean alike."""
    from memory_core.space import clusters as find

    options: Session = context.obj
    with options.open() as memory:
        found = find(memory, count=count, seed=seed)
    plain = [
        {"words": one.words, "centre": one.centre, "ids": [m.id for m in one.memories]}
        for one in found
    ]
    told = "\n".join(
        f"{len(one.memories):>5}  {', '.join(one.words)}\n       {line(one.centre)}"
        for one in found
    )
    options.emit(plain, told)


def classify(
    context: typer.Context,
    labels: Annotated[str, typer.Option(help="Two or more, with commas between.")],
    session: Annotated[str | None, typer.Option(help="Only this session.")] = None,
) -> None:
    """Sort memories under labels, by the nearest label's text."""
    from memory_core.space import classify as find

    options: Session = context.obj
    with options.open() as memory:
        found = find(memory, labels.split(","), session=session)
    plain = [{"id": one.memory.id, "label": one.label, "share": one.share} for one in found]
    counted = Counter(one.label for one in found)
    lines = [f"{one.label}  {one.share:.2f}  {line(one.memory)}" for one in found]
    lines += [f"{number:>5}  {label}" for label, number in counted.most_common()]
    options.emit(plain, "\n".join(lines) or "nothing stored yet")


def map_verb(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(help="The file: .png, .html, or no ending for both.")],
    method: Annotated[Literal["pca", "tsne"], typer.Option(help="How to flatten.")] = "pca",
    colour: Annotated[
        Literal["kind", "session", "cluster"], typer.Option(help="What colours mean.")
    ] = "kind",
    seed: int = 7,
) -> None:
    """Draw the namespace as a two-dimensional map."""
    from memory_core.space.map import draw, write_page, write_png
    from memory_core.space.pictures import files_of

    options: Session = context.obj
    files = files_of(out)
    with options.open() as memory:
        drawing = draw(memory, method=method, colour=colour, seed=seed)
    for path in files:
        (write_png if path.suffix == ".png" else write_page)(drawing, path)
    plain: dict[str, Any] = {
        "files": [str(path) for path in files], "memories": len(drawing.memories),
        "groups": drawing.names,
    }  # fmt: skip
    told = f"{counted(len(drawing.memories))} in {counted(len(drawing.names), 'group', 'groups')}: "
    options.emit(plain, told + ", ".join(map(str, files)))


def timeline_verb(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(help="The file: .png, .html, or no ending for both.")],
    by: Annotated[
        Literal["store", "event"], typer.Option(help="When it was stored, or what it speaks of.")
    ] = "store",
) -> None:
    """Draw how many memories there were over time, and what happened to them."""
    from memory_core.space.pictures import files_of
    from memory_core.space.timeline import timeline
    from memory_core.space.timeline_chart import write_page, write_png

    options: Session = context.obj
    files = files_of(out)
    with options.open() as memory:
        found = timeline(memory, axis=by)
    for path in files:
        (write_png if path.suffix == ".png" else write_page)(found, path)
    plain = {"files": [str(path) for path in files], "recallable": found.now, **found.totals}
    counts = ", ".join(f"{count:,} {name}" for name, count in found.totals.items())
    options.emit(plain, f"{counts}; {found.now:,} recallable: {', '.join(map(str, files))}")


def graph(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(help="The file; .html is added where no ending is.")],
    most: Annotated[int, typer.Option(help="How many memories to show.")] = 400,
    seed: int = 7,
) -> None:
    """Draw the links between memories as a page to wander in."""
    from memory_core.space.links import drawing
    from memory_core.space.links_page import write_page
    from memory_core.space.pictures import files_of

    options: Session = context.obj
    (path,) = files_of(out, (".html",))
    with options.open() as memory:
        drawn = drawing(memory, most=most, seed=seed)
    write_page(drawn, path)
    memories, links = drawn.left_out
    plain = {
        "file": str(path), "memories": len(drawn.memories), "links": len(drawn.links),
        "left_out": {"memories": memories, "links": links},
    }  # fmt: skip
    told = f"{_both(len(drawn.memories), len(drawn.links))}: {path}"
    told += f"; left out: {_both(memories, links)}" if memories or links else ""
    options.emit(plain, told)


def _ranker(options: Session, sparse: str | None, late: str | None) -> "TextRanker | None":
    if sparse is None and late is None:
        return None
    if sparse is not None and late is not None:
        raise InvalidInput("--sparse and --late are two models; name one")
    from memory_core.embed.sentence_transformers_ranking import TextRanker
    from memory_core.models.resolve import resolve

    settings = load(options.home, options.settings)
    found = resolve(
        sparse or late or "",
        cache_dir=settings.models_dir.expanduser(),
        allow_download=settings.allow_download,
    )
    return TextRanker(found, "late" if sparse is None else "sparse")


VERBS = {
    "similar": similar,
    "clusters": clusters,
    "classify": classify,
    "map": map_verb,
    "timeline": timeline_verb,
    "graph": graph,
}


def _both(memories: int, links: int) -> str:
    return f"{counted(memories)} and {counted(links, 'link', 'links')}"
