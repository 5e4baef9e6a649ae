"""Verbs that write: store, link, forget, erase."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from memory_core.errors import InvalidInput, InvalidText
from memory_core.lifecycle import erasing
from memory_core.serve.cli.session import Session, line
from memory_core.types import Receipt
from memory_core.wording import counted

Id = Annotated[str, typer.Argument(help="A memory's id.")]


def store(
    context: typer.Context,
    text: Annotated[str, typer.Argument(help="What to remember; `-` reads standard input.")] = "",
    image: Annotated[Path | None, typer.Option(help="A PNG, JPEG, WebP or GIF file.")] = None,
    audio: Annotated[Path | None, typer.Option(help="A WAV, FLAC, MP3 or Ogg file.")] = None,
    role: str | None = None,
    speaker: str | None = None,
    session: str | None = None,
    at: Annotated[str | None, typer.Option(help="Event time, ISO 8601.")] = None,
    importance: Annotated[float | None, typer.Option(help="0 to 1.")] = None,
    key: Annotated[str | None, typer.Option(help="Idempotency key.")] = None,
    subject: Annotated[str | None, typer.Option(help="Whom or what it is about.")] = None,
    attribute: Annotated[str | None, typer.Option(help="Which fact about the subject.")] = None,
    valid_from: Annotated[str | None, typer.Option(help="Since when it is true.")] = None,
    source: Annotated[str | None, typer.Option(help="user, tool, document, …")] = None,
    writer: Annotated[str | None, typer.Option(help="Which page, tool or agent.")] = None,
) -> None:
    """Store one memory; it is on disk when this returns, its vector follows later."""
    options: Session = context.obj
    fields: dict[str, Any] = {
        "role": role, "speaker": speaker, "session": session, "occurred_at": at,
        "importance": importance, "key": key, "subject": subject, "attribute": attribute,
        "valid_from": valid_from, "source": source, "writer": writer,
        "image": image, "audio": audio,
    }  # fmt: skip
    text = _standard_input() if text == "-" else text
    with options.open(create=True) as memory:
        stored = memory.store(text, **{k: v for k, v in fields.items() if v is not None})
    options.emit(stored, f"stored {line(stored)}")


def _standard_input() -> str:
    """Return what is piped in, byte for byte."""
    data = sys.stdin.buffer.read()
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InvalidText(
            f"standard input is not UTF-8 at byte {error.start}; convert it, with iconv for one"
        ) from error


def link(context: typer.Context, source: Id, target: Id, relation: str) -> None:
    """Link one memory to another by a named relation."""
    options: Session = context.obj
    with options.open() as memory:
        memory.link(source, target, relation)
    options.emit({"linked": [source, target, relation]}, f"linked {source} {relation} {target}")


def forget(context: typer.Context, id: Id, reason: str | None = None) -> None:
    """Stop recalling a memory; its history stays."""
    options: Session = context.obj
    with options.open() as memory:
        forgotten = memory.forget(id, reason)
    options.emit(forgotten, f"forgotten {forgotten.id}")


def erase(
    context: typer.Context,
    id: Annotated[str | None, typer.Argument(help="A memory's id.")] = None,
    subject: Annotated[str | None, typer.Option(help="Everything about this subject.")] = None,
    session: Annotated[str | None, typer.Option(help="Everything of this session.")] = None,
    writer: Annotated[str | None, typer.Option(help="Everything this writer wrote.")] = None,
    everything: Annotated[bool, typer.Option(help="The whole namespace.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Only say what would go.")] = False,
) -> None:
    """Remove every trace of memories and what was derived from them; print the receipts."""
    options: Session = context.obj
    fields = {"id": id, "subject": subject, "session": session, "writer": writer}
    where: dict[str, object] = {name: value for name, value in fields.items() if value is not None}
    if len(where) + everything != 1:
        raise InvalidInput("name one: an id, --subject, --session, --writer or --everything")
    with options.open() as memory:
        if dry_run:
            doomed = erasing.doomed_ids(memory, None if everything else where)
            options.emit({"would_erase": list(doomed)}, f"would erase {counted(len(doomed))}")
            return
        if id is not None:
            receipts: tuple[Receipt, ...] = (memory.erase(id),)
        elif everything:
            receipts = erasing.erase_namespace(memory)
        else:
            receipts = erasing.erase_where(memory, where)
    _tell(options, receipts)
    if any(receipt.residue != 0 for receipt in receipts):
        raise typer.Exit(3)


def _tell(options: Session, receipts: Sequence[Receipt]) -> None:
    lines = [f"erased {len(receipts)}"]
    for receipt in receipts:
        lines += [f"{name:<11} {value}" for name, value in receipt.model_dump().items()] + [""]
    options.emit(receipts[0] if len(receipts) == 1 else list(receipts), "\n".join(lines))


VERBS = {"store": store, "link": link, "forget": forget, "erase": erase}
