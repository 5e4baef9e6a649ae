"""Which stage kept or lost a memory in a recall.

    stored?  ->  visible?  ->  among the candidates?  ->  fusion  ->  … ->  diversity  ->  budget

What a stage did to a candidate is in the recording. Why a memory never became one is found on the
memory as it was: its state at that entry, the query's filter, and its exact ranks by meaning and
by words, so that what the index lost is told apart from what the model ranks low.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from memory_core.answers import Extent, Query
from memory_core.config import changed
from memory_core.errors import NotFound
from memory_core.journal.codes import CODE, STATES
from memory_core.journal.columns import Snapshot
from memory_core.journal.events import REMOVALS
from memory_core.journal.where import number_of
from memory_core.parts import Parts
from memory_core.replay.conditions import RERANK, Conditions, conditions_of
from memory_core.replay.encoding import PACKING
from memory_core.replay.playback import Playback, PlayedStep, playback, terms_line
from memory_core.replay.printed import Printed
from memory_core.replay.recording import Recording
from memory_core.types import from_micros

WIDE = 2048  # the most candidates that settings allow
RANKING = ("fuse", "context", "spread", "temporal", "speaker", "rerank", "session", "score")
"""Stages that order candidates; the last one that let a memory fall behind k lost it."""
BATCH = 500


@dataclass(frozen=True, slots=True)
class Passage:
    """Where a candidate stood after a stage."""

    stage: str
    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class Fate(Printed):
    """What became of one memory in one recall."""

    id: str
    """The memory; blank where no memory fits."""
    kept: bool
    """Whether it was recalled and stands in the packed context."""
    stage: str
    """What decided: "recalled", "budget", "threshold", "diversity", "cap", "repeats", "lineage",
    "reranker", "score", "session", "speaker", "temporal", "context", "spread", "fusion", "dense",
    "lexical", "filter", "trust",
    "not valid yet", "expired", "superseded", "forgotten", "invalidated", "erased",
    "not embedded" or "not stored"."""
    detail: str
    passages: tuple[Passage, ...] = field(default=(), repr=False)
    also: tuple[str, ...] = ()
    """Other memories that the text fits."""

    def __str__(self) -> str:
        """Tell the stage and why, then the ranks on the way."""
        head = f"{self.id or 'no memory'}: {'kept' if self.kept else 'lost'}, {self.stage}"
        lines = [head, f"  {self.detail}"]
        lines += [f"  {p.stage:<10} rank {p.rank:>4}  score {p.score:.3f}" for p in self.passages]
        return "\n".join(lines + ([f"  also: {', '.join(self.also)}"] if self.also else []))


def why(parts: Parts, recording: Recording, id: str) -> Fate:
    """Return the stage that kept or lost a memory, by id.

    Raises:
        InvalidInput: the recording's filter is in a format that cannot be run.
    """
    return fate_of(parts, playback(recording), id, lambda: conditions_of(parts, recording))


def fate_of(parts: Parts, run: Playback, id: str, conditions: Callable[[], Conditions]) -> Fate:
    """Return the stage of a run that kept or lost a memory.

    Args:
        parts: of the memory that the run is from.
        run: what happened.
        id: the memory.
        conditions: under which it ran; asked for where the run itself does not tell.
    """
    snapshot = parts.journal.snapshot(run.seq)
    versions = snapshot.columns["version"][snapshot.columns["number"] == number_of(id)]
    known = versions[versions <= run.seq]
    if not len(known):
        return _absent(parts, id, run.seq, len(versions) > 0)
    version = int(known.max())
    if (fate := _in_trace(run, id, version)) is not None:
        return fate
    under = conditions()
    return _hidden(parts, under.query, snapshot, id) or _outranked(parts, under, version)


def why_not(parts: Parts, recording: Recording, wanted: str) -> Fate:
    """Return the stage that lost a memory, named by id or by a part of its text.

    Of several that fit, the one that came furthest is told and the others are named.
    """
    if number_of(wanted) >= 0:
        return why(parts, recording, wanted)
    ids = list(_holding(parts, recording.seq, wanted))
    if not ids:
        detail = f"no memory as of entry {recording.seq} has the text {wanted!r}"
        return Fate("", False, "not stored", detail)
    fates = [why(parts, recording, id) for id in ids[:16]]
    best = max(fates, key=lambda fate: (fate.kept, len(fate.passages)))
    return replace(best, also=tuple(id for id in ids if id != best.id))


def _absent(parts: Parts, id: str, seq: int, later: bool) -> Fate:
    if later:
        detail = f"it was stored after entry {seq}, which this recall saw up to"
        return Fate(id, False, "not stored", detail)
    for entry in parts.journal.entries(kinds=REMOVALS):
        if getattr(entry.event, "number", None) == number_of(id):
            return Fate(id, False, "erased", f"it was {entry.kind} by entry {entry.seq}")
    return Fate(id, False, "not stored", "no memory of that id was ever stored here")


def _in_trace(played: Playback, id: str, version: int) -> Fate | None:
    """Return what the recording itself says, or None where it does not name the version."""
    passages = tuple(_passages(played.steps, version))
    if not passages:
        return None
    packed = played.steps[-1]
    place = next((n for n, hit in enumerate(played.hits, 1) if hit.version == version), 0)
    if not place:
        return _cut(played, id, version, passages)
    if played.status == "empty":
        note = next(
            (n.text for n in played.notes if n.code == "below_threshold"), "status is empty"
        )
        return Fate(id, False, "threshold", f"rank {place}, but {note}", passages)
    for cut in packed.dropped if packed.name == PACKING else ():
        if cut.version == version:
            return Fate(id, False, "budget", f"rank {place}, but {cut.reason}", passages)
    terms = terms_line(played.hits[place - 1].terms)
    shown = next((hit for hit in packed.hits if hit.version == version), played.hits[place - 1])
    reasons = "; ".join(shown.reasons)
    detail = f"rank {place} of {len(played.hits)}: {terms}{'; ' if reasons else ''}{reasons}"
    return Fate(id, True, "recalled", detail, passages)


def _cut(played: Playback, id: str, version: int, passages: tuple[Passage, ...]) -> Fate:
    step, reason = next(
        (step, cut.reason) for step in played.steps for cut in step.dropped
        if cut.version == version
    )  # fmt: skip
    k, last = int(played.query["k"]), passages[-1]
    if step.name in ("cap", "repeats", "lineage"):
        return Fate(id, False, step.name, reason, passages)
    if step.name == "fuse":
        return Fate(id, False, "fusion", reason, passages)
    if last.rank <= k:
        like = "another order of the best that differ more, or a near-duplicate of a chosen one"
        return Fate(id, False, "diversity", f"rank {last.rank} by score; lost to {like}", passages)
    least = min((hit.score for hit in played.hits), default=0.0)
    gap = f"rank {last.rank} with score {last.score:.3f}, the least recalled has {least:.3f}"
    return Fate(id, False, _loser(passages, k), f"{reason}: {gap}", passages)


def _loser(passages: Sequence[Passage], k: int) -> str:
    """Return the last ranking stage that let it fall behind k; fusion if it never was before."""
    ranks = [(p.stage, p.rank) for p in passages if p.stage in RANKING]
    lost = "fuse"
    for (_, before), (stage, after) in pairwise(ranks):
        if before <= k < after:
            lost = stage
    return {"fuse": "fusion", "rerank": "reranker"}.get(lost, lost)


def _passages(steps: Iterable[PlayedStep], version: int) -> Iterable[Passage]:
    for step in steps:
        for rank, hit in enumerate(step.hits, 1):
            if hit.version == version:
                yield Passage(step.name, rank, hit.score)


def _hidden(parts: Parts, query: Query, snapshot: Snapshot, id: str) -> Fate | None:
    """Return why the query could not see a memory, or None where it could."""
    columns = snapshot.columns
    rows = np.flatnonzero((columns["number"] == number_of(id)) & snapshot.current())
    moment = query.now if query.as_of is None else query.as_of
    row = int(rows[-1])
    state = str(STATES[columns["state"][row]])
    start, end = int(columns["valid_from"][row]), int(columns["valid_to"][row])
    entry = int(columns["version"][row])
    if state not in ("live", "expired", "superseded"):
        return Fate(id, False, state, f"{state} by entry {entry}, before this recall")
    if moment >= end:
        stage = "superseded" if state == "superseded" else "expired"
        return Fate(id, False, stage, f"true only until {from_micros(end):%Y-%m-%d %H:%M:%S} UTC")
    if moment < start:
        told = f"true only from {from_micros(start):%Y-%m-%d %H:%M:%S} UTC on"
        return Fate(id, False, "not valid yet", told)
    if query.for_action and columns["trust"][row] < CODE["trust"]["normal"]:
        return Fate(id, False, "trust", "the recall asked for memories trusted enough to act on")
    if parts.journal.eligible(query, snapshot).row_of_doc[columns["doc"][row]] != row:
        return Fate(id, False, "filter", "it does not pass the query's filter")
    return None


def _outranked(parts: Parts, under: Conditions, version: int) -> Fate:
    """Return why a memory that the query could see was no candidate, by its exact ranks."""
    query, settings, scan = under.query, under.settings, Extent(rows=under.extent.rows)
    wide = replace(under.asking(extent=scan), settings=changed(settings, {"candidates": WIDE}))
    result = wide.without((RERANK,)).run(parts)
    steps = {step.name: step.hits for step in result.trace}
    by_meaning = {hit.version: rank for rank, hit in enumerate(steps["dense"], 1)}
    words = {hit.version: hit.signals.get("lexical", 0.0) for hit in steps["lexical"]}
    hit = next((h for hit in (steps["dense"], steps["lexical"]) for h in hit
                if h.version == version), None)  # fmt: skip
    count = max(settings.candidates, query.k)
    place = by_meaning.get(version)
    mine = words.get(version, 0.0)
    better = 1 + sum(value > mine for value in words.values())
    lexical = f"rank {better:,} by words" if mine > 0 else "none of the query's words"
    id = "" if hit is None else hit.id
    if place is None:
        return _unplaced(parts, id or _id_of(parts, query.seq, version), len(by_meaning), lexical)
    told = f"rank {place:,} by meaning, {lexical}; {count} candidates of each kind go on"
    if place <= count:
        lost = f"{told}: the approximate index did not return it, a full scan does"
        return Fate(id, False, "dense", lost)
    return Fate(id, False, "dense" if place <= better or mine <= 0 else "lexical", told)


def _unplaced(parts: Parts, id: str, found: int, lexical: str) -> Fate:
    if found >= WIDE:
        return Fate(id, False, "dense", f"beyond rank {WIDE:,} by meaning, {lexical}")
    return Fate(id, False, "not embedded", f"it had no vector yet, and {lexical}")


def _id_of(parts: Parts, seq: int, version: int) -> str:
    columns = parts.journal.snapshot(seq).columns
    (row,) = np.flatnonzero(columns["version"] == version)
    return f"{int(columns['number'][row]):016x}"


def _holding(parts: Parts, seq: int, wanted: str) -> Iterable[str]:
    """Yield the ids of the memories whose text at `seq` has the words given, the newest first."""
    snapshot, source = parts.journal.snapshot(seq), parts.journal.source()
    versions = np.sort(snapshot.columns["version"][snapshot.current()])[::-1].tolist()
    words = wanted.casefold()
    for start in range(0, len(versions), BATCH):
        part = versions[start : start + BATCH]
        source.prefetch(part)
        for version in part:
            try:
                memory = source.memory(version)
            except NotFound:  # erased since
                continue
            if words in memory.text.casefold():
                yield memory.id
