"""What each operation answers. No reply carries a vector: a vector is as telling as its text."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from memory_core.answers import Hit, Note, RecallResult, Step
from memory_core.types import Change, Link, Memory, Span


class Reply(BaseModel):
    """Base of all replies."""

    model_config = ConfigDict(frozen=True)


class NoteReply(Reply):
    """Something its reader should know about a recall."""

    code: str
    text: str
    degraded: bool

    @classmethod
    def of(cls, note: Note) -> "NoteReply":
        """Return a note as JSON can carry it."""
        return cls(code=note.code, text=note.text, degraded=note.degraded)


class HitReply(Reply):
    """A recalled memory; its terms sum to its score."""

    memory: Memory
    score: float
    signals: dict[str, float]
    terms: dict[str, float]
    span: Span | None
    reasons: tuple[str, ...]

    @classmethod
    def of(cls, hit: Hit) -> "HitReply":
        """Return a hit with its memory."""
        return cls.model_construct(
            memory=hit.memory, score=hit.score, signals=dict(hit.signals), terms=dict(hit.terms),
            span=hit.span, reasons=hit.reasons,
        )  # fmt: skip


class StepReply(Reply):
    """What one stage kept and cut."""

    stage: str
    seconds: float
    kept: int
    cut: list[tuple[str, str]] = Field(description="Pairs of memory id and reason.")

    @classmethod
    def of(cls, step: Step) -> "StepReply":
        """Return a step without its hits."""
        cuts = [(cut.hit.id, cut.reason) for cut in step.hits.cuts]
        return cls(stage=step.name, seconds=step.seconds, kept=len(step.hits), cut=cuts)


class RecallReply(Reply):
    """The answer to a recall."""

    status: str
    recall_id: str | None
    seconds: float
    tokens: int
    notes: list[NoteReply]
    hits: list[HitReply]
    context: str
    trace: list[StepReply] | None = None

    @classmethod
    def of(cls, result: RecallResult, *, explain: bool = False) -> "RecallReply":
        """Return a result, with its trace if asked."""
        return cls.model_construct(
            status=result.status,
            recall_id=result.recall_id,
            seconds=result.seconds,
            tokens=result.tokens,
            notes=[NoteReply.of(note) for note in result.notes],
            hits=[HitReply.of(hit) for hit in result.hits],
            context=result.context,
            trace=[StepReply.of(step) for step in result.trace] if explain else None,
        )


class Memories(Reply):
    """Some memories."""

    memories: Sequence[Memory]


class PastReply(Reply):
    """The memory as it was after an entry."""

    seq: int
    total: int
    memories: Sequence[Memory]


class History(Reply):
    """Every version of a memory, oldest first."""

    changes: Sequence[Change]


class Links(Reply):
    """Links from and to a memory."""

    links: Sequence[Link]


class Graph(Reply):
    """A memory, what is linked to it, and how."""

    center: str
    memories: Sequence[Memory]
    links: Sequence[Link]


class Done(Reply):
    """A change without further answer."""

    done: bool = True


class EntryReply(Reply):
    """A journal entry without its body."""

    seq: int
    at: str
    event: str
    id: str | None = Field(description="The memory it is about; null once erased.")
    hash: str


class EntriesReply(Reply):
    """Journal entries, in order."""

    head: int
    entries: Sequence[EntryReply]


class RecallLine(Reply):
    """A recorded recall in a list."""

    id: str
    at: str
    session: str | None
    seq: int
    text: str
    status: str
    hits: int
    seconds: float
    tokens: int | None
    """None where no budget was asked, which counts none."""


class RecallList(Reply):
    """The newest recorded recalls, newest first."""

    recalls: Sequence[RecallLine]


class Candidate(Reply):
    """A memory that took part in a recorded recall, as it was then; blank text once erased."""

    version: int
    id: str
    text: str
    speaker: str | None = None
    role: str | None = None
    session: str | None = None
    occurred_at: str | None = None
    erased: bool = False


class PlayedHit(Reply):
    """A candidate as it left a stage."""

    version: int
    score: float
    signals: Mapping[str, float]
    terms: Mapping[str, float]
    reasons: Sequence[str]


class PlayedCut(Reply):
    """A candidate that a stage dropped."""

    version: int
    reason: str
    score: float | None


class PlayedStage(Reply):
    """What one stage did."""

    name: str
    seconds: float
    hits: Sequence[PlayedHit]
    cuts: Sequence[PlayedCut]
    notes: Sequence[NoteReply]


class PlaybackReply(Reply):
    """A recorded recall with every candidate at every stage."""

    recall: RecallLine
    query: dict[str, Any] = Field(description="text, k, now, as_of, budget, where, for_action")
    settings: dict[str, Any] = Field(description="The settings that decided it.")
    stages: Sequence[PlayedStage]
    candidates: Sequence[Candidate]
    notes: Sequence[NoteReply]


class ReexecutionReply(Reply):
    """The same recall on the memory as it was."""

    verdict: str
    exact: bool
    difference: str
    causes: Sequence[str]
    same_context: bool
    missed: Sequence[str] | None
    result: RecallReply


class MoveReply(Reply):
    """Rank and score of one memory, recorded and under a change."""

    id: str
    version: int
    before: tuple[int, float] | None
    after: tuple[int, float] | None


class WhatIfReply(Reply):
    """A recall as it would have been."""

    changes: dict[str, Any]
    recorded_status: str
    moves: Sequence[MoveReply]
    result: RecallReply


class PassageReply(Reply):
    """Where a candidate stood after a stage."""

    stage: str
    rank: int
    score: float


class FateReply(Reply):
    """What became of one memory in one recall."""

    id: str
    kept: bool
    stage: str
    detail: str
    passages: Sequence[PassageReply]
    also: Sequence[str]


class DiffReply(Reply):
    """What changed between two recalls, see `memory_core.replay.diff`."""

    diff: dict[str, Any]


class Stats(Reply):
    """What the namespace holds."""

    namespace: str
    entries: int
    memories: int
    live: int
    sessions: int
    links: int
    vectors: int
    pending: int


class Verified(Reply):
    """What is wrong with the chain; nothing is proof."""

    entries: int
    faults: Sequence[str]
