"""Verbs that move memories between a store and files: import, export."""

import gzip
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from memory_core.errors import InvalidInput
from memory_core.interchange import FORMATS, Record, detect
from memory_core.interchange.base import fitting_name
from memory_core.interchange.transfer import (
    Transferred,
    by_conversation,
    export_jsonl,
    import_records,
    surviving,
)
from memory_core.journal.copying import Copy, note_copy
from memory_core.manager import MemoryManager
from memory_core.serve.cli.session import Session
from memory_core.wording import counted

SHOWN = 5
"""How many namespaces and notes are told; `--json` has them all."""
STEP_SECONDS = 0.5
"""How long one step of embedding lasts before the progress bar moves."""

Advance = Callable[[int], None]


class Into(StrEnum):
    """Where the conversations of a file go."""

    ONE = "one"
    EACH = "each"


def import_file(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="A file; gzip is unpacked.")],
    form: Annotated[
        str, typer.Option("--format", help=f"auto, or one of {', '.join(FORMATS)}.")
    ] = "auto",
    into: Annotated[
        Into, typer.Option(help="All into one namespace, or each conversation into its own.")
    ] = Into.ONE,
    embed: Annotated[bool, typer.Option(help="Wait until every text has its vector.")] = True,
) -> None:
    """Import a file; running it again continues, and stores nothing twice."""
    options: Session = context.obj
    name = detect(path) if form == "auto" else form
    records = surviving(path, name)
    runs = by_conversation(records) if into is Into.EACH else iter([(None, records)])
    target = _Target(options, embed=embed)
    for conversation, run in runs:
        target.take(fitting_name(conversation) if conversation else options.namespace, run)
    target.report(name)
    if target.total.rejected:
        raise typer.Exit(3)


def export_file(
    context: typer.Context,
    path: Annotated[str, typer.Argument(help="A new file, gzipped if it ends in .gz, or `-`.")],
) -> None:
    """Export every memory with its links as JSON lines that `memory import` reads."""
    options: Session = context.obj
    with options.open(readonly=True) as memory, _stream(path) as stream:
        written = export_jsonl(memory, stream)
    if path != "-":
        _note(options, path)
        fields = {"path": path, "memories": written.memories, "links": written.links}
        links = counted(written.links, "link", "links")
        told = f"exported {counted(written.memories)} and {links} to {path}"
        options.emit(fields, told)


def _note(options: Session, path: str) -> None:
    """Remember an export for the receipts of erasures, unless the home is read-only."""
    with options.open() as memory:
        if not memory.journal.database.readonly:
            uid, at = memory.journal.identity.uid.hex(), memory.parts.clock()
            note_copy(memory.journal.database, Copy(Path(path).absolute(), at, uid))


class _Target:
    """The namespaces of one import, opened one after another with one model for all."""

    def __init__(self, options: Session, *, embed: bool) -> None:
        self.total = Transferred()
        self._options = options
        self._embed = embed
        self._settings: dict[str, Any] = options.settings
        self._stored: dict[str, int] = {}
        self._pending = 0

    def take(self, namespace: str, records: Iterable[Record]) -> None:
        """Store records into a namespace and, if asked, wait until they are embedded."""
        options = replace(self._options, namespace=namespace, settings=self._settings)
        with options.open(create=True) as memory:
            self._settings = {**self._settings, "embedder": memory.parts.embedder}
            if not self._embed:
                memory.parts.catchup.close()  # or the worker begins with the first batch
            with _progress(f"storing into {namespace}") as advance:
                done = import_records(memory, records, advance)
            self._pending += _embedded(memory) if self._embed else _pending(memory)
        self._stored[namespace] = self._stored.get(namespace, 0) + done.stored
        self.total.take_in(done)

    def report(self, form: str) -> None:
        """Tell what became of the file: counts on standard output, rejections on the other."""
        total = self.total
        for line in total.rejected:
            sys.stderr.write(f"rejected {line}\n")
        for note, count in total.notes.most_common(SHOWN):
            sys.stderr.write(f"note, {count} times: {note}\n")
        names = list(self._stored)
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        told = (
            f"stored {total.stored}, repeated {total.repeated}, rejected {len(total.rejected)}"
            f" ({form}, into {', '.join(names[:SHOWN])}{more})"
        )
        if self._pending:
            told += f"; {self._pending} wait for vectors"
        fields = {
            "format": form, "stored": total.stored, "repeated": total.repeated,
            "rejected": total.rejected, "notes": dict(total.notes), "pending": self._pending,
        }  # fmt: skip
        self._options.emit({**fields, "namespaces": self._stored}, told)


def _embedded(memory: MemoryManager) -> int:
    """Embed what is pending; return how many texts the model did not embed."""
    total = left = _pending(memory)
    with _progress(f"embedding {memory.namespace}", total) as advance:
        while left:
            before, left = left, memory.parts.catchup.drain(STEP_SECONDS)
            advance(total - left)
            if left == before:  # every step embeds a batch, unless the model fails
                break
    return left


def _pending(memory: MemoryManager) -> int:
    return memory.journal.vectors(memory.parts.embedder.fingerprint.digest).pending_count()


@contextmanager
def _stream(path: str) -> Iterator[TextIO]:
    """Lend a stream for UTF-8; a file gets its name only when it is whole."""
    if path == "-":
        stream = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="\n")
        yield stream
        stream.detach()  # writes what is buffered and leaves standard output open
        return
    if os.path.lexists(path):
        raise InvalidInput(f"{path} is there already; name a new file, or remove that one")
    part = Path(f"{path}.part")
    try:
        with (
            gzip.open(part, "wt", encoding="utf-8", newline="\n")
            if path.endswith(".gz")
            else part.open("w", encoding="utf-8", newline="\n")
        ) as file:
            yield file
        os.replace(part, path)
    except OSError as error:
        raise InvalidInput(
            f"{path}: cannot be written ({error.strerror or error}); name another place"
        ) from error
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _progress(what: str, total: int | None = None) -> Iterator[Advance]:
    """Lend a function that moves a progress bar, on a terminal and only there."""
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


VERBS = {"import": import_file, "export": export_file}
