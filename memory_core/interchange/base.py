"""What every reader returns: one record for each thing it met in the file, good or bad.

A reader is pure: path in, records out, no store and no clock. A broken turn becomes a record
with its `error` and the reader goes on; a file that is broken as a whole raises `InvalidInput`.
Keys are `<format>:<conversation>:<turn>`, so importing a file twice stores it once.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from memory_core.errors import InvalidInput
from memory_core.limits import MAX_NAME_BYTES, check_name
from memory_core.types import Draft, State, Trust

NO_TIME = "no event time in the file; occurred_at is left open"


class OriginLink(BaseModel):
    """A link of an exported memory to another memory of the same export."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: str
    """The other memory's id in the store that was exported."""
    relation: str
    at: datetime | None = None


class Origin(BaseModel):
    """What an exported memory was in its old store, beyond what a draft can say."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str | None = None
    version: int | None = Field(default=None, ge=0)
    stored_at: datetime | None = None
    state: State = State.LIVE
    trust: Trust | None = None
    reinforced: int = Field(default=0, ge=0)
    links: tuple[OriginLink, ...] = ()
    closed: datetime | None = None
    """When it ended, if that was no later than it began: a draft cannot say that."""
    attribute: str | None = None
    """The attribute of such a memory, which would close others if it were stored with it."""


@dataclass(frozen=True)
class Record:
    """One thing met in a file: a draft, an error, or only a note about what was left out.

    Example:
        >>> Record("chat.jsonl:3", Draft(text="I moved to Lisbon")).error is None
        True
    """

    position: str
    """Where it stands: `file:line`, `file[item]/turn` or `conversation/session/turn`."""
    draft: Draft | None
    error: str | None = None
    """Why there is no draft; None when there is one or nothing was to be read."""
    note: str | None = None
    """What the format could not say or the reader left out."""
    conversation: str | None = None
    """Which conversation of the file it belongs to, to give each its own namespace."""
    origin: Origin | None = None
    """Only in memory-core's own format."""


class Reader(Protocol):
    """A format's reader: records in file order, read as they are asked for."""

    def __call__(self, path: Path) -> Iterator[Record]:
        """Yield the file's records.

        Raises:
            InvalidInput: the file as a whole cannot be read, naming it and the place.
        """
        ...


@dataclass(frozen=True)
class Place:
    """Where a record stands, passed along while it is read."""

    position: str
    conversation: str | None = None

    def __post_init__(self) -> None:
        # Ids may hold lone surrogates; a report that names them must be printable.
        object.__setattr__(self, "position", _printable(self.position))
        if self.conversation is not None:
            object.__setattr__(self, "conversation", _printable(self.conversation))

    def record(self, note: str | None = None, **fields: object) -> Record:
        """Return the record of a draft with these fields, or of why they make none."""
        try:
            draft = Draft.checked(**fields)
        except InvalidInput as error:
            return self.failed(f"{self.position}: {error}")
        if draft.occurred_at is None:
            note = joined_notes(note, NO_TIME)
        return Record(self.position, draft, note=note, conversation=self.conversation)

    def failed(self, error: str) -> Record:
        """Return the record of something that could not be read."""
        return Record(self.position, None, error=error, conversation=self.conversation)

    def skipped(self, note: str) -> Record:
        """Return the record of something left out on purpose."""
        return Record(self.position, None, note=note, conversation=self.conversation)

    def within(self, part: str) -> "Place":
        """Return the place of a part of this one."""
        return Place(f"{self.position}/{part}", self.conversation)


def joined_notes(*notes: str | None) -> str | None:
    """Return the notes that are there as one, or None."""
    return "; ".join(note for note in notes if note) or None


def key_of(form: str, conversation: str, turn: str) -> str:
    """Return the idempotency key of a turn, at most MAX_NAME_BYTES long.

    A colon in the conversation's id is escaped, so that two conversations never share a key.
    """
    escaped = conversation.replace("%", "%25").replace(":", "%3A")
    return fitting_name(f"{form}:{escaped}:{turn}", prefix=f"{form}:")


def fitting_name(name: str, prefix: str = "") -> str:
    """Return `name` if the store takes it as a name, else `prefix` and a digest of it."""
    try:
        return check_name(name, "name")
    except InvalidInput:
        return prefix[: MAX_NAME_BYTES // 2] + digest(name)


def digest(value: object) -> str:
    """Return 16 hexadecimal characters that stand for a JSON value."""
    text = json.dumps(value, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
