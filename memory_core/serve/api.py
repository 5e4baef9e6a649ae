"""Every operation once: what it asks, what it answers, and which right it needs.

    bytes of JSON  ->  request, checked  ->  the library  ->  reply  ->  bytes of JSON

HTTP and the page call these; the command line and MCP call the same library functions. Errors are
the library's own, so every way in refuses the same values with the same words.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from memory_core import writing
from memory_core.manager import MemoryManager
from memory_core.serve import exploring, replaying, replies, requests
from memory_core.types import Draft, Memory, Outcome, Receipt, StoreReport, input_error

Q = TypeVar("Q", bound=BaseModel)


class Right(StrEnum):
    """What a key may do; `admin` may do everything."""

    READ = "read"
    WRITE = "write"
    ERASE = "erase"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Operation(Generic[Q]):
    """One thing that can be asked of a memory."""

    name: str
    needs: Right
    asks: type[Q]
    answers: type[BaseModel]
    act: Callable[[MemoryManager, Q], BaseModel]
    summary: str

    @property
    def creates(self) -> bool:
        """Whether it may make its namespace."""
        return self.name in ("store", "store_many")

    def request(self, body: bytes) -> Q:
        """Return the request that a JSON body holds.

        Raises:
            InvalidInput: naming every field that is wrong.
        """
        try:
            return self.asks.model_validate_json(body or b"{}")
        except ValidationError as error:
            raise input_error(error, self.name) from error

    def answer(self, memory: MemoryManager, body: bytes) -> bytes:
        """Return the JSON reply to a JSON body.

        Raises:
            MemoryCoreError: what the library says.
        """
        return self.act(memory, self.request(body)).model_dump_json().encode()


def _store(memory: MemoryManager, asked: Draft) -> Memory:
    return memory.store(**asked.model_dump())


def _store_many(memory: MemoryManager, asked: requests.ManyDrafts) -> StoreReport:
    return memory.store_many(asked.drafts)


def _recall(memory: MemoryManager, asked: requests.Question) -> replies.RecallReply:
    return replies.RecallReply.of(memory.recall(**asked.model_dump()), explain=asked.explain)


def _list(memory: MemoryManager, asked: requests.Listing) -> replies.Memories:
    return replies.Memories(memories=memory.list(**asked.model_dump()))


def _revise(memory: MemoryManager, asked: requests.Revision) -> Memory:
    return writing.revise(memory.parts, asked.id, asked.fields)


def _supersede(memory: MemoryManager, asked: requests.Succession) -> Memory:
    return memory.supersede(asked.id, **asked.draft.model_dump())


def _link(memory: MemoryManager, asked: requests.Tie) -> replies.Done:
    memory.link(asked.source, asked.target, asked.relation)
    return replies.Done()


_ALL: tuple[Operation[Any], ...] = (
    Operation("store", Right.WRITE, Draft, Memory, _store, "Store one memory."),
    Operation(
        "store_many", Right.WRITE, requests.ManyDrafts, StoreReport, _store_many,
        "Store a batch; bad drafts are reported, the others stored.",
    ),
    Operation(
        "recall", Right.READ, requests.Question, replies.RecallReply, _recall,
        "Return the memories that answer best, packed for a prompt.",
    ),
    Operation(
        "get", Right.READ, requests.One, Memory, lambda m, q: m.get(q.id),
        "Return a memory's newest version.",
    ),
    Operation(
        "list", Right.READ, requests.Listing, replies.Memories, _list,
        "Return live memories, the newest first.",
    ),
    Operation(
        "history", Right.READ, requests.One, replies.History,
        lambda m, q: replies.History(changes=m.history(q.id)),
        "Return every version of a memory.",
    ),
    Operation(
        "links", Right.READ, requests.One, replies.Links,
        lambda m, q: replies.Links(links=m.links(q.id)), "Return the links of a memory.",
    ),
    Operation(
        "revise", Right.WRITE, requests.Revision, Memory, _revise,
        "Correct a memory; the old version stays in its history.",
    ),
    Operation(
        "supersede", Right.WRITE, requests.Succession, Memory, _supersede,
        "Store a memory that replaces another from a moment on.",
    ),
    Operation(
        "invalidate", Right.WRITE, requests.Reason, Memory,
        lambda m, q: m.invalidate(q.id, q.reason), "Mark a memory as never having been true.",
    ),
    Operation(
        "expire", Right.WRITE, requests.Ending, Memory, lambda m, q: m.expire(q.id, q.at),
        "Mark a memory as true only until a moment.",
    ),
    Operation(
        "reinforce", Right.WRITE, requests.Usefulness, Memory,
        lambda m, q: m.reinforce(q.id, q.times), "Report that a memory was useful.",
    ),
    Operation(
        "forget", Right.WRITE, requests.Reason, Memory, lambda m, q: m.forget(q.id, q.reason),
        "Stop recalling a memory; its history stays.",
    ),
    Operation(
        "link", Right.WRITE, requests.Tie, replies.Done, _link,
        "Connect two memories by a named relation.",
    ),
    Operation(
        "erase", Right.ERASE, requests.One, Receipt, lambda m, q: m.erase(q.id),
        "Remove every trace of a memory, with a receipt.",
    ),
    Operation(
        "outcome", Right.READ, requests.Key, Outcome, lambda m, q: m.outcome(q.key),
        "Tell, for good, whether a write with that key is stored.",
    ),
    Operation(
        "stats", Right.READ, requests.Nothing, replies.Stats, exploring.stats,
        "Count what the namespace holds.",
    ),
    Operation(
        "past", Right.READ, requests.Past, replies.PastReply, exploring.past,
        "Return the memories that were live after a journal entry.",
    ),
    Operation(
        "around", Right.READ, requests.Around, replies.Graph, exploring.around,
        "Return a memory with what is linked to it.",
    ),
    Operation(
        "entries", Right.READ, requests.Entries, replies.EntriesReply, exploring.entries,
        "Return journal entries without their bodies.",
    ),
    Operation(
        "recalls", Right.READ, requests.Recent, replies.RecallList, replaying.recalls,
        "Return the newest recorded recalls.",
    ),
    Operation(
        "playback", Right.READ, requests.Recorded, replies.PlaybackReply, replaying.playback,
        "Play a recorded recall back, with every candidate at every stage.",
    ),
    Operation(
        "reexecute", Right.READ, requests.Recorded, replies.ReexecutionReply,
        replaying.reexecute, "Recall the same on the memory as it was, with a verdict.",
    ),
    Operation(
        "what_if", Right.READ, requests.Otherwise, replies.WhatIfReply, replaying.what_if,
        "Recall as it would have been under other settings or without a memory.",
    ),
    Operation(
        "diff", Right.READ, requests.Pair, replies.DiffReply, replaying.diff,
        "Explain what changed between two recalls.",
    ),
    Operation(
        "why", Right.READ, requests.Fated, replies.FateReply, replaying.why,
        "Return the stage that kept or lost a memory.",
    ),
    Operation(
        "why_not", Right.READ, requests.Fated, replies.FateReply, replaying.why_not,
        "Return the stage that lost a memory, by id or by words of its text.",
    ),
    Operation(
        "verify", Right.ADMIN, requests.Nothing, replies.Verified, exploring.verify,
        "Recompute the whole chain of the namespace.",
    ),
)  # fmt: skip

OPERATIONS: Mapping[str, Operation[Any]] = {each.name: each for each in _ALL}
"""By name."""
