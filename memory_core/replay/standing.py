"""Where each memory stood in one run of a recall: its rank, its score by terms, whether shown."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from memory_core.parts import Parts
from memory_core.replay.encoding import PACKING
from memory_core.replay.playback import Playback


@dataclass(frozen=True, slots=True)
class Standing:
    """One memory in one run of a recall."""

    version: int
    rank: int | None
    """Among the recalled, from 1; None where it was a candidate only."""
    score: float
    """As the last stage that saw it left it."""
    terms: Mapping[str, float] = field(repr=False)
    """What sums to the score."""
    shown: bool
    """Whether the packed context has it."""

    @property
    def place(self) -> tuple[int | None, bool]:
        """Rank and whether shown: what a reader of the context notices."""
        return self.rank, self.shown


Standings = Mapping[str, Standing]
"""By memory id, or "version N" where the memory was erased since."""


def standings(parts: Parts, run: Playback) -> Standings:
    """Return where every candidate of a run stood, the recalled ones first, best first."""
    ranks = {hit.version: rank for rank, hit in enumerate(run.hits, 1)}
    packed = run.steps[-1] if run.steps and run.steps[-1].name == PACKING else None
    shown = {hit.version for hit in packed.hits} if packed and run.status != "empty" else set()
    latest = {hit.version: hit for step in run.steps for hit in step.hits}
    named = {version: hit.id for version, hit in latest.items() if hit.id}
    ids = {**ids_of(parts, latest.keys() - named.keys()), **named}
    order = sorted(latest, key=lambda version: (ranks.get(version, len(latest)), version))
    return {
        ids[version]: Standing(
            version, ranks.get(version), latest[version].score, latest[version].terms,
            version in shown,
        )
        for version in order
    }  # fmt: skip


def ids_of(parts: Parts, versions: Iterable[int]) -> dict[int, str]:
    """Return the memories' ids by version; "version N" for what was erased."""
    columns = parts.journal.snapshot().columns
    known, wanted = columns["version"], np.array(sorted(versions), dtype=np.int64)
    places = np.searchsorted(known, wanted)
    found = {}
    for version, place in zip(wanted.tolist(), places.tolist(), strict=True):
        here = place < len(known) and known[place] == version
        number = int(columns["number"][place]) if here else -1
        found[version] = f"{number:016x}" if here else f"version {version}"
    return found
