"""The replay of one memory: every question about recalls that already happened, in one place."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from memory_core.embed.base import Embedder
from memory_core.errors import InvalidInput
from memory_core.manager import MemoryManager
from memory_core.recall.rerank import Reranker
from memory_core.replay.bisect import RUNS, Bisection, bisect
from memory_core.replay.conditions import conditions_of
from memory_core.replay.diff import Diff, Side, diff
from memory_core.replay.export import Exported, Wish, export
from memory_core.replay.flips import Expectation, Predicate
from memory_core.replay.gate import Gate, Thresholds, gate
from memory_core.replay.playback import Playback, playback, played
from memory_core.replay.recording import Recording, Recordings
from memory_core.replay.reexecute import Reexecution, reexecute
from memory_core.replay.whatif import Change, WhatIf, what_if
from memory_core.replay.why import Fate, why, why_not
from memory_core.types import Draft

HISTORY = 1000  # recordings whose settings are looked at


class Replay:
    """Plays back, re-executes and explains the recorded recalls of one memory.

    Nothing here is recorded, writes an event or changes a later recall.

    Example:
        >>> from memory_core.testing import temporary_memory
        >>> with temporary_memory() as memory:
        ...     stored = memory.store("Ana moved to Lisbon in March")
        ...     recalled = memory.recall("Where does Ana live?")
        ...     Replay(memory).reexecute(recalled.recall_id).verdict
        'exact'
    """

    def __init__(self, memory: MemoryManager) -> None:
        self._parts = memory.parts
        recorder, journal = memory.parts.recorder, memory.journal
        self._recordings = (
            recorder
            if isinstance(recorder, Recordings)
            else Recordings(journal.home, journal.identity.uid)
        )

    def list(self, limit: int = 50) -> tuple[Playback, ...]:
        """Return the newest recorded recalls, newest first."""
        return tuple(playback(recording) for recording in self._recordings.list(limit))

    def playback(self, recall_id: str) -> Playback:
        """Return what happened, from the recording alone.

        Raises:
            NotFound: no such recording; erased memories take theirs with them.
        """
        return playback(self._recording(recall_id))

    def reexecute(self, recall_id: str) -> Reexecution:
        """Return the same recall on the memory as it was, with the verdict.

        Raises:
            NotFound: no such recording.
            InvalidInput: its filter was recorded in a format that cannot be run.
        """
        return reexecute(self._parts, self._recording(recall_id))

    def why(self, recall_id: str, memory_id: str) -> Fate:
        """Return the stage that kept or lost a memory.

        Raises:
            NotFound: no such recording.
        """
        return why(self._parts, self._recording(recall_id), memory_id)

    def why_not(self, recall_id: str, memory_id_or_text: str) -> Fate:
        """Return the stage that lost a memory, named by id or by a part of its text.

        Raises:
            NotFound: no such recording.
        """
        return why_not(self._parts, self._recording(recall_id), memory_id_or_text)

    def what_if(
        self,
        recall_id: str,
        *,
        without: Sequence[str] = (),
        adding: Sequence[Draft | Mapping[str, object] | str] = (),
        now: datetime | str | None = None,
        as_of: datetime | str | None = None,
        k: int | None = None,
        off: Sequence[str] = (),
        rerank: bool | None = None,
        embedder: Embedder | str | None = None,
        reranker: Reranker | str | None = None,
        **settings: Any,
    ) -> WhatIf:
        """Return the recall as it would have been, beside the recorded one; nothing is written.

        Args:
            recall_id: the recording.
            without: ids of memories that the recall shall not see.
            adding: memories that it shall see although they were never stored.
            now: the moment that recency and validity are measured from.
            as_of: world time that the memories must be valid at.
            k: how many hits.
            off: stages that take no part: dense, lexical, context, spread, rerank, score, …
            rerank: False leaves the cross-encoder out, True lets it judge where it did not.
            embedder: another embedding model; texts without its vectors are embedded, up to 2,000.
            reranker: another cross-encoder.
            **settings: settings that decide a recall, see `memory_core.config.DECIDING`.

        Raises:
            NotFound: no such recording.
            InvalidSetting: a setting that does not decide a recall, or a wrong value.
            InvalidInput: a wrong time, memory or stage, or too many texts to embed.
            ModelError: another model cannot be used.
        """
        change = Change(
            without=without, adding=adding, now=now, as_of=as_of, k=k, off=off, rerank=rerank,
            embedder=embedder, reranker=reranker, settings=settings,
        )  # fmt: skip
        return what_if(self._parts, self._recording(recall_id), change)

    def diff(self, before: str, after: str | WhatIf) -> Diff:
        """Return what changed between two recalls, every change explained and undone.

        Args:
            before: a recording.
            after: another recording, or a what-if of any recording.

        Raises:
            NotFound: no such recording, or a model's vectors are not here.
            InvalidInput: a filter was recorded in a format that cannot be run.
        """
        if isinstance(after, WhatIf):
            second = Side(after.conditions, played(after.result, after.recorded))
        else:
            second = self._side(after)
        return diff(self._parts, self._side(before), second)

    def bisect(
        self,
        recall_id: str,
        *,
        expect: str | None = None,
        expect_not: str | None = None,
        predicate: Predicate | None = None,
        runs: int = RUNS,
    ) -> Bisection:
        """Return the journal entries, then the settings, that changed a recall's outcome.

        Args:
            recall_id: the recording.
            expect: id of a memory that the recall should bring into its context.
            expect_not: id of a memory that it should not.
            predicate: takes a `RecallResult` and tells whether it is as it should be.
            runs: entries tried at most, apart from halving; all where there are no more.

        Raises:
            NotFound: no such recording, or the memory was not stored before it.
            InvalidInput: not exactly one expectation, or runs below 2.
        """
        expected = Expectation.of(expect, expect_not, predicate)
        if runs < 2:
            raise InvalidInput(f"runs={runs} is too few to compare; pass 2 or more")
        recording = self._recording(recall_id)
        every = [found for found in self._recordings.list(HISTORY) if found.at < recording.at]
        return bisect(self._parts, recording, expected, history=every[::-1], runs=runs)

    def export(
        self,
        recall_id: str,
        folder: str | Path,
        *,
        expect: str | None = None,
        expect_not: str | None = None,
        redact: bool = False,
        **settings: Any,
    ) -> Exported:
        """Write a recorded turn as a regression test that plain pytest runs without a model.

        Args:
            recall_id: the recording.
            folder: where the test and its data go.
            expect: a memory that the test finds recalled under `settings`.
            expect_not: a memory that it finds not recalled under `settings`.
            redact: replace every word by another; vectors, times, ids and scores stay.
            **settings: settings that decide a recall, for what is expected.

        Raises:
            NotFound: no such recording.
            InvalidInput: it does not re-execute exactly, or what is expected does not hold.
            StoreReadOnly: the folder cannot be written.
        """
        wish = Wish(expect, expect_not, settings)
        place = Path(folder).expanduser()
        return export(self._parts, self._recording(recall_id), place, wish=wish, redact=redact)

    def gate(
        self,
        *,
        limit: int = HISTORY,
        thresholds: Thresholds | None = None,
        k: int | None = None,
        off: Sequence[str] = (),
        rerank: bool | None = None,
        embedder: Embedder | str | None = None,
        reranker: Reranker | str | None = None,
        **settings: Any,
    ) -> Gate:
        """Return what another configuration or model does to the recorded recalls.

        Args:
            limit: the newest recalls, so many at most.
            thresholds: what must be kept to pass.
            k: see `what_if`, like the others.
            off: stages that take no part.
            rerank: whether the cross-encoder takes part.
            embedder: another embedding model.
            reranker: another cross-encoder.
            **settings: settings that decide a recall.

        Raises:
            InvalidSetting: a setting that does not decide a recall, or a wrong value.
            ModelError: another model cannot be used.
        """
        change = Change(
            k=k, off=off, rerank=rerank, embedder=embedder, reranker=reranker, settings=settings
        )
        recordings = self._recordings.list(limit)
        return gate(self._parts, recordings, change, thresholds or Thresholds())

    def _side(self, recall_id: str) -> Side:
        recording = self._recording(recall_id)
        return Side(conditions_of(self._parts, recording), playback(recording))

    def _recording(self, recall_id: str) -> Recording:
        return self._recordings.get(recall_id)
