"""The user's own recall log as a question set: what was used afterwards is what was relevant.

    used(memory)   it was reinforced after the recall and before the next one of the session, or
                   the assistant's next stored turn of the session repeats a run of its words

A recorded recall with something used becomes a question, asked again of the memory as it was then
(`known_at`, the same `now`), under the settings at hand. Judgements come from what was shown, so a
change that finds better memories than were ever shown is not rewarded: the figures compare
settings with the past, they are no recall of all that is relevant.
"""

import hashlib
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memory_core.errors import InvalidInput, NotFound
from memory_core.evals.metrics import found
from memory_core.evals.result import Place, Result, Row
from memory_core.evals.run import TOKEN_BUDGET, plain, under
from memory_core.manager import MemoryManager
from memory_core.replay.playback import Playback
from memory_core.replay.replay import Replay
from memory_core.types import Change, Memory, from_micros, to_micros
from memory_core.version import __version__

RUN = 5
"""Words in a row that a reply must share with a memory, unless the memory is shorter."""
AFTERWARDS_SECONDS = 3_600.0
"""How long after a recall without a later one a use is put down to it."""
MOST = 10_000
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Used:
    """A recorded recall and the memories that were used after it."""

    recall: Playback
    ids: frozenset[str]


def evaluate_own(
    memory: MemoryManager, settings: Mapping[str, Any], k: int = 20, limit: int | None = None
) -> Result:
    """Return how the settings at hand answer the questions of the log.

    Args:
        memory: opened under the settings to be judged, on the namespace that was recorded.
        settings: those that were given, told in the result.
        k: how many hits.
        limit: only the newest so many questions.

    Raises:
        InvalidInput: nothing that was recalled was used afterwards.
    """
    recalls = used_recalls(memory)
    recalls = recalls if limit is None else recalls[-limit:]
    if not recalls:
        raise InvalidInput(
            f"namespace {memory.namespace!r}: no recorded recall with a memory that was reinforced "
            "or repeated in the reply; use the memory for a while, or reinforce what helped"
        )
    memory.parts.catchup.drain()
    begun = time.perf_counter()
    rows = ask_again(memory, recalls, k)
    asked = ",".join(one.recall.id for one in recalls)
    return Result(
        task="own", main="turn", levels=("turn",), data=f"recall log of {memory.namespace}",
        sha256=hashlib.sha256(asked.encode()).hexdigest(), version=__version__,
        settings={name: plain(value) for name, value in settings.items()},
        k=k, token_budget=TOKEN_BUDGET, deadline_ms=None, pooled=False, limit=limit,
        processors=os.cpu_count() or 1, haystacks=1, memories=memory.journal.head.seq,
        seconds={"ask": time.perf_counter() - begun}, rows=tuple(rows), **under(memory),
    )  # fmt: skip


def used_recalls(memory: MemoryManager, most: int = MOST) -> list[Used]:
    """Return the recorded recalls after which something shown was used, oldest first."""
    recalls = sorted(Replay(memory).list(most), key=lambda recall: recall.at)
    replies = _replies(memory)
    histories: dict[str, list[Change]] = {}
    told = []
    for recall, until in _with_ends(recalls):
        after = [
            reply
            for reply in replies
            if reply.session == recall.session
            and recall.session is not None
            and recall.at < to_micros(reply.stored_at) <= until
        ]
        ids = frozenset(
            hit.id
            for hit in recall.hits
            if hit.id
            and _was_used(memory, hit.id, (recall.at, until), replies=after, histories=histories)
        )
        if ids:
            told.append(Used(recall, ids))
    return told


def ask_again(memory: MemoryManager, recalls: Sequence[Used], k: int) -> list[Row]:
    """Return what the settings at hand recall for the questions of the log.

    Args:
        memory: opened under the settings to be judged, on the namespace that was recorded.
        recalls: from `used_recalls`.
        k: how many hits.
    """
    rows = []
    for number, one in enumerate(recalls):
        query = one.recall.query
        result = memory.recall(
            one.recall.text, k=k, token_budget=TOKEN_BUDGET, record=False,
            known_at=from_micros(one.recall.at), now=from_micros(int(query["now"])),
        )  # fmt: skip
        where = found([hit.id for hit in result.hits], one.ids)
        shown = [hit.memory.text for hit in result.hits if hit.id in one.ids]
        rows.append(
            Row(
                id=f"{number}-{one.recall.id}",
                kind="recalled",
                answerable=True,
                places={"turn": Place(ranks=where.ranks, gold=where.gold)},
                pool=None,
                shown=sum(text in result.context for text in shown) / len(one.ids),
                tokens=result.tokens,
                seconds=result.seconds,
                status=result.status,
                relevance=max(
                    (hit.signals.get("relevance", 0.0) for hit in result.hits), default=0.0
                ),
            )
        )
    return rows


def repeats(reply: str, text: str) -> bool:
    """Say whether a reply repeats `RUN` words of a text in a row, or all of a shorter text."""
    words = [word.casefold() for word in _WORD.findall(text)]
    said = [word.casefold() for word in _WORD.findall(reply)]
    length = min(RUN, len(words))
    if length < 2:
        return False
    runs = {tuple(said[n : n + length]) for n in range(len(said) - length + 1)}
    return any(tuple(words[n : n + length]) in runs for n in range(len(words) - length + 1))


def _with_ends(recalls: Sequence[Playback]) -> Iterator[tuple[Playback, int]]:
    """Yield each recall and until when a use is put down to it, in microseconds."""
    for place, recall in enumerate(recalls):
        end = recall.at + int(AFTERWARDS_SECONDS * 1e6)
        later = (one.at for one in recalls[place + 1 :] if one.session == recall.session)
        yield recall, min(end, next(later, end))


def _was_used(
    memory: MemoryManager,
    id: str,
    window: tuple[int, int],
    *,
    replies: Sequence[Memory],
    histories: dict[str, list[Change]],
) -> bool:
    changes = histories.get(id)
    if changes is None:
        changes = histories[id] = _history(memory, id)
    if any(
        change.event == "reinforced" and window[0] < to_micros(change.at) <= window[1]
        for change in changes
    ):
        return True
    newest = changes[-1].memory if changes else None
    return newest is not None and any(
        reply.id != id and repeats(reply.text, newest.text) for reply in replies
    )


def _replies(memory: MemoryManager) -> list[Memory]:
    return list(memory.list(where={"role": "assistant"}, limit=MOST))


def _history(memory: MemoryManager, id: str) -> list[Change]:
    try:
        return list(memory.history(id))
    except NotFound:  # erased since
        return []
