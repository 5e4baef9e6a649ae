"""What is left of an erased text or vector in the files of a store, beyond what lives in it.

Another memory may hold the same words, in this namespace or behind a wall, and its bytes are no
residue: what stands in live rows is subtracted, and copies of other namespaces are not read. So a
receipt says nothing about what others have stored.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from memory_core.journal.database import Database
from memory_core.journal.erase import live_values, other_namespaces
from memory_core.journal.journal import Journal
from memory_core.lifecycle import search
from memory_core.lifecycle.search import count_in

Counts = dict[str, list[tuple[int, int]]]
"""By file: for each needle how often it occurs as it is, and with case ignored."""

LEAST = 8
"""Shorter texts are not searched for as they are: they occur by chance."""
PIECE = 64  # bytes; a longer row may be spread over pages, so it is searched for piece by piece
STRIDE = 512
JOURNAL = "journal.db"  # and its write-ahead log


def residue(journal: Journal, texts: Iterable[str], vectors: Sequence[bytes]) -> int:
    """Return how many bytes of erased texts and vectors the files hold without a live owner."""
    every = dict.fromkeys(_needles(texts, vectors))
    needles = [n for n in every if len(n) >= LEAST and len(set(n)) > 1]  # zeros are everywhere
    if not needles:
        return 0
    with journal.database.read() as connection:
        others = other_namespaces(connection, journal.identity.ns_id)
    found = count_in_files(journal.home, needles, [uid.hex() for uid in others])
    explained = (
        _in_rows(journal.database, needles)
        if any(name.startswith(JOURNAL) for name in found)
        else []
    )
    total = 0
    for name, counts in found.items():
        known = explained if name.startswith(JOURNAL) else [(0, 0)] * len(needles)
        for needle, (exact, lowered), (ours, lower) in zip(needles, counts, known, strict=True):
            total += len(needle) * max(exact - ours, lowered - lower, 0)
    return total


def count_in_files(home: Path, needles: Sequence[bytes], skip: Sequence[str] = ()) -> Counts:
    """Return how often each needle occurs in each file, files without any left out.

    Args:
        home: everything below it is read.
        needles: what to look for.
        skip: files and directories whose name holds one of these are passed over.
    """
    request = {"home": str(home), "skip": list(skip), "needles": [n.hex() for n in needles]}
    done = subprocess.run(
        [sys.executable, "-I", "-S", search.__file__],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=True,
    )
    found: Counts = json.loads(done.stdout)
    return found


def _in_rows(database: Database, needles: Sequence[bytes]) -> list[tuple[int, int]]:
    totals = [(0, 0)] * len(needles)
    with database.read() as connection:
        for value in live_values(connection):
            counts = count_in(value, needles)
            totals = [(a + c, b + d) for (a, b), (c, d) in zip(totals, counts, strict=True)]
    return totals


def _needles(texts: Iterable[str], vectors: Sequence[bytes]) -> Iterator[bytes]:
    for text in texts:
        escaped = json.dumps(text, ensure_ascii=False)[1:-1]  # as the body of an entry holds it
        for written in {text, escaped}:
            yield from _pieces(written.encode())
            yield from _pieces(written.encode("utf-16-le"))
    for vector in vectors:
        yield from _pieces(vector)


def _pieces(whole: bytes) -> Iterator[bytes]:
    if len(whole) <= STRIDE:
        yield whole
    else:
        yield from (whole[at : at + PIECE] for at in range(0, len(whole) - PIECE, STRIDE))
