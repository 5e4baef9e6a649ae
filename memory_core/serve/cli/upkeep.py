"""Verbs that look after the store: stats, verify, rebuild, doctor."""

import sqlite3
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memory_core.errors import InvalidInput, MemoryCoreError
from memory_core.serve.cli.session import Session

if TYPE_CHECKING:  # counting waits for nothing that it does not need
    from memory_core.manager import MemoryManager


def stats(
    context: typer.Context,
    plot: Annotated[Path | None, typer.Option(help="Draw it, too: a .png file.")] = None,
) -> None:
    """Count what the namespace holds."""
    options: Session = context.obj
    with options.open() as memory:
        counted = {**counts(memory), **copies(memory)}
        if plot is not None:
            from memory_core.space.overview import write_png
            from memory_core.space.pictures import files_of

            (file,) = files_of(plot, (".png",))
            write_png(memory, file)
            counted["plot"] = str(file)
    options.emit(counted, "\n".join(f"{name:<12} {value}" for name, value in counted.items()))


def verify(
    context: typer.Context,
    deep: Annotated[bool, typer.Option(help="Fold the state anew and compare, too.")] = False,
    anchor: Annotated[Path | None, typer.Option(help="A list of heads, see anchor.")] = None,
    key: Annotated[Path | None, typer.Option(help="The file with the list's key.")] = None,
) -> None:
    """Recompute the whole chain; exit code 3 if anything was changed."""
    options: Session = context.obj
    if (anchor is None) != (key is None):
        raise InvalidInput("--anchor and --key go together; name both files")
    from memory_core.lifecycle.anchor import anchor_faults, read_key
    from memory_core.lifecycle.checking import deep_faults

    with options.open() as memory:
        faults = deep_faults(memory) if deep else memory.journal.verify()
        if anchor is not None and key is not None:
            faults = [*faults, *anchor_faults(memory, anchor, read_key(key))]
        seq = memory.journal.head.seq
    told = "\n".join(faults) or f"{seq} entries verified: every hash, link and body is intact"
    options.emit({"entries": seq, "faults": faults}, told)
    if faults:
        raise typer.Exit(3)


def rebuild(context: typer.Context) -> None:
    """Fold the state anew from the journal, and make every derived file anew."""
    options: Session = context.obj
    with options.open() as memory:
        folded = memory.journal.rebuild()
        rows = memory.parts.derived.rebuild(_progress()) if memory.parts.derived else 0
        state = copies(memory)
    told = f"rebuilt from {folded} entries; {rows} vectors are indexed (Chroma: {state['chroma']})"
    if "sparse" in state:
        told = f"{told}; sparse vectors of {state['sparse']}"
    options.emit({"entries": folded, "indexed": rows, **state}, told)


def doctor(context: typer.Context) -> None:
    """Check installation and store, and say what to do; exit code 3 on faults, 1 on an error."""
    from memory_core.lifecycle.checking import media_faults

    options: Session = context.obj
    report: dict[str, Any] = {
        "python": sys.version.split()[0],
        "memory-core": version("memory-core"),
        "chromadb": version("chromadb"),
        "system sqlite": sqlite3.sqlite_version,
        "home": str(options.home),
    }
    advice, code = "All is well: nothing to do.", 0
    try:
        with options.open() as memory:
            report |= {"durability": memory.journal.database.mode, **counts(memory)}
            report |= copies(memory)
            faults = [*memory.journal.verify(), *media_faults(memory)]
            report["model"] = str(memory.parts.embedder.fingerprint)
        if faults:
            advice = f"The store has {len(faults)} faults, {faults[0]}: restore the last backup."
            code = 3
        elif report["pending"]:
            advice = f"{report['pending']} memories wait for vectors: recall once, or keep it open."
    except MemoryCoreError as error:
        advice, code = f"{type(error).__name__}: {error}", 1
    report["advice"] = advice
    told = "\n".join(f"{name:<14} {value}" for name, value in report.items() if name != "advice")
    options.emit(report, f"{told}\n\n{advice}")
    if code:
        raise typer.Exit(code)


def counts(memory: "MemoryManager") -> dict[str, Any]:
    """Return how much the namespace and its files hold, without loading a model."""
    from memory_core.serve import counting

    files = [path for path in memory.journal.home.rglob("*") if path.is_file()]
    return {**counting.counts(memory), "bytes": sum(path.stat().st_size for path in files)}


def copies(memory: "MemoryManager") -> dict[str, str]:
    """Return what state the derived files are in, in words; Chroma is not opened."""
    return {} if memory.parts.derived is None else memory.parts.derived.report()


def _progress() -> Callable[[str], None]:
    """Return what shows a long rebuild on a terminal, and nothing elsewhere."""
    if not sys.stderr.isatty():
        return lambda what: None
    return lambda what: typer.echo(f"\r{what}", nl=False, err=True)


VERBS = {"stats": stats, "verify": verify, "rebuild": rebuild, "doctor": doctor}
