"""What a proof looks for after an erasure, and where: every file below a home, byte by byte.

Written beside the product's own search (`memory_core.lifecycle.erase.residue`), so that a fault in
that one cannot hide itself.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from memory_core.journal.entries import read_entries
from memory_core.journal.sql import rows
from memory_core.journal.where import number_of
from memory_core.lifecycle.media import content_of
from memory_core.manager import MemoryManager

PIECE = 32  # bytes of a vector that are looked for at once: eight numbers never repeat by chance
NAMING = ("erased", "superseded", "compacted")
"""Kinds of entries that may name a memory that is gone by its random number for ever."""
STEP = 256  # bytes from one piece of a file that is looked for to the next

_HELD: dict[tuple[int, int], int] = {}


@dataclass(frozen=True, slots=True)
class Traces:
    """What a memory could leave behind."""

    id: str
    words: tuple[str, ...]
    """Words that stand in this memory and nowhere else: of its texts, metadata, key, session."""
    vectors: tuple[bytes, ...]
    """Its vectors, float32."""
    content: bytes = b""
    """Of its image, blank without one; noise, so that no piece of it stands elsewhere."""

    def needles(self) -> Iterable[bytes]:
        """Yield every byte string that must not be found, lower case where case can differ."""
        for word in (*self.words, self.id):
            for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
                yield word.lower().encode(encoding)
        yield number_of(self.id).to_bytes(8, "big")
        for vector in self.vectors:
            half = np.frombuffer(vector, dtype=np.float32).astype(np.float16).tobytes()
            for stored in (vector, half):
                yield from (
                    piece
                    for at in range(0, len(stored), PIECE)
                    if len(set(piece := stored[at : at + PIECE])) > PIECE // 2  # few zeros
                )
        if self.content:
            digest = hashlib.sha256(self.content)
            yield from (digest.digest(), digest.hexdigest().encode())
            heads = range(STEP, len(self.content) - PIECE, STEP)  # what a PNG begins with is usual
            yield from (self.content[at : at + PIECE] for at in heads)


def traces_of(memory: MemoryManager, id: str, words: Iterable[str]) -> Traces:
    """Return what to look for once this memory is erased; call it before."""
    with memory.journal.database.read() as connection:
        found = rows(
            connection,
            "SELECT v.vector FROM vectors v JOIN vector_docs d ON d.id = v.id WHERE d.ns_id = ?1"
            " AND d.doc IN (SELECT doc FROM memories WHERE ns_id = ?1 AND number = ?2)",
            (memory.journal.identity.ns_id, number_of(id)),
        )
    content = content_of(memory, id) if memory.get(id).media is not None else b""
    return Traces(id, tuple(words), tuple(bytes(row[0]) for row in found), content)


def scan(home: Path, traces: Iterable[Traces]) -> list[str]:
    """Return what is found of erased memories: the file and the kind of the trace."""
    contents = {
        str(path.relative_to(home)): _read(path)
        for path in sorted(home.rglob("*"))
        if path.is_file() and not path.name.endswith("-shm")
    }
    lowered = {name: content.lower() for name, content in contents.items()}
    return [
        f"{needle!r} of {trace.id} in {name}"
        for trace in traces
        for needle in trace.needles()
        for name in contents
        if needle in contents[name] or needle in lowered[name]
    ]


def _read(path: Path) -> bytes:
    """Read a file without ever closing it: that would drop the locks that SQLite holds on it."""
    found = path.stat()
    inode = found.st_dev, found.st_ino
    if inode not in _HELD:
        _HELD[inode] = os.open(path, os.O_RDONLY)
    return os.pread(_HELD[inode], found.st_size, 0)


def release() -> None:
    """Close what was read; no store may be open in this process, or it would lose its locks."""
    while _HELD:
        os.close(_HELD.popitem()[1])


def recorded(memory: MemoryManager) -> str:
    """Return what the recordings hold, those still queued written first; blank without any."""
    if memory.parts.recorder is None:
        return ""
    return json.dumps([dict(r.body) for r in memory.parts.recorder.list(100_000)])  # type: ignore[attr-defined]


def told(memory: MemoryManager, traces: Iterable[Traces]) -> list[str]:
    """Return what the recordings (compressed) and the entries still say of erased memories."""
    wanted = list(traces)
    found = []
    said = recorded(memory).lower()
    found += [f"{w} is recorded" for t in wanted for w in t.words if w in said]
    numbers = {str(number_of(trace.id)) for trace in wanted}
    with memory.journal.database.read() as connection:
        for entry in read_entries(connection, memory.journal.identity.ns_id):
            body = json.dumps(entry.payload)
            if entry.kind not in NAMING:
                found += [f"entry {entry.seq} names {n}" for n in numbers if n in body]
    return found
