"""What each operation asks for, as JSON carries it; checked in full before anything runs.

Unknown fields are errors. Texts, times, filters and numbers are checked by the library itself, so
every way in refuses the same values with the same words.
"""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict

from memory_core.limits import MAX_K, MAX_TIMES
from memory_core.types import Draft


def _number(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("a number is wanted, not true or false")
    return value


WHOLE = BeforeValidator(_number)
Flag = Annotated[bool, Strict()]
Id = Annotated[str, Field(max_length=64, description="A memory's id, 16 hexadecimal characters.")]
RecallId = Annotated[str, Field(max_length=64, description="A recall's id.")]
Moment = Annotated[
    Annotated[str, Field(max_length=64, json_schema_extra={"format": "date-time"})] | None,
    Field(description="ISO 8601 time."),
]
Words = Annotated[str, Field(min_length=1, pattern=r"\S", description="Not blank.")]
Name = Annotated[str, Field(min_length=1, max_length=256, pattern=r"\S", description="Not blank.")]
Number = float | int | None
Where = Annotated[dict[str, Any], Field(min_length=1, description="A filter.")]
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

    text: Words
    k: Annotated[int, Field(ge=1, le=MAX_K), WHOLE] = 8
    token_budget: Annotated[int, Field(ge=1, le=1_000_000), WHOLE] | None = None
    deadline_ms: Annotated[float | None, Field(gt=0, le=60_000)] = None
    where: Where | None = None
    as_of: Moment = None
    known_at: Moment = None
    now: Moment = None
    explain: Flag = False
    record: Flag = True
    for_action: Flag = False
    session: Name | None = None


class One(Asked):
    """A memory."""

    id: Id


class Listing(Asked):
    """Live memories, the newest first."""

    where: Where | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_LIST), WHOLE] = 50
    offset: Annotated[int, Field(ge=0, le=2**53), WHOLE] = 0


class Revision(Asked):
    """New values of some fields of a memory."""

    id: Id
    fields: Annotated[dict[str, Any], Field(min_length=1)]


class Succession(Asked):
    """A draft that replaces a memory."""

    id: Id
    draft: Draft


class Reason(Asked):
    """A memory, and why."""

    id: Id
    reason: Words | None = None


class Ending(Asked):
    """A memory, and until when it was true; now when absent."""

    id: Id
    at: Moment = None


class Usefulness(Asked):
    """A memory that was useful, and how often."""

    id: Id
    times: Annotated[int, Field(ge=1, le=MAX_TIMES), WHOLE] = 1


class Tie(Asked):
    """A link between two memories."""

    source: Id
    target: Id
    relation: Name


class Around(Asked):
    """The links around a memory, as of an entry."""

    id: Id
    hops: Annotated[int, Field(ge=1, le=2), WHOLE] = 1
    limit: Annotated[int, Field(ge=1, le=200), WHOLE] = 60
    seq: Annotated[int, Field(ge=0, le=2**40), WHOLE] | None = None


class Past(Asked):
    """The memory as it was after an entry, the newest first."""

    seq: Annotated[int, Field(ge=0, le=2**40), WHOLE]
    limit: Annotated[int, Field(ge=1, le=MAX_LIST), WHOLE] = 50
    offset: Annotated[int, Field(ge=0, le=2**53), WHOLE] = 0


class Entries(Asked):
    """Journal entries after one, in order."""

    after: Annotated[int, Field(ge=0, le=2**40), WHOLE] = 0
    limit: Annotated[int, Field(ge=1, le=MAX_LIST), WHOLE] = 100


class Key(Asked):
    """An idempotency key."""

    key: Name


class Recent(Asked):
    """The newest recorded recalls."""

    limit: Annotated[int, Field(ge=1, le=MAX_LIST), WHOLE] = 50


class Recorded(Asked):
    """A recorded recall."""

    recall_id: RecallId


class Otherwise(Asked):
    """A recorded recall under a change, see `Replay.what_if`."""

    recall_id: RecallId
    without: Annotated[list[Id], Field(max_length=MAX_K)] = []
    now: Moment = None
    k: Annotated[int, Field(ge=1, le=MAX_K), WHOLE] | None = None
    rerank: Flag | None = None
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
