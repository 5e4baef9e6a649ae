"""Verbs that keep copies and proofs outside the store: backup, restore, anchor."""

from pathlib import Path
from typing import Annotated

import typer

from memory_core.errors import InvalidInput
from memory_core.lifecycle import backup as copies
from memory_core.lifecycle.anchor import anchor as noted
from memory_core.lifecycle.anchor import read_key
from memory_core.serve.cli.session import Session
from memory_core.wording import counted


def backup(
    context: typer.Context,
    destination: Annotated[Path, typer.Argument(help="A new directory.")],
    drill: Annotated[
        bool, typer.Option(help="Restore it at once into a place to throw away.")
    ] = False,
) -> None:
    """Write a backup of the whole store while it is in use."""
    options: Session = context.obj
    with options.open() as memory:
        done = copies.backup(memory, destination)
    told = f"backed up {len(done.heads)} namespaces, {done.bytes:,} bytes, to {done.path}"
    if drill:
        tried = copies.drill(done.path)
        told += f"; restored and verified in {tried.seconds:.1f} s"
    options.emit({"path": done.path, "bytes": done.bytes, "heads": dict(done.heads)}, told)


def restore(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(help="A backup's directory.")],
    until: Annotated[
        list[str] | None, typer.Option(help="NAMESPACE=ENTRY to go back to; may be repeated.")
    ] = None,
    ledger: Annotated[
        list[Path] | None,
        typer.Option(help="More lists of erasures: a file, a backup, or the old home."),
    ] = None,
) -> None:
    """Restore a backup into the home given by --home, which has no store yet, and verify it."""
    options: Session = context.obj
    done = copies.restore(
        source, options.home, ledgers=ledger or (), until=dict(map(_entry, until or []))
    )
    told = (
        f"restored {len(done.heads)} namespaces to {done.home}, every chain verified; "
        f"left out, since erased: {counted(done.left_out)}"
    )
    options.emit({"home": done.home, "heads": dict(done.heads), "left_out": done.left_out}, told)


def anchor(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The list, best on another disk.")],
    key: Annotated[Path, typer.Option(help="A file with a key of 16 bytes or more.")],
) -> None:
    """Note the newest entry in a keyed list outside the store, for `verify --anchor`."""
    options: Session = context.obj
    with options.open() as memory:
        head = noted(memory, file, read_key(key))
    options.emit({"seq": head.seq, "hash": head.hash}, f"noted entry {head.seq} in {file}")


def _entry(given: str) -> tuple[str, int]:
    name, found, seq = given.rpartition("=")
    if not found or not seq.isdigit():
        raise InvalidInput(f"--until {given!r} is not NAMESPACE=ENTRY; write default=120")
    return name, int(seq)


VERBS = {"backup": backup, "restore": restore, "anchor": anchor}
