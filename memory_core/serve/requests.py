"""What each operation asks for, as JSON carries it; checked in full before anything runs.

Unknown fields are errors. Texts, times, filters and numbers are checked by the library itself, so
every way in refuses the same values with the same words.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from memory_core.limits import MAX_K, MAX_TIMES
from memory_core.types import Draft

Id = Annotated[str, Field(max_length=64, description="A memory's id, 16 hexadecimal characters.")]
RecallId = Annotated[str, Field(max_length=64, description="A recall's id.")]
Moment = Annotated[str | None, Field(max_length=64, description="ISO 8601 time.")]
Number = float | int | None
MAX_BATCH = 1_000
MAX_LIST = 1_000


class Asked(BaseModel):
    """Base of all requests."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Nothing(Asked):
    """No arguments."""


class ManyDrafts(Asked):
    """A batch; a bad draft is reported and does not stop the others."""

    drafts: Annotated[list[dict[str, Any] | str], Field(max_length=MAX_BATCH)]


class Question(Asked):
    """A recall, see `MemoryManager.recall`."""

    text: str
    k: Annotated[int, Field(ge=1, le=MAX_K)] = 8
    token_budget: int | None = None
    deadline_ms: Annotated[float | None, Field(gt=0, le=60_000)] = None
    where: dict[str, Any] | None = None
    as_of: Moment = None
    known_at: Moment = None
    now: Moment = None
    explain: bool = False
    record: bool = True
    for_action: bool = False
    session: Annotated[str | None, Field(max_length=256)] = None


class One(Asked):
    """A memory."""

    id: Id


class Listing(Asked):
    """Live memories, the newest first."""

    where: dict[str, Any] | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_LIST)] = 50
    offset: Annotated[int, Field(ge=0, le=2**53)] = 0


class Revision(Asked):
    """New values of some fields of a memory."""

    id: Id
    fields: dict[str, Any]


class Succession(Asked):
    """A draft that replaces a memory."""

    id: Id
    draft: Draft


class Reason(Asked):
    """A memory, and why."""

    id: Id
    reason: str | None = None


class Ending(Asked):
    """A memory, and until when it was true; now when absent."""

    id: Id
    at: Moment = None


class Usefulness(Asked):
    """A memory that was useful, and how often."""

    id: Id
    times: Annotated[int, Field(ge=1, le=MAX_TIMES)] = 1


class Tie(Asked):
    """A link between two memories."""

    source: Id
    target: Id
    relation: str


class Around(Asked):
    """The links around a memory, as of an entry."""

    id: Id
    hops: Annotated[int, Field(ge=1, le=2)] = 1
    limit: Annotated[int, Field(ge=1, le=200)] = 60
    seq: Annotated[int | None, Field(ge=0, le=2**40)] = None


class Past(Asked):
    """The memory as it was after an entry, the newest first."""

    seq: Annotated[int, Field(ge=0, le=2**40)]
    limit: Annotated[int, Field(ge=1, le=MAX_LIST)] = 50
    offset: Annotated[int, Field(ge=0, le=2**53)] = 0


class Entries(Asked):
    """Journal entries after one, in order."""

    after: Annotated[int, Field(ge=0, le=2**40)] = 0
    limit: Annotated[int, Field(ge=1, le=MAX_LIST)] = 100


class Key(Asked):
    """An idempotency key."""

    key: str


class Recent(Asked):
    """The newest recorded recalls."""

    limit: Annotated[int, Field(ge=1, le=MAX_LIST)] = 50


class Recorded(Asked):
    """A recorded recall."""

    recall_id: RecallId


class Otherwise(Asked):
    """A recorded recall under a change, see `Replay.what_if`."""

    recall_id: RecallId
    without: Annotated[list[Id], Field(max_length=MAX_K)] = []
    now: Moment = None
    k: Annotated[int | None, Field(ge=1, le=MAX_K)] = None
    rerank: bool | None = None
    settings: dict[str, Number] = {}


class Pair(Asked):
    """Two recorded recalls; the second may be under a change."""

    before: RecallId
    after: RecallId
    change: Otherwise | None = None


class Fated(Asked):
    """A memory's fate in a recorded recall, by id or by words of its text."""

    recall_id: RecallId
    wanted: Annotated[str, Field(min_length=1, max_length=4_096)]
