"""What can happen to a namespace: one frozen value per kind of journal entry, in the past tense.

An event's payload is the erasable body of its entry. Memories are named by number (the id as an
unsigned integer), times are microseconds since 1970 UTC.
"""

from dataclasses import dataclass, field, fields
from typing import ClassVar

from memory_core.errors import StoreTooNew
from memory_core.limits import MetadataValue


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events."""

    event: ClassVar[str] = ""

    def payload(self) -> dict[str, object]:
        """Return the body of the entry, as JSON can carry it."""
        return {name: getattr(self, name) for name in _NAMES[self.event]}


@dataclass(frozen=True, slots=True)
class Stored(Event):
    """A new memory was stored."""

    event: ClassVar[str] = "stored"
    number: int
    text: str
    kind: str
    source: str
    trust: str
    occurred_at: int
    importance: float
    role: str | None = None
    speaker: str | None = None
    session: str | None = None
    subject: str | None = None
    attribute: str | None = None
    valid_from: int | None = None
    valid_to: int | None = None
    key: str | None = None
    metadata: dict[str, MetadataValue] = field(default_factory=dict)
    writer: str | None = None
    media: dict[str, object] | None = None

    def payload(self) -> dict[str, object]:
        """Return the body; without a file it is what it was before there were files."""
        body = Event.payload(self)
        if self.media is None:
            del body["media"]
        return body


@dataclass(frozen=True, slots=True)
class Revised(Event):
    """A memory's text or fields were corrected; `fields` holds the new values."""

    event: ClassVar[str] = "revised"
    number: int
    fields: dict[str, object]


@dataclass(frozen=True, slots=True)
class Superseded(Event):
    """A memory stopped being true because a newer one replaced it."""

    event: ClassVar[str] = "superseded"
    number: int
    by: int
    valid_to: int


@dataclass(frozen=True, slots=True)
class Invalidated(Event):
    """A memory turned out never to have been true."""

    event: ClassVar[str] = "invalidated"
    number: int
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Expired(Event):
    """A memory stopped being true at a moment, without a successor."""

    event: ClassVar[str] = "expired"
    number: int
    valid_to: int


@dataclass(frozen=True, slots=True)
class Reinforced(Event):
    """A memory was reported as useful."""

    event: ClassVar[str] = "reinforced"
    number: int
    times: int = 1


@dataclass(frozen=True, slots=True)
class Forgotten(Event):
    """A memory is no longer recalled; its history stays."""

    event: ClassVar[str] = "forgotten"
    number: int
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Restored(Event):
    """A forgotten memory can be recalled again."""

    event: ClassVar[str] = "restored"
    number: int


@dataclass(frozen=True, slots=True)
class Trusted(Event):
    """How far a memory is believed was decided."""

    event: ClassVar[str] = "trusted"
    number: int
    trust: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Linked(Event):
    """One memory was linked to another."""

    event: ClassVar[str] = "linked"
    source: int
    target: int
    relation: str


@dataclass(frozen=True, slots=True)
class Unlinked(Event):
    """A link was taken back."""

    event: ClassVar[str] = "unlinked"
    source: int
    target: int
    relation: str


@dataclass(frozen=True, slots=True)
class Proposed(Event):
    """A detector found that two memories may contradict each other; it changes neither."""

    event: ClassVar[str] = "proposed"
    first: int
    """The one that would give way."""
    second: int
    rule: str


@dataclass(frozen=True, slots=True)
class Reviewed(Event):
    """A proposal was accepted or rejected."""

    event: ClassVar[str] = "reviewed"
    proposal: int
    """The entry that proposed it."""
    verdict: str


@dataclass(frozen=True, slots=True)
class Ran(Event):
    """A policy ran; the entries right after this one are what it decided."""

    event: ClassVar[str] = "ran"
    policy: str
    changes: int
    """How many entries."""


@dataclass(frozen=True, slots=True)
class Undone(Event):
    """A policy's run was taken back by the entries right after this one."""

    event: ClassVar[str] = "undone"
    run: int
    """The entry that began it."""
    changes: int


@dataclass(frozen=True, slots=True)
class Erased(Event):
    """A memory's every trace is removed; written before the removal begins."""

    event: ClassVar[str] = "erased"
    number: int
    entries: list[int]
    """The entries whose bodies are removed."""


@dataclass(frozen=True, slots=True)
class Compacted(Erased):
    """A memory that was forgotten for long lost its text; it cannot be brought back."""

    event: ClassVar[str] = "compacted"


@dataclass(frozen=True, slots=True)
class Migrated(Event):
    """Another embedding model serves from here on; both are named by fingerprint digest."""

    event: ClassVar[str] = "migrated"
    before: str
    after: str


EVENTS: dict[str, type[Event]] = {
    kind.event: kind
    for kind in (
        Stored, Revised, Superseded, Invalidated, Expired, Reinforced, Forgotten, Restored, Trusted,
        Linked, Unlinked, Proposed, Reviewed, Ran, Undone, Erased, Compacted,
        Migrated,
    )
}  # fmt: skip
REMOVALS = (Erased.event, Compacted.event)
"""The kinds of entries that explain why bodies of others are gone."""
_NAMES = {name: tuple(each.name for each in fields(kind)) for name, kind in EVENTS.items()}


def event_of(kind: str, payload: dict[str, object]) -> Event:
    """Return the event that an entry's body describes.

    Raises:
        StoreTooNew: a kind this version does not know.
    """
    if kind not in EVENTS:
        raise StoreTooNew(f"the journal has entries of kind {kind!r}; upgrade memory-core")
    return EVENTS[kind](**payload)
