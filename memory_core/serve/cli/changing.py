"""Verbs that change what is true of a memory: revise, supersede, invalidate, expire, reinforce."""

from typing import Annotated, Any

import typer

from memory_core.serve.cli.session import Session, line
from memory_core.serve.cli.writing import Id

At = Annotated[str | None, typer.Option(help="Event time, ISO 8601.")]
From = Annotated[str | None, typer.Option(help="Since when it is true.")]
Subject = Annotated[str | None, typer.Option(help="Whom or what it is about.")]
Attribute = Annotated[str | None, typer.Option(help="Which fact about the subject.")]
Importance = Annotated[float | None, typer.Option(help="0 to 1.")]


def revise(
    context: typer.Context,
    id: Id,
    text: Annotated[str | None, typer.Option(help="What it should have said.")] = None,
    speaker: str | None = None,
    session: str | None = None,
    at: At = None,
    importance: Importance = None,
    subject: Subject = None,
    attribute: Attribute = None,
    valid_from: From = None,
    valid_to: Annotated[str | None, typer.Option(help="Until when it is true.")] = None,
) -> None:
    """Correct a memory's text or fields; the old version stays in its history."""
    options: Session = context.obj
    fields: dict[str, Any] = {
        "text": text, "speaker": speaker, "session": session, "occurred_at": at,
        "importance": importance, "subject": subject, "attribute": attribute,
        "valid_from": valid_from, "valid_to": valid_to,
    }  # fmt: skip
    with options.open() as memory:
        revised = memory.revise(id, **_given(fields))
    options.emit(revised, f"revised {line(revised)}")


def supersede(
    context: typer.Context,
    id: Id,
    text: Annotated[str, typer.Argument(help="What is true instead, from then on.")],
    speaker: str | None = None,
    session: str | None = None,
    at: At = None,
    valid_from: From = None,
    importance: Importance = None,
    key: Annotated[str | None, typer.Option(help="Idempotency key.")] = None,
) -> None:
    """Store what replaces a memory; the old one was true until then."""
    options: Session = context.obj
    fields: dict[str, Any] = {
        "speaker": speaker, "session": session, "occurred_at": at, "valid_from": valid_from,
        "importance": importance, "key": key,
    }  # fmt: skip
    with options.open() as memory:
        stored = memory.supersede(id, text, **_given(fields))
    options.emit(stored, f"stored {line(stored)}, in place of {id}")


def invalidate(context: typer.Context, id: Id, reason: str | None = None) -> None:
    """Say that a memory never was true; no recall returns it."""
    options: Session = context.obj
    with options.open() as memory:
        changed = memory.invalidate(id, reason)
    options.emit(changed, f"invalidated {line(changed)}")


def expire(
    context: typer.Context,
    id: Id,
    at: Annotated[str | None, typer.Option(help="Until when it was true; now if left out.")] = None,
) -> None:
    """Say that a memory was true only until then."""
    options: Session = context.obj
    with options.open() as memory:
        changed = memory.expire(id, at)
    options.emit(changed, f"expired {line(changed)}")


def reinforce(context: typer.Context, id: Id, times: int = 1) -> None:
    """Say that a memory was useful."""
    options: Session = context.obj
    with options.open() as memory:
        changed = memory.reinforce(id, times)
    options.emit(changed, f"reinforced {changed.reinforced} times: {line(changed)}")


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


VERBS = {
    "revise": revise, "supersede": supersede, "invalidate": invalidate, "expire": expire,
    "reinforce": reinforce,
}  # fmt: skip
