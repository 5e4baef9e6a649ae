"""What happened in a recall, from its recording alone: no model, no journal, bit by bit.

Memories are named by version; the recalled ones by id too, where the recording's format has them.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, overload

from memory_core.answers import Note, RecallResult, Step
from memory_core.replay.encoding import FORMAT, PACKING
from memory_core.replay.printed import Printed
from memory_core.replay.recording import Recording
from memory_core.types import from_micros


@dataclass(frozen=True, slots=True)
class Played:
    """A hit as it left a stage."""

    version: int
    score: float
    signals: Mapping[str, float]
    terms: Mapping[str, float]
    reasons: tuple[str, ...] = ()
    id: str = ""
    """The memory's id where it was recalled; blank for other candidates."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A candidate that a stage cut, and why."""

    version: int
    reason: str
    score: float | None = None
    """Its score then; None in recordings of format 1."""


@dataclass(frozen=True, slots=True)
class PlayedStep:
    """What one stage did."""

    name: str
    seconds: float
    hits: tuple[Played, ...]
    dropped: tuple[Dropped, ...]
    notes: tuple[Note, ...]


class Steps(Sequence[PlayedStep]):
    """The steps of a recording, read at first use: most of it, and a list of recalls needs none."""

    def __init__(self, read: Callable[[], tuple[PlayedStep, ...]]) -> None:
        self._read = read
        self._steps: tuple[PlayedStep, ...] | None = None

    @property
    def _every(self) -> tuple[PlayedStep, ...]:
        if self._steps is None:
            self._steps = self._read()
        return self._steps

    @overload
    def __getitem__(self, place: int) -> PlayedStep: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[PlayedStep, ...]: ...
    def __getitem__(self, place: int | slice) -> PlayedStep | tuple[PlayedStep, ...]:
        return self._every[place]

    def __len__(self) -> int:
        return len(self._every)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._every == tuple(other)

    def __hash__(self) -> int:
        return hash(self._every)


@dataclass(frozen=True, slots=True)
class Playback(Printed):
    """One recorded recall. Times in microseconds since 1970 UTC."""

    id: str
    at: int
    session: str | None
    seq: int
    query: Mapping[str, Any] = field(repr=False)
    """Text, k, now, as_of, budget, where, for_action, vector."""
    status: str
    seconds: float
    tokens: int | None
    """Tokens of the packed context; None where no budget was asked, which counts none."""
    context: str | int
    """SHA-256 of the packed context in hexadecimal; CRC-32 in format 1."""
    steps: Sequence[PlayedStep] = field(repr=False)
    """Read from the recording at first use."""
    format: int
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Those that decided the recall; empty in format 1."""
    last: tuple[Played, ...] | None = field(default=None, repr=False, metadata={"json": False})
    """The hits, where they are known without the steps."""

    @property
    def text(self) -> str:
        """The question."""
        return str(self.query["text"])

    @property
    def hits(self) -> tuple[Played, ...]:
        """What was recalled, best first."""
        if self.last is not None:
            return self.last
        ranked = [step for step in self.steps if step.name != PACKING]
        return ranked[-1].hits if ranked else ()

    @property
    def notes(self) -> tuple[Note, ...]:
        """What was noted on the way, once each."""
        return tuple(dict.fromkeys(note for step in self.steps for note in step.notes))

    def __str__(self) -> str:
        """Tell the recall in a table of hits and one of stages."""
        at = f"{from_micros(self.at):%Y-%m-%d %H:%M:%S}"
        where = f"session {self.session}, " if self.session else ""
        head = f"recall {self.id}  {at} UTC, {where}entry {self.seq}, k={self.query['k']}"
        lines = [head, f"  {self.text!r}", *map(_line, range(1, 1 + len(self.hits)), self.hits)]
        lines += [
            f"  {step.name:<10} kept {len(step.hits):>4}  cut {len(step.dropped):>4}"
            f"  {step.seconds * 1000:8.2f} ms"
            for step in self.steps
        ]
        told = "; ".join(note.text for note in self.notes)
        lines.append(f"{self.status} in {self.seconds * 1000:.1f} ms: {told}")
        return "\n".join(lines)


def playback(recording: Recording) -> Playback:
    """Return what a recording says."""
    body = recording.body
    ids: Mapping[int, str] = body.get("ids", {})
    return Playback(
        id=recording.id,
        at=recording.at,
        session=recording.session,
        seq=recording.seq,
        query=body["query"],
        status=body["status"],
        seconds=body["seconds"],
        tokens=body["tokens"],
        context=body["context"],
        steps=Steps(lambda: _steps(body, ids)),
        format=body["format"],
        settings=body.get("settings", {}),
        last=tuple(_hit(hit, ids) for hit in body["last"]) if "last" in body else None,
    )


def played(result: RecallResult, like: Playback) -> Playback:
    """Return another run of a recorded recall in the shape of its playback."""
    query = result.query
    asked = {
        **like.query, "text": query.text, "k": query.k, "seq": query.seq, "now": query.now,
        "as_of": query.as_of, "budget": query.token_budget, "for_action": query.for_action,
    }  # fmt: skip
    return replace(
        like,
        seq=query.seq,
        query=asked,
        status=result.status,
        seconds=result.seconds,
        tokens=None if query.token_budget is None else result.tokens,
        context=hashlib.sha256(result.context.encode()).hexdigest(),
        steps=tuple(map(_played_step, result.trace)),
        format=FORMAT,
        last=None,
    )


def terms_line(terms: Mapping[str, float]) -> str:
    """Return terms as text, in their order."""
    return "  ".join(f"{name} {value:+.3f}" for name, value in terms.items())


def _played_step(step: Step) -> PlayedStep:
    hits = (Played(h.version, h.score, h.signals, h.terms, h.reasons, h.id) for h in step.hits)
    dropped = (Dropped(c.hit.version, c.reason, c.hit.score) for c in step.hits.cuts)
    return PlayedStep(step.name, step.seconds, tuple(hits), tuple(dropped), step.hits.notes)


def _steps(body: Mapping[str, Any], ids: Mapping[int, str]) -> tuple[PlayedStep, ...]:
    seen: dict[int, Played] = {}

    def once(hit: Sequence[Any]) -> Played:  # a hit that a step left as it was is one row
        found = seen.get(id(hit))
        if found is None:
            found = seen[id(hit)] = _hit(hit, ids)
        return found

    return tuple(
        PlayedStep(
            step["name"],
            step["seconds"],
            tuple([once(hit) for hit in step["hits"]]),
            tuple([Dropped(c[0], c[1], c[2] if len(c) > 2 else None) for c in step["cuts"]]),
            tuple(Note(*note) for note in step["notes"]),
        )
        for step in body["steps"]
    )


def _hit(hit: Sequence[Any], ids: Mapping[int, str]) -> Played:
    reasons = tuple(hit[4]) if len(hit) > 4 else ()
    return Played(hit[0], hit[1], hit[2], hit[3], reasons, ids.get(hit[0], ""))


def _line(rank: int, hit: Played) -> str:
    name = hit.id or f"version {hit.version}"
    return f"  {rank:>2}. {name}  {hit.score:.3f} = {terms_line(hit.terms)}"
