"""A namespace's versions as numpy columns: the state at any `seq` without reading rows.

A `Snapshot` is immutable. `Columns` keeps the newest one and extends it by what was written
since, so a chat that stores two turns a minute never re-reads its past.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import apsw
import numpy as np
from numpy.typing import NDArray

from memory_core.answers import Facts, Query
from memory_core.forking import keep_open
from memory_core.journal.codes import CODE, CONSOLIDATED, KINDS, NEVER, SOURCES, STATES, TRUSTS
from memory_core.journal.names import Names
from memory_core.journal.schema import BY_END
from memory_core.journal.turns import TurnOrder

Ints = NDArray[np.int64]

_FIELDS: tuple[tuple[str, str], ...] = (
    ("version", "i8"), ("doc", "i8"), ("number", "i8"), ("seq_to", "i8"), ("terms", "i8"),
    ("occurred_at", "i8"), ("stored_at", "i8"), ("valid_from", "i8"), ("valid_to", "i8"),
    ("importance", "f4"), ("reinforced", "i4"), ("kind", "u1"), ("source", "u1"),
    ("trust", "u1"), ("state", "u1"), ("asks", "u1"), ("consolidated", "u1"), ("slot", "i4"),
    ("before", "i4"), ("session", "i4"), ("speaker", "i4"),
)  # fmt: skip
_SELECT = (
    f"SELECT version, doc, number, ifnull(seq_to, {NEVER}), terms, occurred_at, stored_at,"
    f" ifnull(valid_from, -{NEVER}), ifnull(valid_to, {NEVER}), importance, reinforced, kind,"
    " source, trust, state, asks,"
    f" source = {CODE['source']['derived']} AND ifnull(key GLOB '{CONSOLIDATED}*', 0),"
    " session, speaker"
    " FROM memories WHERE ns_id = ? AND version > ? ORDER BY version"
)
_VALID_STATES = np.array(
    [word in ("live", "expired", "superseded") for word in CODE["state"]], dtype=bool
)
_QUARANTINED = CODE["trust"]["quarantined"]
_TRUSTED = CODE["trust"]["normal"]
_FACTS = tuple(each.name for each in fields(Facts))
_WORDS = {"kind": KINDS, "source": SOURCES, "trust": TRUSTS, "state": STATES}


@dataclass(frozen=True, slots=True)
class Eligible:
    """Which texts a query may see: for each doc the row of its version, or -1."""

    row_of_doc: NDArray[np.int32]
    """Indexed by doc, 0..seq."""
    count: int

    def rows(self, docs: Ints) -> NDArray[np.int32]:
        """Return the rows of docs `(n,)`, -1 where not eligible."""
        return self.row_of_doc[docs]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The versions known at entry `seq`; every column has one value per version, `(n,)`."""

    seq: int
    columns: dict[str, NDArray[Any]] = field(repr=False)
    speakers: Sequence[str] = field(default=(), repr=False)
    """The names that the column "speaker" gives by place; -1 there for none."""

    def current(self) -> NDArray[np.bool_]:
        """Return the mask of rows that are the newest version of their memory at `seq`."""
        versions, ends = self.columns["version"], self.columns["seq_to"]
        mask: NDArray[np.bool_] = (versions <= self.seq) & (ends > self.seq)
        return mask

    def live(self) -> NDArray[np.bool_]:
        """Return the mask of rows that are live at `seq`."""
        mask: NDArray[np.bool_] = self.columns["state"] == CODE["state"]["live"]
        return self.current() & mask

    def counted(self) -> NDArray[np.bool_]:
        """Return the mask of rows whose texts count in lexical statistics: live ones.

        What consolidation made says again what its sources say, in a text many times as long, so
        it counts only where there is nothing else.
        """
        live = self.live()
        own: NDArray[np.bool_] = live & (self.columns["consolidated"] == 0)
        return own if own.any() else live

    def eligible(self, query: Query, allowed: Ints | None = None) -> Eligible:
        """Return what the query may see: known at `seq`, valid at its moment, trusted, allowed.

        Args:
            query: its seq, as_of, now and for_action decide.
            allowed: versions that pass the query's `where`; None for all.
        """
        moment = query.now if query.as_of is None else query.as_of
        mask = self.current()
        mask &= _VALID_STATES[self.columns["state"]]
        mask &= self.columns["trust"] > _QUARANTINED
        mask &= (self.columns["valid_from"] <= moment) & (moment < self.columns["valid_to"])
        if query.for_action:
            mask &= self.columns["trust"] >= _TRUSTED
        if allowed is not None:
            mask &= np.isin(self.columns["version"], allowed)
        return self.by_doc(mask)

    def by_doc(self, mask: NDArray[np.bool_]) -> Eligible:
        """Return the masked rows, indexed by the texts they hold."""
        rows = np.flatnonzero(mask)
        row_of_doc = np.full(self.seq + 1, -1, dtype=np.int32)
        row_of_doc[self.columns["doc"][rows]] = rows
        return Eligible(row_of_doc, len(rows))

    def facts(self, rows: NDArray[Any]) -> Iterator[Facts]:
        """Return rows `(n,)` as the values that ranking reads."""
        columns = {name: self.columns[name][rows].tolist() for name in _FACTS}
        for name, words in _WORDS.items():
            columns[name] = [words[code] for code in columns[name]]
        return map(Facts, *columns.values())

    def version(self, row: int) -> int:
        """Return the version number of a row."""
        return int(self.columns["version"].item(row))


class Columns:
    """The growing columns of one namespace; thread-safe, one per journal."""

    def __init__(self, ns_id: int) -> None:
        self._ns_id = ns_id
        self._lock = threading.Lock()
        self._size = 0
        self._seq = 0
        self._columns: dict[str, NDArray[Any]] = {}
        keep_open(self)
        self._reset()

    def after_fork(self) -> None:
        """Make the lock anew and start over: the fork may have caught it half extended."""
        self._lock = threading.Lock()
        self._reset()

    def snapshot(self, connection: apsw.Connection, seq: int, at: int | None = None) -> Snapshot:
        """Return the columns up to the head `seq`, seen as of entry `at` (the head if None)."""
        with self._lock:
            if seq > self._seq:
                self._extend(connection)
                self._seq = seq
            columns = {name: column[: self._size] for name, column in self._columns.items()}
            speakers = self._speakers.names
        return Snapshot(seq if at is None else at, columns, speakers)

    def forget(self) -> None:
        """Start over: rows were erased or rebuilt."""
        with self._lock:
            self._reset()

    def _reset(self) -> None:
        self._columns = {name: np.empty(1024, dtype=kind) for name, kind in _FIELDS}
        self._order = TurnOrder()
        self._sessions, self._speakers = Names(), Names()
        self._size = 0
        self._seq = 0

    def _extend(self, connection: apsw.Connection) -> None:
        versions = self._columns["version"][: self._size]
        last = int(versions[-1]) if self._size else 0
        fresh = connection.execute(_SELECT, (self._ns_id, last)).fetchall()
        closed = connection.execute(
            f"SELECT version, seq_to FROM memories {BY_END}"
            " WHERE ns_id = ? AND seq_to > ? AND version <= ?",
            (self._ns_id, self._seq, last),
        ).fetchall()
        if closed:  # a copy: snapshots may be reading the old ends
            ends = self._columns["seq_to"].copy()
            table = np.array(closed, dtype=np.int64)
            ends[np.searchsorted(versions, table[:, 0])] = table[:, 1]
            self._columns["seq_to"] = ends
        if fresh:
            self._append(fresh)

    def _append(self, fresh: list[tuple[Any, ...]]) -> None:
        grown = self._size + len(fresh)
        *columns, sessions, speakers = zip(*fresh, strict=True)
        places = (
            *self._order.extend(self._size, columns[2], _in_order(columns[-1], sessions)),
            self._sessions.codes(sessions),
            self._speakers.codes(speakers),
        )
        for (name, kind), values in zip(_FIELDS, (*columns, *places), strict=True):
            column = self._columns[name]
            if grown > len(column):
                bigger = np.empty(int(grown * 1.5), dtype=kind)
                bigger[: self._size] = column[: self._size]
                column = self._columns[name] = bigger
            column[self._size : grown] = values
        self._size = grown


def _in_order(made: Sequence[int], sessions: Sequence[str | None]) -> list[str | None]:
    """Return the sessions that rows are turns of: none for what consolidation made of turns."""
    return [None if each else name for each, name in zip(made, sessions, strict=True)]
