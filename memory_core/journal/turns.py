"""Which memory came before which in its session: the order of a conversation, by memory.

A memory keeps its place when it is revised: all its versions share one slot, the row of its first
version. What was erased has no row, so its neighbours become each other's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

_QUESTION = ("?", "\uff1f", "\u061f")  # Latin, full-width and Arabic question marks


@dataclass(frozen=True, slots=True)
class Turns:
    """The texts next to some texts in their sessions, `(n,)` each; -1 where there is none."""

    before: Ints
    after: Ints
    answers: NDArray[np.bool_]
    """Whether the text before asks something."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What is next to what among the eligible rows of one snapshot; made once per recall."""

    columns: Mapping[str, NDArray[Any]] = field(repr=False)
    row_of_doc: NDArray[np.int32] = field(repr=False)
    row_at: NDArray[np.int32] = field(repr=False)
    """By slot: the eligible row, -1 where there is none; the last place stands for "no slot"."""
    next_of: NDArray[np.int32] = field(repr=False)
    """By slot: the slot after it in its session, -1 at the end."""

    @classmethod
    def among(
        cls, columns: Mapping[str, NDArray[Any]], row_of_doc: NDArray[np.int32]
    ) -> "Neighbours":
        """Return the neighbours among those rows that a text of `row_of_doc` has."""
        slot, before = columns["slot"], columns["before"]
        rows = row_of_doc[row_of_doc >= 0]
        row_at = np.full(len(slot) + 1, -1, dtype=np.int32)
        row_at[slot[rows]] = rows
        next_of = np.full(len(slot) + 1, -1, dtype=np.int32)
        first = np.flatnonzero((slot == np.arange(len(slot), dtype=slot.dtype)) & (before >= 0))
        next_of[before[first]] = first
        return cls(columns, row_of_doc, row_at, next_of)

    def of(self, docs: Ints) -> Turns:
        """Return the eligible texts before and after docs `(n,)` in their sessions."""
        here = self.columns["slot"][self.row_of_doc[docs]]
        earlier = self.row_at[self.columns["before"][here]]
        later = self.row_at[self.next_of[here]]
        doc, asks = self.columns["doc"], self.columns["asks"]
        return Turns(
            before=np.where(earlier >= 0, doc[earlier], -1),
            after=np.where(later >= 0, doc[later], -1),
            answers=(earlier >= 0) & (asks[earlier] > 0),
        )


class TurnOrder:
    """Gives each new row its slot and the slot before it; grows with the columns."""

    def __init__(self) -> None:
        self._slot: dict[int, int] = {}
        self._before: dict[int, int] = {}
        self._last: dict[str, int] = {}

    def extend(
        self, first: int, numbers: Sequence[int], sessions: Sequence[str | None]
    ) -> tuple[list[int], list[int]]:
        """Return (slots, slots before) of rows `first`.. in version order."""
        slots, befores = [], []
        for row, (number, session) in enumerate(zip(numbers, sessions, strict=True), first):
            slot = self._slot.setdefault(number, row)
            if slot == row:
                self._before[slot] = self._last.get(session, -1) if session else -1
                if session:
                    self._last[session] = slot
            slots.append(slot)
            befores.append(self._before[slot])
        return slots, befores


def asks(text: str) -> bool:
    """Tell whether a text asks something.

    Example:
        >>> asks("Where do you live? I forgot.")
        True
    """
    return any(mark in text for mark in _QUESTION)
