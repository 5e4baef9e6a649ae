"""The chain: append entries, read them back, and prove that none was changed.

    commitment = SHA-256(salt ‖ body)
    hash       = SHA-256(prev ‖ uid ‖ seq ‖ at ‖ kind ‖ body_id ‖ commitment)

The chain commits to salted bodies, so erasing salt and body leaves it valid and nothing
guessable. `at` never runs backwards: store time and `seq` agree whatever the clock does.
"""

import hashlib
import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import apsw

from memory_core.errors import StoreDamaged
from memory_core.journal.events import REMOVALS, Erased, Event, event_of
from memory_core.journal.sql import one

ZERO_HASH = bytes(32)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the chain; `payload` is None once erased."""

    seq: int
    at: int
    kind: str
    body_id: bytes
    commitment: bytes
    prev: bytes
    hash: bytes
    payload: dict[str, object] | None

    @property
    def event(self) -> Event | None:
        """The event, or None once erased."""
        return None if self.payload is None else event_of(self.kind, self.payload)


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace as the store knows it."""

    ns_id: int
    name: str
    uid: bytes
    salt: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry of a chain; seq 0 with a zero hash before the first."""

    seq: int
    at: int
    hash: bytes


def open_namespace(connection: apsw.Connection, name: str) -> Namespace | None:
    """Return the namespace of that name, or None.

    Raises:
        StoreDamaged: its number, identity or head is not what was written.
    """
    row = one(
        connection,
        "SELECT n.ns_id, n.name, n.uid, n.salt, h.ns_id IS NOT NULL AND typeof(n.uid) = 'blob'"
        " AND typeof(n.salt) = 'blob' FROM namespaces n LEFT JOIN heads h ON h.ns_id = n.ns_id"
        " WHERE n.name = ?",
        (name,),
    )
    if row is None:
        return None
    *identity, whole = row
    if not whole:
        raise StoreDamaged(f"namespace {name!r} has lost its identity or head; restore a backup")
    return Namespace(*identity)


def create_namespace(connection: apsw.Connection, name: str) -> Namespace:
    """Create a namespace with an empty chain, inside the caller's transaction."""
    connection.execute(
        "INSERT INTO namespaces(name, uid, salt) VALUES (?, ?, ?)",
        (name, secrets.token_bytes(16), secrets.token_bytes(32)),
    )
    ns_id = connection.last_insert_rowid()
    connection.execute("INSERT INTO heads VALUES (?, 0, 0, ?, 0, 0)", (ns_id, ZERO_HASH))
    found = open_namespace(connection, name)
    if found is None:
        raise LookupError(name)
    return found


def read_head(connection: apsw.Connection, ns_id: int) -> Head:
    """Return the newest entry's number, time and hash."""
    row = one(connection, "SELECT seq, at, hash FROM heads WHERE ns_id = ?", (ns_id,))
    return Head(*row) if row else Head(0, 0, ZERO_HASH)


def append(
    connection: apsw.Connection, namespace: Namespace, head: Head, *, at: int, event: Event
) -> Entry:
    """Write one entry and its body behind `head`, inside the caller's transaction."""
    body_id, salt = secrets.token_bytes(16), secrets.token_bytes(16)
    payload = event.payload()
    body = encode(payload)
    commitment = commit_to(salt, body)
    seq = head.seq + 1
    digest = chain(head.hash, namespace.uid, seq, at, event.event, body_id, commitment)
    connection.execute(
        "INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (namespace.ns_id, seq, at, event.event, body_id, commitment, head.hash, digest),
    )
    connection.execute(
        "INSERT INTO content VALUES (?, ?, ?, ?, ?)",
        (content_id(namespace.ns_id, seq), namespace.ns_id, body_id, salt, body),
    )
    connection.execute(
        "UPDATE heads SET seq = ?, at = ?, hash = ? WHERE ns_id = ?",
        (seq, at, digest, namespace.ns_id),
    )
    return Entry(seq, at, event.event, body_id, commitment, head.hash, digest, payload)


def read_entries(
    connection: apsw.Connection,
    ns_id: int,
    after: int = 0,
    until: int | None = None,
    *,
    kinds: Sequence[str] = (),
) -> Iterator[Entry]:
    """Yield entries with after < seq <= until, in order; of those kinds, all if none is named."""
    marks = f" AND j.kind IN ({', '.join('?' * len(kinds))})" if kinds else ""
    fetched: Iterator[tuple[Any, ...]] = connection.execute(
        "SELECT j.seq, j.at, j.kind, j.body_id, j.commitment, j.prev, j.hash, c.body"
        " FROM journal j LEFT JOIN content c ON c.id = (j.ns_id << 40) | j.seq"
        f" WHERE j.ns_id = ? AND j.seq > ? AND j.seq <= ?{marks} ORDER BY j.seq",
        (ns_id, after, (1 << 40) - 1 if until is None else until, *kinds),
    )
    for row in fetched:
        seq, at, kind, body_id, commitment, prev, digest, body = row
        payload = None if body is None else json.loads(body)
        yield Entry(seq, at, kind, body_id, commitment, prev, digest, payload)


def verify_chain(connection: apsw.Connection, namespace: Namespace) -> list[str]:
    """Return what is wrong with the chain and its bodies, first fault first; empty is proof.

    Every entry's hash, its link to the one before, its number, its time order, each body
    against its commitment, and the head are recomputed.
    """
    faults: list[str] = []
    last = Head(0, 0, ZERO_HASH)
    lines: Iterator[tuple[Any, ...]] = connection.execute(
        "SELECT j.seq, j.at, CASE typeof(j.kind) WHEN 'text' THEN CAST(j.kind AS BLOB) END,"
        " j.body_id, j.commitment, j.prev, j.hash,"
        " c.salt, c.body, c.body_id IS j.body_id AND c.ns_id IS j.ns_id"
        " FROM journal j LEFT JOIN content c ON c.id = (j.ns_id << 40) | j.seq"
        " WHERE j.ns_id = ? ORDER BY j.seq",
        (namespace.ns_id,),
    )
    for seq, at, kind, body_id, commitment, before, digest, salt, body, ours in lines:
        if not isinstance(seq, int) or not isinstance(at, int):
            faults.append(f"the entry after {last.seq} has a damaged number or time")
            continue
        if seq != last.seq + 1:
            faults.append(f"entry {last.seq + 1} is missing")
        if before != last.hash:
            faults.append(f"entry {seq} does not follow the entry before it")
        if digest != _recomputed(before, namespace.uid, seq, at, kind, body_id, commitment):
            faults.append(f"entry {seq} was changed")
        if at < last.at:
            faults.append(f"entry {seq} is older than the entry before it")
        if body is not None and not _matches(salt, body, bool(ours), commitment):
            faults.append(f"the body of entry {seq} was changed")
        last = Head(seq, at, digest)
    head = read_head(connection, namespace.ns_id)
    if head != last:
        faults.append(f"the chain ends at entry {last.seq}, its head says {head.seq} or differs")
    return faults


def unexplained_bodies(connection: apsw.Connection, namespace: Namespace) -> list[str]:
    """Return faults for bodies missing without an erasure, and bodies without an entry."""
    explained: set[int] = set()
    for (body,) in connection.execute(
        "SELECT c.body FROM journal j JOIN content c ON c.id = (j.ns_id << 40) | j.seq"
        " WHERE j.ns_id = ? AND j.kind IN (?, ?)",
        (namespace.ns_id, *REMOVALS),
    ):
        explained.update(_erased_entries(body))
    missing = {
        seq
        for (seq,) in connection.execute(
            "SELECT j.seq FROM journal j LEFT JOIN content c ON c.id = (j.ns_id << 40) | j.seq"
            " WHERE j.ns_id = ? AND c.id IS NULL",
            (namespace.ns_id,),
        )
    }
    (stray,) = one(
        connection,
        "SELECT count(*) FROM content c WHERE c.ns_id = ? AND NOT EXISTS (SELECT 1 FROM journal j"
        " WHERE j.ns_id = c.ns_id AND j.seq = c.id & ((1 << 40) - 1) AND j.body_id = c.body_id)",
        (namespace.ns_id,),
    ) or (0,)
    faults = [f"the body of entry {seq} is missing" for seq in sorted(missing - explained, key=str)]
    return [*faults, *([f"{stray} bodies belong to no entry"] if stray else [])]


def _erased_entries(body: object) -> list[int]:
    """Return what an erasure explains; nothing if its body is damaged, as `verify_chain` says."""
    try:
        event = event_of(Erased.event, json.loads(body))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return []
    return event.entries if isinstance(event, Erased) else []


def _recomputed(prev: bytes, *columns: Any) -> bytes | None:
    """Return an entry's hash, or None if damage made a column something else than it was."""
    uid, seq, at, kind, body_id, commitment = columns
    try:
        return chain(prev, uid, seq, at, kind.decode(), body_id, commitment)
    except (TypeError, AttributeError, ValueError, OverflowError):
        return None


def _matches(salt: object, body: object, same: bool, commitment: bytes) -> bool:
    if not (same and isinstance(salt, bytes) and isinstance(body, bytes)):
        return False
    return commit_to(salt, body) == commitment


def content_id(ns_id: int, seq: int) -> int:
    """Return the row id of an entry's body: rows of one namespace lie together."""
    return (ns_id << 40) | seq


def encode(payload: dict[str, object]) -> bytes:
    """Return the canonical bytes of a body: UTF-8 JSON, sorted keys, no spaces."""
    return json.dumps(
        payload, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    ).encode()


def commit_to(salt: bytes, body: bytes) -> bytes:
    """Return the commitment to a body."""
    return hashlib.sha256(salt + body).digest()


def chain(
    prev: bytes, uid: bytes, seq: int, at: int, kind: str, body_id: bytes, commitment: bytes
) -> bytes:
    """Return an entry's hash; every field has a fixed or delimited length."""
    name = kind.encode()
    numbers = b"".join(n.to_bytes(8, "big", signed=True) for n in (seq, at, len(name)))
    return hashlib.sha256(prev + uid + numbers + name + body_id + commitment).digest()
