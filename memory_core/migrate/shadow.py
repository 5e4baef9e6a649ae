"""Recorded recalls run on two models: what another model would have recalled, and how fast.

Each recall is asked of the memory as it was, under its own settings; the recorded vector asks the
old vectors, and the new model's vector of the same text asks the new ones. Nothing is recorded.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

from memory_core.answers import RecallResult, Stage
from memory_core.asking import answered
from memory_core.errors import InvalidInput, NotFound
from memory_core.parts import Parts
from memory_core.replay.conditions import Conditions, conditions_of, wiring
from memory_core.replay.recording import Recording, Recordings


@dataclass(frozen=True, slots=True)
class Compared:
    """One recorded recall on both models."""

    recall_id: str
    text: str
    overlap: float
    """Share of the larger answer that both have, 0..1."""
    same_first: bool
    before_ms: float
    """The stages on the old vectors; the query's encoding left out."""
    after_ms: float


@dataclass(frozen=True, slots=True)
class Shadow:
    """All recalls that could be run on both."""

    recalls: tuple[Compared, ...]
    skipped: int
    """Recordings under another model, or in a format that can only be shown."""

    @property
    def overlap(self) -> float | None:
        """Mean overlap, 0..1; None where there is none."""
        return fmean(one.overlap for one in self.recalls) if self.recalls else None

    def __str__(self) -> str:
        """Tell the overlap and latencies, and the recalls that change most."""
        if not self.recalls:
            return f"no recorded recall to compare ({self.skipped} passed over)"
        first = sum(one.same_first for one in self.recalls)
        before = median(one.before_ms for one in self.recalls)
        after = median(one.after_ms for one in self.recalls)
        lines = [
            f"{len(self.recalls)} recorded recalls on both: overlap {self.overlap:.2f}, "
            f"the same first in {first}; p50 {before:.1f} ms before, {after:.1f} ms after"
        ]
        changed = sorted(self.recalls, key=lambda one: one.overlap)[:3]
        lines += [f"  {one.overlap:.2f}  {one.text[:60]!r}" for one in changed if one.overlap < 1]
        return "\n".join(lines)


def shadow(parts: Parts, before: str, count: int) -> Shadow:
    """Run the newest recordings on the serving model's vectors and on those of `parts`.

    Args:
        parts: of a memory opened on the new model.
        before: digest of the model that serves.
        count: how many recordings at most.
    """
    journal = parts.journal
    recordings = Recordings(journal.home, journal.identity.uid)
    try:
        found = recordings.list(count)
    finally:
        recordings.close()
    runner = _Runner(parts, before)
    compared = [one for recording in found if (one := runner.compare(recording))]
    return Shadow(tuple(compared), len(found) - len(compared))


class _Runner:
    """Keeps the stages of each model and settings, so that a recall pays for its own work only."""

    def __init__(self, parts: Parts, before: str) -> None:
        self._parts = parts
        self._before = before
        self._stages: dict[tuple[str, str, bool], Sequence[Stage]] = {}

    def compare(self, recording: Recording) -> Compared | None:
        """Return a recall on both models; None where it cannot be run on both."""
        if (recording.body.get("embedder") or [""])[0] != self._before:
            return None
        try:
            old = conditions_of(self._parts, recording).asking(extent=None)
        except InvalidInput:
            return None
        embedder, query = self._parts.embedder, old.query
        if query.vector is None:
            return None
        new = old.asking(vector=embedder.encode_query(query.text))
        digest = embedder.fingerprint.digest
        new = replace(new, instead=replace(new.instead, digest=digest))
        before, after = self._run(recording, old), self._run(recording, new)
        if before is None or after is None:
            return None
        had, has = ([hit.version for hit in result.hits] for result in (before, after))
        most = max(len(had), len(has))
        return Compared(
            recording.id,
            query.text,
            len(set(had) & set(has)) / most if most else 1.0,
            had[:1] == has[:1],
            before.seconds * 1e3,
            after.seconds * 1e3,
        )

    def _run(self, recording: Recording, conditions: Conditions) -> RecallResult | None:
        instead, query = conditions.instead, conditions.query
        known = str(recording.body.get("settings_hash"))
        key = str(instead.digest), known, bool(instead.off)
        if key not in self._stages:
            try:
                made = wiring(self._parts).stages(conditions.settings, instead)
            except NotFound:
                return None
            self._stages[key] = made
            answered(self._parts, query, made)  # reads the rows in, which is not the recall's cost
        return answered(self._parts, query, self._stages[key], notes=conditions.notes)
