"""C1: bits of the journal flip, its end is cut off, its rows change places, its values change type.

`verify`, or the opening before it, must see each of them.

Content is what the chain is about: entries, bodies, heads and the namespace's identity. A case
counts as injected if it changed content, read by SQL beside the product; damage elsewhere in the
file must at most be refused with a typed error.
"""

import random
from collections.abc import Mapping
from itertools import count, product
from pathlib import Path

import apsw

from memory_core.build import open_memory
from memory_core.errors import MemoryCoreError
from memory_core.journal.journal import Journal
from memory_core.proofs.plants import planted
from memory_core.proofs.row import Findings, Proof, Run

FLIPS_A_CUT = 15  # flips for each truncation, and for each swap of rows
NAMESPACE = "ana"
_CONTENT = (
    "SELECT * FROM journal ORDER BY ns_id, seq",
    "SELECT * FROM content ORDER BY id",
    "SELECT ns_id, seq, at, hash FROM heads",
    "SELECT ns_id, name, uid FROM namespaces",
)
_SWAPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("content", ("body",)),
    ("content", ("salt", "body")),
    ("content", ("body_id", "salt", "body")),
    ("journal", ("at",)),
    ("journal", ("kind",)),
    ("journal", ("body_id", "commitment")),
    ("journal", ("at", "kind", "body_id", "commitment", "hash")),
)
_KEY = {"content": "id", "journal": "seq", "heads": "ns_id", "namespaces": "ns_id"}
_RETYPED: Mapping[str, tuple[str, ...]] = {
    "journal": ("ns_id", "seq", "at", "kind", "body_id", "commitment", "prev", "hash"),
    "content": ("id", "ns_id", "body_id", "salt", "body"),
    "heads": ("ns_id", "seq", "at", "hash"),
    "namespaces": ("ns_id", "name", "uid"),
}
_CHANGES = ("CAST({} AS BLOB)", "CAST({} AS TEXT)", "CAST({} AS REAL)", "{} + 1", "{} - 1")

Content = list[list[tuple[object, ...]]]


def prove_intact(run: Run, findings: Findings) -> None:
    """Damage a store in one place after another, and ask `verify` each time."""
    with planted(run.planted):
        _build_store(run.place)
        target = Target(run.place, findings)
        _damage(run, findings, target)


def _damage(run: Run, findings: Findings, target: "Target") -> None:
    for _ in range(run.size):
        place, bit = run.random.randrange(len(target.pristine)), run.random.randrange(8)
        target.flip(place, bit)
    for _ in range(max(run.size // FLIPS_A_CUT, 2)):
        target.cut(run.random.randrange(len(target.pristine)))
    for number in range(max(run.size // FLIPS_A_CUT, len(_SWAPS))):
        target.swap(*_SWAPS[number % len(_SWAPS)], run.random)
    for table, columns in _RETYPED.items():
        for column, change in product(columns, _CHANGES):
            target.retype(table, column, change.format(column), run.random)
    findings.measured |= {
        "bytes": len(target.pristine), "refused_with_content_intact": target.refused
    }  # fmt: skip


class Target:
    """A store to damage; every case begins with the honest file."""

    def __init__(self, home: Path, findings: Findings) -> None:
        self._home, self._findings = home, findings
        self._path = home / "journal.db"
        self.pristine = self._path.read_bytes()
        self._content = content_of(self._path)
        self.refused = 0
        """Cases that left the content intact, and were refused or reported all the same."""

    def flip(self, place: int, bit: int) -> None:
        """Flip one bit of one byte."""
        damaged = bytearray(self.pristine)
        damaged[place] ^= 1 << bit
        self._restore(bytes(damaged))
        self._judge(f"bit {bit} of byte {place}")

    def cut(self, length: int) -> None:
        """Cut the file to `length` bytes."""
        self._restore(self.pristine[:length])
        self._judge(f"cut to {length} bytes")

    def swap(self, table: str, columns: tuple[str, ...], chance: random.Random) -> None:
        """Let two rows exchange the values of some columns."""
        connection = self._writable()
        key, names = _KEY[table], ", ".join(columns)
        keys = [row[0] for row in connection.execute(f"SELECT {key} FROM {table}")]
        pair = chance.sample(keys, 2)
        values = [
            connection.execute(f"SELECT {names} FROM {table} WHERE {key} = ?", (k,)).fetchall()[0]
            for k in pair
        ]
        marks = ", ".join("?" * len(columns))
        for k, other in zip(pair, reversed(values), strict=True):
            connection.execute(
                f"UPDATE {table} SET ({names}) = ({marks}) WHERE {key} = ?"
                if len(columns) > 1
                else f"UPDATE {table} SET {names} = ? WHERE {key} = ?",
                (*other, k),
            )
        connection.close()
        self._judge(f"{names} of {table} rows {pair} swapped")

    def retype(self, table: str, column: str, change: str, chance: random.Random) -> None:
        """Give one row another value or type, where the table's constraints allow it."""
        connection, key = self._writable(), _KEY[table]
        row = chance.choice([row[0] for row in connection.execute(f"SELECT {key} FROM {table}")])
        try:
            connection.execute(f"UPDATE {table} SET {column} = {change} WHERE {key} = ?", (row,))
        except apsw.Error:
            return
        finally:
            connection.close()
        self._judge(f"{column} of {table} row {row} set to {change}")

    def _writable(self) -> apsw.Connection:
        """Return a connection to the honest file without the triggers that keep it so."""
        self._restore(self.pristine)
        connection = apsw.Connection(str(self._path))
        for (trigger,) in connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'trigger'"
        ).fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        return connection

    def _restore(self, content: bytes) -> None:
        for path in self._home.iterdir():
            if path != self._path:
                path.unlink()
        self._path.write_bytes(content)

    def _judge(self, damage: str) -> None:
        changed = content_of(self._path) != self._content
        self._findings.injected += changed
        try:
            seen = bool(faults_of(self._home))
        except MemoryCoreError:
            seen = True
        except Exception as error:
            self._findings.check(False, f"{damage}: {type(error).__name__} is no typed error")
            return
        self._findings.check(seen or not changed, f"{damage}: changed content, nothing said")
        self.refused += seen and not changed


def content_of(path: Path) -> Content | None:
    """Return what the chain is about, read by SQL alone; None if that fails."""
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            return [connection.execute(sql).fetchall() for sql in _CONTENT]
        finally:
            connection.close()
    except (apsw.Error, UnicodeDecodeError):
        return None


def faults_of(home: Path) -> list[str]:
    """Open a store read-only and return what `verify` says."""
    journal = Journal(home, NAMESPACE, clock=count().__next__, readonly=True)
    try:
        return journal.verify()
    finally:
        journal.close()


def _build_store(home: Path) -> None:
    """Write every kind of entry, so that every kind can be damaged."""
    with open_memory(home, namespace=NAMESPACE, embedder="hash:64", recordings=False) as memory:
        ids = [
            memory.store(
                f"note {n}: the {word} stands in room {n % 7}",
                metadata={"n": n, "word": word},
                key=f"k{n}",
            ).id
            for n, word in enumerate(["lamp", "chair", "piano", "map"] * 25)
        ]
        for n in range(0, 40, 4):
            memory.revise(ids[n], text=f"note {n} was corrected")
            memory.supersede(ids[n + 1], f"note {n + 1} has moved on")
            memory.link(ids[n + 2], ids[n + 3], "beside")
            memory.reinforce(ids[n + 2])
        for n in range(40, 48, 4):
            memory.forget(ids[n])
            memory.invalidate(ids[n + 1])
            memory.expire(ids[n + 2])
            memory.erase(ids[n + 3])
        memory.parts.catchup.drain()


PROOFS = (
    Proof("C1", "verify sees every change of the journal's content", 3000, 120, prove_intact),
)
