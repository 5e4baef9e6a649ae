"""`memory bench`: measure what the memory costs here, against floors of the same run."""

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from memory_core.errors import NotFound
from memory_core.serve.cli.session import Session, dumps


def bench(
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(help="store, import, recall, turn, start, models, index, or all."),
    ] = None,
    size: Annotated[
        list[int] | None, typer.Option(help="Memories to recall from; may be repeated.")
    ] = None,
    n: Annotated[int | None, typer.Option(min=2, help="Measurements of each figure.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the texts.")] = 1,
    plots: Annotated[Path | None, typer.Option(help="Directory for pictures.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure what the memory costs on this machine; TMPDIR chooses the disk."""
    from memory_core.bench.figure import Run
    from memory_core.bench.table import BENCHES

    options: Session = context.obj
    chosen = list(BENCHES) if not names or names == ["all"] else names
    if unknown := [name for name in chosen if name not in BENCHES]:
        raise NotFound(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    if plots is not None and not plots.is_dir():
        raise NotFound(f"{plots} is no directory; name an existing one")
    amounts = {**_amounts(size, n), "plots": plots}
    found = []
    with tempfile.TemporaryDirectory() as place, telling() as tell:
        for name in chosen:
            home = Path(place) / name
            home.mkdir()
            run = Run(home, settings=options.settings, seed=seed, tell=tell, **amounts)
            found += list(BENCHES[name](run))
    if json or options.json:
        sys.stdout.write(dumps([figure.as_json() for figure in found]) + "\n")
        return
    headers = ("figure", "p50", "p95", "unit", "floor", "ratio", "target", "met", "n")
    options.table([_row(figure.as_json()) for figure in found], *headers)
    for figure in found:
        sys.stdout.write(f"{figure.name}: {figure.how}\n")


def _amounts(sizes: list[int] | None, n: int | None) -> dict[str, Any]:
    amounts: dict[str, Any] = {} if not sizes else {"sizes": tuple(sizes)}
    if n is not None:
        amounts |= {"stores": n, "records": n, "recalls": n, "starts": n}
    return amounts


def _row(figure: dict[str, Any]) -> list[str]:
    met = {True: "yes", False: "MISSED", None: ""}[figure["met"]]
    numbers = {
        name: "" if figure.get(name) is None else f"{figure[name]:,.3g}"
        if abs(figure[name]) < 1000 else f"{figure[name]:,.0f}"
        for name in ("value", "p95", "floor", "ratio")
    }  # fmt: skip
    return [
        figure["name"], numbers["value"], numbers["p95"], figure["unit"], numbers["floor"],
        numbers["ratio"], figure["target"] or "", met, str(figure["n"]),
    ]  # fmt: skip


@contextmanager
def telling() -> Iterator[Callable[[str], None]]:
    """Lend a function that says what is being done, on a terminal and only there."""
    if not sys.stderr.isatty():
        yield lambda what: None
        return
    from rich.console import Console

    with Console(stderr=True).status("measuring") as status:
        yield status.update


VERBS = {"bench": bench}
