"""Two recalls side by side: why each memory stands elsewhere, and what undoing the cause does.

    score after − score before = Σ over terms of (term after − term before)        within 1e-9

A difference of the conditions (content, filter, k, a setting, …) is undone alone and the recall
run again; what then stands where it stood is that difference's doing, shown and not guessed. What
orders hits apart from their scores is undone too, on both sides: diversity, budget, deadline. A
move that no single undoing takes back is told with the causes that take it back together.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from memory_core.parts import Parts
from memory_core.replay.causes import Cause, Undo, differences
from memory_core.replay.conditions import Conditions
from memory_core.replay.playback import Playback, played, terms_line
from memory_core.replay.printed import Printed
from memory_core.replay.standing import Standing, Standings, standings
from memory_core.replay.why import fate_of

DIVERSITY, BUDGET, DEADLINE = "diversity", "budget", "deadline"
MECHANISMS: Mapping[str, Undo] = {
    DIVERSITY: lambda c: c.without(("diversify",)),
    BUDGET: lambda c: c.asking(token_budget=None),
    DEADLINE: lambda c: c.asking(extent=replace(c.extent, batches=None)),
}
"""What decides beside the scores, each with its undoing."""
NEVER_STORED = "never stored"
"""The fate of a hypothetical memory."""
NEVER = (None, False)
"""The place of a memory that was not recalled."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What one cause did to one memory: where it stands once the cause is undone."""

    label: str
    """The cause's label, or several joined by " + " that only together take the move back."""
    rank: int | None
    score: float | None
    shown: bool
    restores: bool
    """Whether undoing it puts the memory back where it stood; for diversity, budget and deadline:
    whether the memory stands alike in both recalls once these are off in both."""


@dataclass(frozen=True, slots=True)
class Shift:
    """One memory that stands elsewhere in the second recall."""

    derived: ClassVar[tuple[str, ...]] = ("gain", "causes")

    id: str
    before: Standing | None
    """None where it was no candidate; `fates` tells why."""
    after: Standing | None
    terms: Mapping[str, float]
    """Term after less term before; they sum to the difference of the scores. Empty where it was a
    candidate on one side only."""
    effects: tuple[Effect, ...]
    behind: tuple[str, ...]
    """Memories that stand above it now and did not before."""
    fates: tuple[str, str] = ("", "")
    """What kept or lost it, before and after, for one that was recalled on one side only."""

    @property
    def gain(self) -> float | None:
        """Score after less score before; None where it was a candidate on one side only."""
        return None if None in (self.before, self.after) else sum(self.terms.values())

    @property
    def causes(self) -> tuple[str, ...]:
        """Labels of the causes whose undoing takes the move back."""
        return tuple(effect.label for effect in self.effects if effect.restores)


@dataclass(frozen=True, slots=True)
class Diff(Printed):
    """Two recalls side by side."""

    derived: ClassVar[tuple[str, ...]] = ("recalls",)
    before: Playback = field(repr=False, metadata={"json": False})
    after: Playback = field(repr=False, metadata={"json": False})
    causes: tuple[Cause, ...]
    """What differs between their conditions."""
    shifts: tuple[Shift, ...]
    """Memories that stand elsewhere, in the order of the second recall, then of the first."""
    notes: tuple[str, ...] = ()
    """What limits this comparison."""

    @property
    def recalls(self) -> tuple[str, str]:
        """The ids of both, the same where one is a what-if of the other."""
        return self.before.id, self.after.id

    def __str__(self) -> str:
        """Tell the causes, then each memory's move with its terms and effects."""
        names = [f"recall {self.before.id}"]
        names.append("the same" if self.after.id == self.before.id else f"recall {self.after.id}")
        lines = [f"{names[0]} -> {names[1]}: {len(self.shifts)} memories stand elsewhere"]
        lines += [f"  {cause.label}: {cause.detail}" for cause in self.causes]
        lines += ["  nothing differs between the two"] if not self.causes else []
        lines += [f"  note: {note}" for note in self.notes]
        for shift in self.shifts:
            lines += _told(shift)
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two recalls: under which conditions, and what came of it."""

    conditions: Conditions
    run: Playback


def diff(parts: Parts, a: Side, b: Side) -> Diff:
    """Return what changed from one recall to another, and why.

    Args:
        parts: of the memory that both are from.
        a: the first.
        b: the second.

    Raises:
        NotFound: the vectors of a model that one of them used are not here.
    """
    causes = differences(a.conditions, b.conditions)
    before, after = standings(parts, a.run), standings(parts, b.run)
    moved = [id for id in {**after, **before} if _place(before, id) != _place(after, id)]
    if not moved:
        return Diff(a.run, b.run, causes, (), _notes(parts, a, b))
    undone = _undone(parts, a, b, causes)
    shifts = [_shift(id, before, after, undone) for id in moved]
    told = tuple(replace(shift, fates=_fates(parts, shift, a, b)) for shift in shifts)
    return Diff(a.run, b.run, causes, told, _notes(parts, a, b))


@dataclass(frozen=True, slots=True)
class Undone:
    """Results of the counterfactual runs."""

    single: Mapping[str, Standings]
    """By cause: the second recall with that cause alone undone."""
    joint: Mapping[str, Standings]
    """By causes joined: the second recall with the first of them, the first two, … undone."""
    mechanisms: Mapping[str, tuple[Standings, Standings]]
    """By mechanism: both recalls with it off."""


def _undone(parts: Parts, a: Side, b: Side, causes: Sequence[Cause]) -> Undone:
    def ran(conditions: Conditions) -> Standings:
        return standings(parts, played(conditions.run(parts), b.run))

    single = {cause.label: ran(cause.undo(b.conditions)) for cause in causes}
    joint, conditions, labels = {}, b.conditions, []
    for cause in causes:
        conditions = cause.undo(conditions)
        labels.append(cause.label)
        if len(labels) > 1:
            joint[" + ".join(labels)] = ran(conditions)
    mechanisms = {
        label: (ran(off(a.conditions)), ran(off(b.conditions)))
        for label, off in MECHANISMS.items()
        if label not in single and _matters(label, a, b)
    }
    return Undone(single, joint, mechanisms)


def _matters(label: str, a: Side, b: Side) -> bool:
    if label == DIVERSITY:
        return "diversify" not in a.conditions.instead.off | b.conditions.instead.off
    if label == BUDGET:
        return b.conditions.query.token_budget is not None
    return a.conditions.extent.batches is not None or b.conditions.extent.batches is not None


def _shift(id: str, before: Standings, after: Standings, undone: Undone) -> Shift:
    old, new = before.get(id), after.get(id)
    effects = tuple(_effects(id, before, after, undone))
    return Shift(id, old, new, _terms(old, new), effects, tuple(_behind(id, before, after)))


def _fates(parts: Parts, shift: Shift, a: Side, b: Side) -> tuple[str, str]:
    """Return what kept or lost a memory on either side, where it was recalled on one only."""
    recalled = [s is not None and s.rank is not None for s in (shift.before, shift.after)]
    if recalled[0] == recalled[1]:
        return "", ""
    if shift.id in (*a.conditions.imagined.ids, *b.conditions.imagined.ids):
        return NEVER_STORED, NEVER_STORED
    return _fate(parts, a, shift.id), _fate(parts, b, shift.id)


def _terms(old: Standing | None, new: Standing | None) -> dict[str, float]:
    if old is None or new is None:
        return {}
    return {
        name: new.terms.get(name, 0.0) - old.terms.get(name, 0.0)
        for name in dict.fromkeys((*old.terms, *new.terms))
    }


def _effects(id: str, before: Standings, after: Standings, undone: Undone) -> Iterator[Effect]:
    was, now = _place(before, id), _place(after, id)
    restored = False
    for label, run in undone.single.items():
        if _place(run, id) == now and not _rescored(after.get(id), run.get(id)):
            continue
        back = _place(run, id) == was
        restored = restored or back
        yield _effect(label, run.get(id), back)
    for label, (one, two) in undone.mechanisms.items():
        if _place(two, id) != now:
            alike = _place(one, id) == _place(two, id)
            yield _effect(label, two.get(id), alike)
    if not restored:
        for label, run in undone.joint.items():
            if _place(run, id) == was:
                yield _effect(label, run.get(id), True)
                return


def _effect(label: str, standing: Standing | None, restores: bool) -> Effect:
    if standing is None:
        return Effect(label, None, None, False, restores)
    return Effect(label, standing.rank, standing.score, standing.shown, restores)


def _rescored(one: Standing | None, two: Standing | None) -> bool:
    if one is None or two is None:
        return one is not two
    return abs(one.score - two.score) > 1e-9


def _behind(id: str, before: Standings, after: Standings) -> Iterator[str]:
    was, now = _place(before, id)[0], _place(after, id)[0]
    for other, standing in after.items():
        if other == id or standing.rank is None or (now is not None and standing.rank > now):
            continue
        rank = _place(before, other)[0]
        if was is not None and (rank is None or rank > was):
            yield other


def _fate(parts: Parts, side: Side, id: str) -> str:
    fate = fate_of(parts, side.run, id, lambda: side.conditions)
    return f"{fate.stage}: {fate.detail}"


def _place(run: Standings, id: str) -> tuple[int | None, bool]:
    found = run.get(id)
    return NEVER if found is None else found.place


def _notes(parts: Parts, a: Side, b: Side) -> tuple[str, ...]:
    """Tell where a recall does not run as recorded: undoing then compares with another result."""
    found = []
    for side in (a, b):
        again = played(side.conditions.run(parts), side.run)
        if [hit.version for hit in again.hits] != [hit.version for hit in side.run.hits]:
            found.append(f"recall {side.run.id} does not re-execute exactly; see: reexecute")
    return tuple(dict.fromkeys(found))


def _told(shift: Shift) -> Iterator[str]:
    before, after = _seat(shift.before), _seat(shift.after)
    yield f"{shift.id}  {before} -> {after}"
    if shift.before and shift.after:
        changed = {name: value for name, value in shift.terms.items() if value}
        told = terms_line(changed) if changed else "every term the same"
        yield f"    score {shift.before.score:.3f} -> {shift.after.score:.3f}: {told}"
    for when, fate in zip(("before", "after"), shift.fates, strict=True):
        if fate and not fate.startswith("recalled"):
            yield f"    {when}: {fate}"
    for effect in shift.effects:
        rank = "not recalled" if effect.rank is None else f"rank {effect.rank}"
        shown = ", not shown" if effect.rank and not effect.shown else ""
        mark = "  <- takes the move back" if effect.restores else ""
        yield f"    {effect.label} undone: {rank}{shown}{mark}"
    if shift.behind:
        yield f"    behind: {', '.join(shift.behind)}"


def _seat(standing: Standing | None) -> str:
    if standing is None:
        return "no candidate"
    if standing.rank is None:
        return "not recalled"
    return f"rank {standing.rank}" + ("" if standing.shown else ", not shown")
