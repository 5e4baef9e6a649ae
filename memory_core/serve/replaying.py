"""The replay operations: recorded recalls as replies, with the texts that a page shows."""

from collections.abc import Iterable, Mapping
from typing import Any

from memory_core.answers import Note
from memory_core.errors import NotFound
from memory_core.manager import MemoryManager
from memory_core.recall.diversify import Diversity
from memory_core.recall.score import Boosts
from memory_core.replay import Replay
from memory_core.replay.playback import Playback, PlayedStep
from memory_core.replay.standing import ids_of
from memory_core.replay.whatif import WhatIf
from memory_core.replay.why import Fate
from memory_core.serve import replies, requests
from memory_core.types import from_micros

DEFAULTS: Mapping[str, float] = {
    "recency_weight": Boosts().recency,
    "importance_weight": Boosts().importance,
    "diversity": Diversity().balance,
}
"""What settings that are None stand for."""
HIDDEN = ("vector",)
"""Parts of a recorded query that are not told."""


def recalls(memory: MemoryManager, asked: requests.Recent) -> replies.RecallList:
    """Return the newest recorded recalls."""
    return replies.RecallList(recalls=[_line(each) for each in Replay(memory).list(asked.limit)])


def playback(memory: MemoryManager, asked: requests.Recorded) -> replies.PlaybackReply:
    """Return a recorded recall with every candidate at every stage."""
    replay = Replay(memory)
    played = replay.playback(asked.recall_id)
    versions = {hit.version for step in played.steps for hit in step.hits}
    versions |= {cut.version for step in played.steps for cut in step.dropped}
    return replies.PlaybackReply(
        recall=_line(played),
        query={name: value for name, value in played.query.items() if name not in HIDDEN},
        settings={**DEFAULTS, **{k: v for k, v in played.settings.items() if v is not None}},
        stages=[_stage(step) for step in played.steps],
        candidates=list(_candidates(memory, versions)),
        notes=_notes(played.notes),
    )


def reexecute(memory: MemoryManager, asked: requests.Recorded) -> replies.ReexecutionReply:
    """Recall the same on the memory as it was."""
    again = Replay(memory).reexecute(asked.recall_id)
    return replies.ReexecutionReply(
        verdict=again.verdict,
        exact=again.exact,
        difference=again.difference,
        causes=again.causes,
        same_context=again.same_context,
        missed=again.missed,
        result=replies.RecallReply.of(again.result),
    )


def what_if(memory: MemoryManager, asked: requests.Otherwise) -> replies.WhatIfReply:
    """Recall as it would have been."""
    found = _otherwise(memory, asked)
    return replies.WhatIfReply(
        changes=dict(found.changes),
        recorded_status=found.recorded.status,
        moves=[
            replies.MoveReply(id=m.id, version=m.version, before=m.before, after=m.after)
            for m in found.moves
        ],
        result=replies.RecallReply.of(found.result),
    )


def diff(memory: MemoryManager, asked: requests.Pair) -> replies.DiffReply:
    """Explain what changed between two recalls."""
    after = asked.after if asked.change is None else _otherwise(memory, asked.change)
    return replies.DiffReply(diff=dict(Replay(memory).diff(asked.before, after).to_json()))


def why(memory: MemoryManager, asked: requests.Fated) -> replies.FateReply:
    """Return the stage that kept or lost a memory, by id."""
    return _fate(Replay(memory).why(asked.recall_id, asked.wanted))


def why_not(memory: MemoryManager, asked: requests.Fated) -> replies.FateReply:
    """Return the stage that kept or lost a memory, by id or words of its text."""
    return _fate(Replay(memory).why_not(asked.recall_id, asked.wanted))


def _otherwise(memory: MemoryManager, asked: requests.Otherwise) -> WhatIf:
    settings: dict[str, Any] = dict(asked.settings)
    return Replay(memory).what_if(
        asked.recall_id, without=asked.without, now=asked.now, k=asked.k, rerank=asked.rerank,
        **settings,
    )  # fmt: skip


def _line(played: Playback) -> replies.RecallLine:
    return replies.RecallLine(
        id=played.id,
        at=from_micros(played.at).isoformat(),
        session=played.session,
        seq=played.seq,
        text=played.text,
        status=played.status,
        hits=len(played.hits),
        seconds=played.seconds,
        tokens=played.tokens,
    )


def _stage(step: PlayedStep) -> replies.PlayedStage:
    return replies.PlayedStage(
        name=step.name,
        seconds=step.seconds,
        hits=[
            replies.PlayedHit(
                version=h.version, score=h.score, signals=h.signals, terms=h.terms,
                reasons=h.reasons,
            )
            for h in step.hits
        ],
        cuts=[
            replies.PlayedCut(version=c.version, reason=c.reason, score=c.score)
            for c in step.dropped
        ],
        notes=_notes(step.notes),
    )  # fmt: skip


def _notes(notes: Iterable[Note]) -> list[replies.NoteReply]:
    return [replies.NoteReply.of(note) for note in notes]


def _candidates(memory: MemoryManager, versions: set[int]) -> Iterable[replies.Candidate]:
    source = memory.journal.source()
    source.prefetch(sorted(versions))
    ids = ids_of(memory.parts, versions)
    for version in sorted(versions):
        try:
            found = source.memory(version)
        except NotFound:
            yield replies.Candidate(version=version, id="", text="", erased=True)
            continue
        yield replies.Candidate(
            version=version, id=ids[version], text=found.text, speaker=found.speaker,
            role=found.role, session=found.session, occurred_at=found.occurred_at.isoformat(),
        )  # fmt: skip


def _fate(fate: Fate) -> replies.FateReply:
    passages = [
        replies.PassageReply(stage=p.stage, rank=p.rank, score=p.score) for p in fate.passages
    ]
    return replies.FateReply(
        id=fate.id, kept=fate.kept, stage=fate.stage, detail=fate.detail, passages=passages,
        also=fate.also,
    )  # fmt: skip
