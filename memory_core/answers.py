"""What recall asks and answers: the values that flow through its stages.

A stage is `(Query, Hits) -> Hits`. A hit carries its named signals and the terms that sum to
its score, so an answer explains itself; what a stage drops is kept as a `Cut` with the reason,
so the trace *is* the explanation. Loading a memory's text is put off until somebody reads it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, overload

import numpy as np
from numpy.typing import NDArray

from memory_core.filters import Filter
from memory_core.types import Kind, Memory, Source, Span, State, Trust

Vector = NDArray[np.float32]
Status = Literal["ok", "degraded", "empty", "failed"]
NO_SIGNALS: Mapping[str, float] = {}


@dataclass(frozen=True, slots=True)
class Facts:
    """The columns of one version that ranking needs, without its text. Times in microseconds."""

    number: int
    """The memory's id as a positive 63-bit integer."""
    doc: int
    """The journal entry that wrote the text; postings and vectors are kept by it."""
    occurred_at: int
    stored_at: int
    importance: float
    reinforced: int
    kind: Kind
    source: Source
    trust: Trust
    state: State

    @property
    def id(self) -> str:
        """The memory's id, 16 hexadecimal characters."""
        return f"{self.number:016x}"


class MemorySource(Protocol):
    """Where hits get their memories from; one per recall, loads each version once."""

    def memory(self, version: int) -> Memory:
        """Return the memory of that version."""
        ...

    def prefetch(self, versions: Sequence[int]) -> None:
        """Load many versions in one read."""
        ...


@dataclass(frozen=True, slots=True)
class Hit:
    """A recalled memory, its score, and where the score comes from.

    `score` is the sum of `terms`; `signals` are the raw measurements they were made of.
    """

    version: int
    facts: Facts
    origin: MemorySource = field(repr=False, compare=False)
    score: float = 0.0
    signals: Mapping[str, float] = field(default_factory=dict)
    terms: Mapping[str, float] = field(default_factory=dict)
    span: Span | None = None
    """The part of the text that matched best, when the text is longer than one chunk."""
    reasons: tuple[str, ...] = ()
    """What else decided about this hit, in words: pinned by link, quoted, …"""
    within: "Hit | None" = field(default=None, repr=False, compare=False)
    """The consolidated memory that was made of this one, where both were found."""

    @property
    def memory(self) -> Memory:
        """The memory itself, loaded at first use."""
        return self.origin.memory(self.version)

    @property
    def id(self) -> str:
        """The memory's id."""
        return self.facts.id

    def with_signals(self, **signals: float) -> "Hit":
        """Return the hit with more signals."""
        merged = {**self.signals, **signals}
        return Hit(
            self.version, self.facts, self.origin, self.score, merged, self.terms, self.span,
            self.reasons, self.within,
        )  # fmt: skip

    def scored(self, terms: Mapping[str, float]) -> "Hit":
        """Return the hit with these terms and their sum as score."""
        return replace(self, terms=terms, score=sum(terms.values()))


@dataclass(frozen=True, slots=True)
class Cut:
    """A candidate that a stage dropped, and why."""

    hit: Hit
    reason: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something about this recall that its reader should know.

    `degraded` notes mean that the answer is worse than the settings promise; the others say
    which path served, or which stage the user turned off.
    """

    code: str
    text: str
    degraded: bool = False


@dataclass(frozen=True, slots=True)
class Extent:
    """What a recall could see and had time for, apart from the journal: repeating it needs this."""

    rows: int | None = None
    """Vector rows that were there; None for all."""
    neighbours: tuple[int, ...] | None = None
    """Rows that the approximate index returned; None where all were scanned."""
    known: int = 0
    """Rows that the approximate index knew; those after it were scanned."""
    batches: tuple[tuple[int, ...], ...] | None = None
    """Versions that the cross-encoder judged, batch by batch; None where it had no deadline."""
    sparse: int | None = None
    """Texts up to this entry had sparse vectors, −1 where none took part; None without a model."""
    late: tuple[int, ...] | None = None
    """Versions that the late-interaction model compared; None where it had no deadline."""


@dataclass(frozen=True, slots=True)
class Hits(Sequence[Hit]):
    """An immutable, ordered row of hits with what the last stage cut and noted."""

    items: tuple[Hit, ...] = ()
    cuts: tuple[Cut, ...] = ()
    notes: tuple[Note, ...] = ()
    extent: Extent | None = None
    """What the stage could see or had time for, where that is not decided by the query."""

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.items)

    @overload
    def __getitem__(self, place: int) -> Hit: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Hit, ...]: ...
    def __getitem__(self, place: int | slice) -> Hit | tuple[Hit, ...]:
        return self.items[place]


@dataclass(frozen=True, slots=True)
class Query:
    """One recall, with everything its answer depends on. Times in microseconds since 1970."""

    text: str
    k: int
    seq: int
    """The journal entry up to which memories are seen: the head, or the state at `known_at`."""
    now: int
    vector: Vector | None = None
    """`(d,)` float32, normalised for the store's metric; None when no model could encode."""
    token_budget: int | None = None
    deadline: float | None = None
    """On the monotonic clock, seconds; None is no limit."""
    where: Filter | None = None
    as_of: int | None = None
    """World time to be valid at; None sees every live memory that is valid `now`."""
    for_action: bool = False
    """Only memories trusted enough to act on."""
    explain: bool = False
    extent: Extent | None = None
    """That of an earlier run, to repeat it; None for a recall of its own."""


class Stage(Protocol):
    """One step of recall: takes the hits so far, returns those that go on."""

    @property
    def name(self) -> str:
        """The stage's name in traces and recordings."""
        ...

    def __call__(self, query: Query, hits: Hits) -> Hits:
        """Return the hits that go on, the cut ones with reasons, and notes."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """What one stage did: the hits it passed on, those it cut, how long it took."""

    name: str
    hits: Hits
    seconds: float


@dataclass(frozen=True, slots=True)
class RecallResult:
    """The answer to one recall.

    Attributes:
        hits: best first; min(k, candidates) of them.
        context: packed text, ready for a prompt; blank when `status` is "empty".
        status: "ok"; "degraded", see `notes`; "empty", nothing relevant enough; "failed".
        notes: which path served, what was turned off, what degraded the answer.
        trace: what every stage kept and cut.
        recall_id: the recording's id, None when not recorded.
        seconds: wall-clock time of the recall.
        count: gives the tokens of a text.
    """

    query: Query
    hits: tuple[Hit, ...]
    context: str
    status: Status
    notes: tuple[Note, ...]
    trace: tuple[Step, ...]
    recall_id: str | None
    seconds: float
    count: Callable[[str], int] = field(repr=False, compare=False)

    @property
    def tokens(self) -> int:
        """Tokens of `context`; counted when read, since the first count of a process takes long."""
        return self.count(self.context) if self.context else 0

    @property
    def reasons(self) -> tuple[str, ...]:
        """The notes as text."""
        return tuple(note.text for note in self.notes)
