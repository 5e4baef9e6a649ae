"""What is left of an erased text, vector or file in the files of a store, beyond what lives in it.

Another memory may hold the same words, in this namespace or behind a wall, and its bytes are no
residue: what stands in live rows is subtracted, and copies of other namespaces are not read. So a
receipt says nothing about what others have stored.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from memory_core.errors import NotFound, StoreDamaged
from memory_core.journal.database import Database
from memory_core.journal.erase import live_values, other_namespaces
from memory_core.journal.journal import Journal
from memory_core.journal.media import DIRECTORY, digests
from memory_core.lifecycle import search
from memory_core.lifecycle.search import count_in
from memory_core.media import Media

Counts = dict[str, list[tuple[int, int]]]
"""By file: for each needle how often it occurs as it is, and with case ignored."""

LEAST = 8
"""Shorter texts are not searched for as they are: they occur by chance."""
PIECE = 64  # bytes; a longer row may be spread over pages, so it is searched for piece by piece
STRIDE = 512
SAMPLES = 64  # parts of an image or a sound
JOURNAL = "journal.db"  # and its write-ahead log


def residue(
    journal: Journal,
    texts: Iterable[str],
    vectors: Sequence[bytes],
    media: Sequence[bytes] = (),
) -> int:
    """Return how many bytes of what was erased the files hold without a live owner.

    Args:
        journal: the namespace's.
        texts: the erased texts.
        vectors: the erased vectors.
        media: what `samples` took of erased files. Other files may begin alike, so they are not
            searched for it: each of them is somebody's, or counted as a whole.
    """
    with journal.database.read() as connection:
        others = [uid.hex() for uid in other_namespaces(connection, journal.identity.ns_id)]
        kept = digests(connection, journal.identity.ns_id)
    left = _left(journal, _needles(texts, vectors), others)
    return left + _left(journal, media, [*others, DIRECTORY]) + journal.media.stray(kept)


def samples(journal: Journal, media: Iterable[Media]) -> dict[str, list[bytes]]:
    """Return by digest what to search for after the files are gone: the digest, and parts."""
    taken: dict[str, list[bytes]] = {}
    for each in media:
        try:
            content = journal.media.read(each)
        except (NotFound, StoreDamaged):  # what is not there leaves nothing
            content = b""
        step = max(STRIDE, len(content) // SAMPLES)
        parts = [content[at : at + PIECE] for at in range(0, len(content), step)]
        digest = bytes.fromhex(each.digest)
        taken[each.digest] = [each.digest.encode(), digest, *filter(_telling, parts)]
    return taken


def _telling(part: bytes) -> bool:
    return len(part) == PIECE and len(set(part)) > PIECE // 4  # no padding, no silence


def _left(journal: Journal, wanted: Iterable[bytes], skip: Sequence[str]) -> int:
    every = dict.fromkeys(wanted)
    needles = [n for n in every if len(n) >= LEAST and len(set(n)) > 1]  # zeros are everywhere
    if not needles:
        return 0
    found = count_in_files(journal.home, needles, skip)
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
