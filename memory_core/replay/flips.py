"""What a recall is expected to keep, and a change after which it does or does not."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from memory_core.answers import RecallResult
from memory_core.errors import InvalidInput
from memory_core.journal.where import number_of

Predicate = Callable[[RecallResult], bool]


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a recall should keep, or should not."""

    told: str
    holds: Predicate = field(repr=False, metadata={"json": False})
    id: str = ""
    """The memory it is about; blank for a predicate of the caller's own."""

    @classmethod
    def of(
        cls, expect: str | None, expect_not: str | None, predicate: Predicate | None
    ) -> "Expectation":
        """Return the one expectation given.

        Raises:
            InvalidInput: none or several are given, or something that is no id.
        """
        given = [value for value in (expect, expect_not, predicate) if value is not None]
        if len(given) != 1:
            raise InvalidInput("give one of expect=ID, expect_not=ID or a predicate")
        if predicate is not None:
            return cls(getattr(predicate, "__name__", "the predicate holds"), predicate)
        id = str(given[0])
        if number_of(id) < 0:
            raise InvalidInput(f"{id!r} is no memory's id; find it with: memory replay why-not")
        if expect is not None:
            return cls(f"{id} is recalled", lambda result: id in kept(result), id)
        return cls(f"{id} is not recalled", lambda result: id not in kept(result), id)


@dataclass(frozen=True, slots=True)
class Flip:
    """One change that changed the outcome, seen on both of its sides."""

    held: bool
    """Whether the expectation holds from here on."""
    entry: int | None = None
    """The journal entry; None for a setting."""
    event: str = ""
    """What the entry did, in the past tense."""
    id: str = ""
    """The memory that the entry is about."""
    setting: str = ""
    """The setting, "reranker", or "extent": vectors not there yet, the index, the deadline."""
    values: tuple[Any, Any] = (None, None)
    """The setting's value before and after."""
    ranks: tuple[int | None, int | None] = (None, None)
    """Where the expected memory stood before and after; None where it was not recalled."""
    entered: tuple[str, ...] = ()
    """Memories that came into the recalled with it."""
    left: tuple[str, ...] = ()
    """Memories that fell out of the recalled with it."""

    def __str__(self) -> str:
        """Tell what changed and what came of it."""
        if self.entry is not None:
            about = f" {self.id}" if self.id else ""
            what = f"entry {self.entry} ({self.event}{about})"
        else:
            what = f"{self.setting} {self.values[0]!r} -> {self.values[1]!r}"
        ranks = ["-" if rank is None else str(rank) for rank in self.ranks]
        moved = f", rank {ranks[0]} -> {ranks[1]}" if self.ranks != (None, None) else ""
        came = f"; came in: {', '.join(self.entered)}" if self.entered else ""
        gone = f"; fell out: {', '.join(self.left)}" if self.left else ""
        return f"{what}: {'holds' if self.held else 'fails'} from here{moved}{came}{gone}"


def kept(result: RecallResult) -> list[str]:
    """Return the ids that a recall brought into its context, best first."""
    return [] if result.status == "empty" else [hit.id for hit in result.trace[-1].hits]


def changed_by(
    before: RecallResult, after: RecallResult, expected: Expectation, held: bool
) -> Flip:
    """Return the flip from one result to the next, without what caused it."""
    was, now = kept(before), kept(after)
    ranks = tuple(ids.index(expected.id) + 1 if expected.id in ids else None for ids in (was, now))
    return Flip(
        held,
        ranks=(ranks[0], ranks[1]),
        entered=tuple(id for id in now if id not in was and id != expected.id),
        left=tuple(id for id in was if id not in now and id != expected.id),
    )
