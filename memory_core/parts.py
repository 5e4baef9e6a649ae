"""What a manager is made of: the protocols of its moving parts, and the bundle of them all.

`memory_core.build` makes the parts; the manager and its two halves, `memory_core.writing` and
`memory_core.asking`, use them through these protocols only.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from memory_core.answers import RecallResult, Stage
from memory_core.config import Settings
from memory_core.embed.base import Embedder
from memory_core.embed.timely import QueryEncoder
from memory_core.index.added import RowSource
from memory_core.journal.events import Event
from memory_core.journal.journal import Journal, Pending
from memory_core.recall.reader import ReadSide
from memory_core.recall.rerank import Reranker
from memory_core.recall.spread import Links
from memory_core.tracing import Tracing
from memory_core.types import Draft, Receipt

Policy = Callable[[Pending, int], Sequence[Event]]
"""Decides on events from the state and the time; pure, run inside one write transaction."""


def _unchanged(draft: Draft) -> Draft:
    return draft


@dataclass(frozen=True, slots=True)
class Admission:
    """What is decided about a draft before it is stored."""

    admit: Callable[[Draft], Draft] = _unchanged
    """Returns the draft as it may be stored, or raises `InvalidInput`."""
    quarantine: frozenset[str] = frozenset()
    """Sources whose memories wait for a review before they can be recalled."""
    many_valued: frozenset[str] = frozenset()
    """Attributes that hold several values at once; `*` for all."""


class CatchUp(Protocol):
    """Brings the vectors up to the journal."""

    @property
    def refused(self) -> frozenset[int]:
        """Texts, by entry, that the model could not embed in this run."""
        ...

    def wake(self) -> None:
        """Tell the worker that texts were written."""
        ...

    def absorb(self, deadline: float) -> int:
        """Wait for the worker until the deadline; return how many are still pending."""
        ...

    def drain(self, timeout: float | None = None) -> int:
        """Embed in the caller's thread; return how many are still pending."""
        ...

    def check(self) -> None:
        """Look once whether the model still gives the vectors that the store was written with.

        Raises:
            ModelMismatch: it does not.
        """
        ...

    def close(self) -> None:
        """Stop the worker."""
        ...


class Recorder(Protocol):
    """Keeps what was recalled, for replay."""

    def add(self, result: RecallResult, session: str | None) -> str:
        """Keep a recall and return its id."""
        ...


class Eraser(Protocol):
    """Removes memories from the journal and from every copy derived from them."""

    def __call__(self, numbers: Sequence[int]) -> tuple[Receipt, ...]:
        """Erase, search every file for what is left, and return the receipts in order."""
        ...

    def drop_recordings(self, session: str | None) -> int:
        """Remove the recordings of a session, or all of the namespace; return how many."""
        ...


class Copies(Protocol):
    """What is derived from the vectors and can be made anew."""

    def rebuild(self, tell: Callable[[str], None] = ...) -> int:
        """Throw the copies away, make them anew, and return how many rows they hold."""
        ...

    def report(self) -> dict[str, str]:
        """Return what state they are in, in words."""
        ...


@dataclass(frozen=True, slots=True)
class Instead:
    """What a recall uses in place of the memory's own parts: nothing unless told."""

    digest: str | None = None
    """The fingerprint whose vectors are scanned; the memory's own when None."""
    off: frozenset[str] = frozenset()
    """Names of stages that take no part."""
    reranker: Reranker | None = None
    """Another cross-encoder."""
    rows: RowSource | None = None
    """Other vector rows, scanned."""
    read: ReadSide | None = None
    """Another view of the journal."""
    links: Links | None = None
    """Other links."""


NOTHING = Instead()


class Wiring(Protocol):
    """Makes the stages of a recall anew, under other settings or an earlier model: for replay."""

    @property
    def settings(self) -> Settings:
        """The settings that the memory was opened with."""
        ...

    @property
    def judge(self) -> tuple[str, str] | None:
        """Name and revision of the cross-encoder, None without one."""
        ...

    @property
    def matchers(self) -> Mapping[str, tuple[str, str]]:
        """Name and revision of the sparse and the late-interaction model, where they are set."""
        ...

    def rows(self, digest: str) -> RowSource:
        """Return the vector rows of a fingerprint; none where it has none here."""
        ...

    def embedder(self, name: str) -> Embedder:
        """Return another embedding model, by the name that the setting `embedder` takes.

        Raises:
            ModelNotFound: it has no local copy, and what to do about it.
        """
        ...

    @property
    def reranker(self) -> Reranker | None:
        """The cross-encoder that judges what is recalled; None without one."""
        ...

    def reranker_named(self, name: str) -> Reranker:
        """Return another cross-encoder, by the name that the setting `reranker` takes.

        Raises:
            ModelNotFound: it has no local copy, and what to do about it.
        """
        ...

    def elsewhere(
        self, home: Path, embedder: Embedder, clock: Callable[[], int]
    ) -> AbstractContextManager["Parts"]:
        """Lend the parts of an empty memory in another home, which records nothing."""
        ...

    def stages(self, settings: Settings, instead: Instead = NOTHING) -> Sequence[Stage]:
        """Return the stages of a recall.

        Args:
            settings: the weights and counts to use.
            instead: what to use in place of the memory's own parts.

        Raises:
            NotFound: no vectors of that fingerprint are in the journal.
        """
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What a manager is made of."""

    journal: Journal
    embedder: Embedder
    encoder: QueryEncoder = field(init=False)
    catchup: CatchUp
    stages: Sequence[Stage]
    rate: Callable[[Draft], float]
    count: Callable[[str], int]
    erase: Eraser
    admission: Admission = Admission()
    recorder: Recorder | None = None
    derived: Copies | None = None
    wiring: Wiring | None = None
    tracing: Tracing | None = None
    clock: Callable[[], int] = lambda: time.time_ns() // 1000
    closing: tuple[Callable[[], None], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "encoder", QueryEncoder(self.embedder, self.catchup.check))
