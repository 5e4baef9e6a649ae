"""The nouns of the library: what goes in, what is kept, what comes back from a write.

All are frozen. A `Draft` is validated in full before anything is written; a `Memory` is one
version of a stored text and never changes. Recall's values stand in `memory_core.answers`.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema

from memory_core import limits
from memory_core.errors import InvalidInput, InvalidText
from memory_core.limits import MetadataValue
from memory_core.media import Attachment, Media, MediaKind, check_attachment
from memory_core.moments import from_micros as from_micros
from memory_core.moments import to_micros as to_micros

Kind = Literal["episodic", "semantic", "procedural"]
Source = Literal["user", "assistant", "tool", "document", "import", "derived"]

_NAMES = ("role", "speaker", "session", "subject", "attribute", "key", "writer")
_TIMES = ("occurred_at", "valid_from", "valid_to")


class State(StrEnum):
    """Whether a version can be recalled, and if not, why."""

    LIVE = "live"
    FORGOTTEN = "forgotten"
    EXPIRED = "expired"
    INVALIDATED = "invalidated"
    SUPERSEDED = "superseded"


class Trust(StrEnum):
    """How far a memory may be believed, lowest first."""

    QUARANTINED = "quarantined"
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


class Span(BaseModel):
    """The part of a memory's text that matched, in characters: `text[start:stop]`."""

    model_config = ConfigDict(frozen=True)

    start: int = Field(ge=0)
    stop: int = Field(ge=0)


class Draft(BaseModel):
    """A memory before it is stored.

    Example:
        >>> Draft(text="I moved to Lisbon in March", role="user").kind
        'episodic'
    """

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"required": ["text"]})

    text: str = ""
    """What to remember; 1 byte to 1 MiB of UTF-8, kept byte for byte. Beside an image or audio it
    is what is said of it, and may be left out."""
    image: SkipJsonSchema[Attachment | None] = Field(default=None, repr=False)
    """A PNG, JPEG, WebP or GIF file: its path or bytes, at most 32 MiB; kept byte for byte."""
    audio: SkipJsonSchema[Attachment | None] = Field(default=None, repr=False)
    """A WAV, FLAC, MP3 or Ogg file, likewise; one of the two."""
    kind: Kind = "episodic"
    role: str | None = None
    """Who produced it in the conversation: user, assistant, tool, system."""
    speaker: str | None = None
    """The person's or agent's name."""
    session: str | None = None
    occurred_at: datetime | None = None
    """Event time; the store time when None. A naive time is taken as UTC."""
    valid_from: datetime | None = None
    """Since when it is true in the world; unbounded when None."""
    valid_to: datetime | None = None
    """Until when it is true in the world, exclusive; unbounded when None."""
    importance: float | None = None
    """0..1, or None to have it rated."""
    source: Source = "user"
    subject: str | None = None
    attribute: str | None = None
    metadata: dict[str, MetadataValue] = Field(default_factory=dict)
    key: str | None = None
    """Idempotency key: storing the same key twice keeps one memory."""
    writer: str | None = None
    """Who or what wrote it, finer than `source`: a page's address, a tool's or an agent's name."""

    @field_validator("text", mode="before")
    @classmethod
    def _text(cls, value: object) -> str:
        return limits.check_text(value)

    @field_validator("image", "audio", mode="plain")
    @classmethod
    def _attachment(cls, value: object, info: ValidationInfo) -> Attachment | None:
        kind: MediaKind = "audio" if info.field_name == "audio" else "image"
        return None if value is None else check_attachment(value, kind)

    @field_validator("metadata", mode="before")
    @classmethod
    def _metadata(cls, value: object) -> dict[str, MetadataValue]:
        return limits.check_metadata({} if value is None else value)

    @field_validator("importance", mode="before")
    @classmethod
    def _importance(cls, value: object) -> float | None:
        return None if value is None else limits.check_share(value, "importance")

    @model_validator(mode="before")
    @classmethod
    def _named(cls, values: object) -> object:
        if not isinstance(values, Mapping):
            return values
        checked = dict(values)
        beside = checked.get("image") is not None or checked.get("audio") is not None
        if beside and checked.get("text") in (None, ""):
            checked.pop("text", None)
        for name in _NAMES:
            if checked.get(name) is not None:
                limits.check_name(checked[name], name)
        for name in _TIMES:
            if checked.get(name) is not None:
                checked[name] = limits.check_time(checked[name], name)
        return checked

    @model_validator(mode="after")
    def _interval(self) -> Self:
        if self.valid_from and self.valid_to and self.valid_from >= self.valid_to:
            raise InvalidInput(
                f"valid_from {self.valid_from} is not before valid_to {self.valid_to}; swap them"
            )
        return self

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.image is not None and self.audio is not None:
            raise InvalidInput("image and audio in one draft; store two memories and link them")
        if not self.text and self.attachment is None:
            raise InvalidText("text is missing; write something that can be recalled")
        return self

    @property
    def attachment(self) -> tuple[Attachment, MediaKind] | None:
        """The image or audio and which of them it is, None without one."""
        if self.image is not None:
            return self.image, "image"
        return None if self.audio is None else (self.audio, "audio")

    @classmethod
    def of(cls, value: "Draft | Mapping[str, object] | str", /, **fields: object) -> "Draft":
        """Return a draft from a draft, a mapping of its fields, or a bare text.

        Raises:
            InvalidInput: naming every field that is wrong.
        """
        if isinstance(value, Draft) and not fields:
            return value
        return cls.checked(**{**_as_mapping(value), **fields})

    @classmethod
    def checked(cls, /, **fields: object) -> "Draft":
        """Return a draft, with pydantic's complaints turned into one typed error.

        Raises:
            InvalidInput: or its subclass for the field that is wrong.
        """
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise input_error(error, "draft") from error


class Memory(BaseModel):
    """One version of a stored memory, as it was or is."""

    model_config = ConfigDict(frozen=True)

    id: str
    """16 hexadecimal characters, the same in every version."""
    version: int
    """The journal entry, within the namespace, that wrote this version."""
    text: str
    kind: Kind
    role: str | None
    speaker: str | None
    session: str | None
    source: Source
    trust: Trust
    state: State
    occurred_at: datetime
    """Event time."""
    stored_at: datetime
    """When the memory was first stored."""
    valid_from: datetime | None
    valid_to: datetime | None
    importance: float
    """0..1."""
    reinforced: int
    """How often it was reported as useful."""
    subject: str | None
    attribute: str | None
    metadata: dict[str, MetadataValue]
    key: str | None
    writer: str | None = None
    media: Media | None = None
    """The image or sound that it keeps; its `text` may be blank then."""

    def __repr__(self) -> str:
        """Identify the memory without showing its text, so that logs stay clean."""
        size = f"{len(self.text)} chars{f', {self.media.type}' if self.media else ''}"
        return f"Memory({self.id}, version={self.version}, {self.state}, {size})"


class Link(BaseModel):
    """A directed, named connection between two memories of one namespace."""

    model_config = ConfigDict(frozen=True)

    source: str
    target: str
    relation: str
    at: datetime


class Change(BaseModel):
    """One line of a memory's history."""

    model_config = ConfigDict(frozen=True)

    version: int
    """The journal entry."""
    at: datetime
    event: str
    """What happened, in the past tense: stored, revised, superseded, …"""
    memory: Memory | None
    """The memory after the change; None once erased."""


class Rejected(BaseModel):
    """A draft of a batch that was not stored, and why."""

    model_config = ConfigDict(frozen=True)

    position: int
    """Place in the batch, from 0."""
    error: str
    kind: str
    """The error's class name."""


class StoreReport(BaseModel):
    """What became of a batch: `stored` in order, `errors` for the rest."""

    model_config = ConfigDict(frozen=True)

    stored: tuple[Memory, ...]
    errors: tuple[Rejected, ...]
    repeated: int = 0
    """How many drafts were already there under the same key."""


class Outcome(BaseModel):
    """The final answer about a write whose outcome was unknown."""

    model_config = ConfigDict(frozen=True)

    key: str
    stored: bool
    memory: Memory | None = None


class Receipt(BaseModel):
    """Proof of an erasure: what was removed, from where, and what a search still finds."""

    model_config = ConfigDict(frozen=True)

    id: str
    at: datetime
    entry: int
    """The journal entry that records the erasure."""
    entry_hash: str
    """Hexadecimal hash of that entry, checkable against the chain."""
    versions: int
    vectors: int
    recordings: int
    residue: int | None
    """Bytes of the erased text or vectors still found in files of the store: 0. None where the
    files could not be cleaned or searched, see `notes`; the next opening cleans them."""
    same_text: tuple[str, ...] = ()
    """Ids of live memories of this namespace that say the same: equal text, or counted with it."""
    derived: tuple[str, ...] = ()
    """Ids of memories that were derived from it and erased with it."""
    media: int = 0
    """Files of images and sounds that were removed."""
    same_media: tuple[str, ...] = ()
    """Ids of memories of this namespace that keep the same file, which stays for them."""
    notes: tuple[str, ...] = ()
    """What lies outside the store's files: exports, backups, copies on a server."""


def _as_mapping(value: Draft | Mapping[str, object] | str) -> dict[str, object]:
    if isinstance(value, Draft):
        return {name: getattr(value, name) for name in Draft.model_fields}
    if isinstance(value, Mapping):
        if bad := [key for key in value if not isinstance(key, str)]:
            raise InvalidInput(f"field names must be strings, got {bad!r}; rename them")
        return dict(value)
    return {"text": value}


def input_error(error: ValidationError, where: str) -> InvalidInput:
    """Turn pydantic's report into the typed error of its first field, naming all fields."""
    faults = error.errors(include_url=False, include_input=False)
    first = faults[0].get("ctx", {}).get("error")
    if isinstance(first, InvalidInput) and len(faults) == 1:
        return type(first)(str(first))
    lines = "; ".join(f"{'.'.join(map(str, f['loc'])) or where}: {f['msg']}" for f in faults)
    return InvalidInput(f"{where} is not valid: {lines}; correct the fields named")


Drafts = Iterable[Draft | Mapping[str, object] | str]
