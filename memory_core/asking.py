"""The asking half of the manager: a request becomes a query, the stages answer it.

Wrong requests are refused before anything runs. What cannot be embedded in time is found by its
words and the answer says so.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from memory_core import limits
from memory_core.answers import Hits, Note, Query, RecallResult, Stage, Step
from memory_core.errors import ModelError, ModelMismatch, NotFound
from memory_core.filters import Where, parse_filter
from memory_core.journal.memories import load_list
from memory_core.parts import Parts
from memory_core.recall.pack import pack
from memory_core.recall.pipeline import NO_VECTOR, notes_of, run, status_of
from memory_core.recall.rerank import Warmed
from memory_core.types import Memory, to_micros

logger = logging.getLogger(__name__)

PATIENCE = 2.0
"""Seconds a recall without a deadline embeds what is pending; the worker does the rest."""

LOADING = 0.5
"""Seconds beyond which the model was not embedding a query but loading, as at the first recall of
a process: what is pending gets its time after that."""

ATTEMPTS = 3
"""Recalls begun anew when a memory is erased under them, before the caller is told."""

Moment = datetime | str


@dataclass(frozen=True, slots=True)
class Request:
    """What the caller of `recall` passed, unchecked."""

    text: str
    k: int = 8
    token_budget: int | None = None
    deadline_ms: float | None = None
    where: Where | None = None
    as_of: Moment | None = None
    known_at: Moment | None = None
    now: Moment | None = None
    explain: bool = False
    for_action: bool = False


def answer(
    parts: Parts, request: Request, *, session: str | None = None, record: bool = True
) -> RecallResult:
    """Return the answer to a request, recorded unless told otherwise.

    Raises:
        InvalidInput: naming what is wrong with the request.
        ModelMismatch: the model is not the one that the store was written with.
    """
    begun = time.monotonic()
    query = _query(parts, request, begun)
    limits.check_flag(record, "record")
    if session is not None:
        limits.check_name(session, "session")
    if parts.wiring is not None and isinstance(judge := parts.wiring.reranker, Warmed):
        judge.warm()  # loads while the query is embedded
    pending = parts.catchup.absorb(_half(begun, query.deadline))
    query, notes = _embedded(parts, query, pending)
    result = _unerased(
        parts, request, lambda seq: answered(
            parts, replace(query, seq=seq), parts.stages, notes=notes, begun=begun
        )
    )  # fmt: skip
    if request.explain:  # the memories of cut candidates stay readable after the store is closed
        _load(result.trace)
    if record and parts.recorder is not None:
        return replace(result, recall_id=parts.recorder.add(result, session))
    return result


def answered(
    parts: Parts,
    query: Query,
    stages: Sequence[Stage],
    *,
    notes: tuple[Note, ...] = (),
    begun: float | None = None,
) -> RecallResult:
    """Return what the stages answer to a query that has its vector and its seq; not recorded.

    Args:
        parts: whose token counter packs the context.
        query: complete.
        stages: in the order they run.
        notes: what is known of this recall before it begins.
        begun: when it began, on the monotonic clock; now when None.

    Raises:
        NotFound: a memory that it found was erased meanwhile.
    """
    begun = time.monotonic() if begun is None else begun
    hits, trace = run(query, stages, time.monotonic)
    _load_hits(hits)
    before = Step("prepare", Hits(notes=notes), 0.0)
    steps = (before, *trace) if notes else trace
    status = status_of(hits, steps)
    packed = pack(hits.items, query.token_budget, parts.count, query.text)
    packing = Step("pack", packed.hits, 0.0)
    return RecallResult(
        query=query,
        hits=hits.items,
        context="" if status == "empty" else packed.text,
        status=status,
        notes=notes_of(steps),
        trace=(*steps, packing),
        recall_id=None,
        seconds=time.monotonic() - begun,
        count=parts.count,
    )


def _half(begun: float, deadline: float | None) -> float:
    """Return until when stored texts are embedded: the query itself needs the other half."""
    return begun + PATIENCE if deadline is None else begun + (deadline - begun) / 2


def _unerased(
    parts: Parts, request: Request, recall: Callable[[int], RecallResult]
) -> RecallResult:
    """Return a recall whose hits are all there: one that an erasure crosses begins anew."""
    for _ in range(ATTEMPTS - 1):
        try:
            return recall(_seq(parts, request))
        except NotFound:
            logger.info("a memory was erased during a recall: it begins anew")
    return recall(_seq(parts, request))


def _load_hits(hits: Hits) -> None:
    """Load the memories of the hits now, so that none of them can be missing later."""
    if hits:
        hits[0].origin.prefetch([hit.version for hit in hits])
    for hit in hits:
        hit.origin.memory(hit.version)


def _load(steps: Sequence[Step]) -> None:
    everyone = [hit for step in steps for hit in (*step.hits, *(c.hit for c in step.hits.cuts))]
    if everyone:
        everyone[0].origin.prefetch(list({hit.version for hit in everyone}))


def live_memories(parts: Parts, where: Where | None, limit: int, offset: int) -> list[Memory]:
    """Return the memories that a recall could see now, the newest first."""
    snapshot = parts.journal.snapshot()
    parsed = None if where is None else parse_filter(where)
    query = Query(text="", k=1, seq=snapshot.seq, now=parts.clock(), where=parsed)
    rows = parts.journal.eligible(query, snapshot).row_of_doc
    versions = sorted((snapshot.version(row) for row in rows[rows >= 0].tolist()), reverse=True)
    with parts.journal.database.read() as connection:
        return load_list(
            connection, parts.journal.identity.ns_id, versions[offset : offset + limit]
        )


def micros(moment: Moment, where: str) -> int:
    """Return a time given by the caller as microseconds since 1970 UTC."""
    return to_micros(limits.check_time(moment, where))


def _query(parts: Parts, request: Request, begun: float) -> Query:
    limits.check_count(request.k, "k", most=limits.MAX_K)
    if request.token_budget is not None:
        limits.check_count(request.token_budget, "token_budget")
    deadline = None
    if request.deadline_ms is not None:
        deadline = begun + limits.check_wait(request.deadline_ms, "deadline_ms") / 1000
    return Query(
        text=limits.check_text(request.text, "query"),
        k=request.k,
        seq=0,
        now=parts.clock() if request.now is None else micros(request.now, "now"),
        token_budget=request.token_budget,
        deadline=deadline,
        where=None if request.where is None else parse_filter(request.where),
        as_of=None if request.as_of is None else micros(request.as_of, "as_of"),
        for_action=limits.check_flag(request.for_action, "for_action"),
        explain=limits.check_flag(request.explain, "explain"),
    )


def _seq(parts: Parts, request: Request) -> int:
    """Return the newest entry, or the last one written by `known_at`."""
    if request.known_at is None:
        return parts.journal.head.seq
    return parts.journal.seq_at(micros(request.known_at, "known_at"))


def _embedded(parts: Parts, query: Query, pending: int) -> tuple[Query, tuple[Note, ...]]:
    notes: list[Note] = []
    begun = time.monotonic()
    try:
        query = replace(query, vector=parts.encoder.encode(query.text, query.deadline))
        if pending and query.deadline is None and time.monotonic() - begun > LOADING:
            pending = parts.catchup.absorb(time.monotonic() + PATIENCE)
    except ModelMismatch:
        raise  # its vectors would rank wrongly, and nobody would see it
    except ModelError as error:
        logger.warning("the query could not be embedded: %s", type(error).__name__)
        notes.append(Note(NO_VECTOR, f"the query was not embedded: {error}", degraded=True))
    if pending:
        text = f"{pending} memories not embedded yet: found by their words only"
        notes.insert(0, Note("not_embedded", text, degraded=True))
    return query, tuple(notes)
