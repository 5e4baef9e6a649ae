"""Learned sparse vectors of one namespace: made from the journal, kept in a file, scored by words.

    <home>/derived/sparse-<uid>-<key>.bin     see `index.sparsefile`
    score(d) = Σ_w q_w · d_w                  over the words of the question

Texts are encoded in the order of the journal, so what is known is told by one number, `position`,
and a recall that is played again sees as far as the first did. The file is a cache: what is damaged
or missing is made anew; an erasure rewrites it without what was erased, also when no model is set.
"""

import hashlib
import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memory_core.errors import NotFound, StoreBusy
from memory_core.forking import keep_open
from memory_core.index.lane import Lane, Late
from memory_core.index.owner import Lease
from memory_core.index.place import Place, lock_of
from memory_core.index.spanned import SparseEncoder, Weighted, encoded
from memory_core.index.sparsefile import Record, parsed
from memory_core.journal.journal import Journal
from memory_core.journal.lexical import indexed

logger = logging.getLogger(__name__)

BATCH = 16
PATIENCE = 5.0
"""Seconds to wait while another process writes the file."""
SEGMENTS = 8
"""Unmerged parts at most: each is looked through for every word."""

Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Seen:
    """How much of which file is known, and its last text."""

    number: int = 0
    size: int = 0
    last: int = 0


@dataclass(frozen=True, slots=True)
class Segment:
    """Postings sorted by word; the three run in parallel."""

    words: NDArray[np.int32]
    docs: NDArray[np.int64]
    weights: NDArray[np.float32]

    @classmethod
    def of(cls, records: Sequence[Record]) -> "Segment":
        """Return the postings of texts."""
        words = np.concatenate([one.words for one in records])
        docs = np.array([one.doc for one in records], dtype=np.int64)
        owners = np.repeat(docs, [len(one.words) for one in records])
        weights = np.concatenate([one.weights for one in records])
        return cls(words, owners, weights)._sorted()

    @classmethod
    def merged(cls, some: Sequence["Segment"]) -> "Segment":
        """Return several as one."""
        columns = ([getattr(one, name) for one in some] for name in ("words", "docs", "weights"))
        return cls(*(np.concatenate(column) for column in columns))._sorted()

    def _sorted(self) -> "Segment":
        order = np.argsort(self.words, kind="stable")
        return Segment(self.words[order], self.docs[order], self.weights[order])

    def add_to(self, scores: NDArray[np.float64], asked: Weighted) -> None:
        """Add to the scores `(n,)` by doc what each text gets for the question's words."""
        starts = np.searchsorted(self.words, asked[0], side="left").tolist()
        stops = np.searchsorted(self.words, asked[0], side="right").tolist()
        for start, stop, weight in zip(starts, stops, asked[1].tolist(), strict=True):
            docs = self.docs[start:stop]
            known = docs < len(scores)
            scores[docs[known]] += weight * self.weights[start:stop][known]


class SparseIndex:
    """The sparse vectors of one namespace under one model; thread-safe.

    Args:
        journal: what is encoded.
        model: encodes.
        place: of the namespace under the model, see `place_of`.
    """

    def __init__(self, journal: Journal, model: SparseEncoder, place: Place) -> None:
        self._journal = journal
        self._model = model
        self._place = place
        self._path = place.directory / f"sparse-{place.name}.bin"
        self._writable = not journal.database.readonly
        self._closed = threading.Event()
        self._asking, self._filling = Lane("the sparse model"), Lane("the sparse index")
        self._reset()
        keep_open(self)

    def after_fork(self) -> None:
        """Begin anew: the parent's thread may have been half way."""
        self._reset()

    @property
    def model(self) -> tuple[str, str]:
        """Name and revision of the model."""
        return self._model.name, self._model.revision

    @property
    def position(self) -> int:
        """Texts up to this entry are known."""
        return self._position

    def asked(self, text: str, seconds: float) -> Weighted:
        """Return a question's weights.

        Raises:
            Late: not within so many seconds.
        """
        return self._asking.run(lambda: self._model.query(text), seconds)

    def absorb(self, seconds: float | None) -> int:
        """Encode what is missing, within so many seconds; return the position reached."""
        if seconds is None:
            self._fill()
            return self._position
        with suppress(Late):  # it goes on; what is known serves
            self._filling.run(self._fill, seconds)
        return self._position

    def scores(self, asked: Weighted, size: int, position: int) -> Scores:
        """Return the score by doc `(size,)`, 0 for texts after `position`."""
        scores = np.zeros(size, dtype=np.float64)
        for segment in self._segments:
            segment.add_to(scores, asked)
        scores[position + 1 :] = 0
        return scores.astype(np.float32)

    def remake(self, tell: Callable[[str], None]) -> int:
        """Throw the file away and encode every text anew; return how many there are.

        Raises:
            StoreBusy: another process is writing the file.
            OSError: it cannot be removed.
        """
        with self._guard:
            if self._writable and self._path.exists():
                with Lease(lock_of(self._path)).waiting(PATIENCE):
                    self._path.unlink(missing_ok=True)
            self._forget()
            every, known = len(_docs(self._journal)), 0
            for known in self._filled():
                tell(f"the sparse vectors are being made ({known:,} of {every:,} texts)")
            return known

    def look(self) -> str:
        """Say what is on disk, without loading the model; for `doctor`."""
        alive = _docs(self._journal)
        try:
            blob = self._path.read_bytes()
        except FileNotFoundError:
            return f"not built, {len(alive):,} texts"
        except OSError as error:
            return f"cannot be read: {error.strerror}"
        records, used = parsed(blob)
        if records and not self._ours(records[-1]):
            return "of another history: made anew at the next recall"
        known = f"{sum(one.doc in alive for one in records):,} of {len(alive):,} texts"
        if used < len(blob):
            return f"damaged after {known}: the rest is made anew at the next recalls"
        return f"clean, {known}"

    def close(self) -> None:
        """Stop encoding; idempotent."""
        self._closed.set()
        self._asking.close()
        self._filling.close()

    def _reset(self) -> None:
        self._guard = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        self._segments: tuple[Segment, ...] = ()
        self._position = 0
        self._file = Seen()

    def _fill(self) -> None:
        with self._guard:
            self._read()
            for _ in self._filled():
                pass

    def _filled(self) -> Iterator[int]:
        """Encode what is missing, batch by batch; yield how many texts that were so far."""
        done = 0
        for texts in self._missing():
            if self._closed.is_set():
                return
            coded = encoded(self._model, list(texts.values()))
            self._add(
                [
                    Record(doc, _seal(self._place, text), *one)
                    for (doc, text), one in zip(texts.items(), coded, strict=True)
                ]
            )
            done += len(texts)
            yield done

    def _missing(self) -> Iterator[dict[int, str]]:
        columns = self._journal.snapshot().columns
        first = int(np.searchsorted(columns["version"], self._position, side="right"))
        versions, docs = columns["version"][first:], columns["doc"][first:]
        fresh = docs[docs == versions].tolist()
        for start in range(0, len(fresh), BATCH):
            if texts := _texts(self._journal, fresh[start : start + BATCH]):
                yield texts

    def _take(self, records: Sequence[Record]) -> None:
        fresh = [one for one in records if one.doc > self._position]
        if fresh:
            segments = (*self._segments, Segment.of(fresh))
            self._segments = (Segment.merged(segments),) if len(segments) > SEGMENTS else segments
            self._position = fresh[-1].doc

    def _read(self) -> None:
        """Take what this or another process has written to the file."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._file = Seen()
            return
        seen = self._file if self._file.number == found.st_ino else Seen(found.st_ino)
        with self._path.open("rb") as file:
            file.seek(seen.size)
            records, used = parsed(file.read())
        if records and not seen.size and not self._ours(records[-1]):
            self._file = Seen(found.st_ino)  # of another history: appending overwrites it
            return
        last = records[-1].doc if records else seen.last
        self._file = Seen(found.st_ino, seen.size + used, last)
        self._take(records)

    def _ours(self, record: Record) -> bool:
        """Tell whether a record is of this journal: a restored backup may have written others."""
        text = _texts(self._journal, [record.doc]).get(record.doc)
        return text is None or _seal(self._place, text) == record.seal

    def _add(self, records: list[Record]) -> None:
        if self._writable:
            try:
                self._place.prepare()
                with Lease(lock_of(self._path)).waiting(PATIENCE):
                    self._append(records)
            except (OSError, StoreBusy) as error:
                logger.info("sparse vectors are kept in memory: %s", error)
        self._take(records)

    def _append(self, records: list[Record]) -> None:
        """Append what is not there and not erased; a file that lacks earlier texts stays as is."""
        self._read()
        alive = _docs(self._journal)
        fresh = [r for r in records if r.doc > self._file.last and r.doc in alive]
        if not fresh or any(self._file.last < doc < fresh[0].doc for doc in alive):
            return
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.truncate(self._file.size)  # also what a crash cut off
            file.seek(self._file.size)
            file.writelines(one.bytes() for one in fresh)
            number = os.fstat(handle).st_ino
            self._file = Seen(number, file.tell(), fresh[-1].doc)


def place_of(journal: Journal, model: SparseEncoder) -> Place:
    """Return the place of a namespace's sparse vectors under a model."""
    digest = f"sparse {model.name} {model.revision}"
    return Place.of(journal.home, journal.identity, digest, "dot")


def forget_erased(journal: Journal, *, patience: float) -> None:
    """Rewrite every sparse file of the namespace, of any model, without texts that are gone.

    Raises:
        StoreBusy: another process holds one for longer than that many seconds.
        OSError: one cannot be written.
    """
    for path in sorted((journal.home / "derived").glob(f"sparse-{journal.identity.uid.hex()}-*")):
        if path.suffix == ".lock":
            continue
        with Lease(lock_of(path)).waiting(patience):
            if path.suffix != ".bin":
                path.unlink(missing_ok=True)
                continue
            alive = _docs(journal)
            kept = [one for one in parsed(path.read_bytes())[0] if one.doc in alive]
            fresh = path.with_suffix(".tmp")
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.writelines(one.bytes() for one in kept)
            os.replace(fresh, path)


def _docs(journal: Journal) -> set[int]:
    return set(np.unique(journal.snapshot().columns["doc"]).tolist())


def _texts(journal: Journal, docs: Sequence[int]) -> dict[int, str]:
    """Return by doc what is encoded; one that was erased meanwhile is left out."""
    source, found = journal.source(), {}
    source.prefetch(docs)
    for doc in docs:
        try:
            memory = source.memory(doc)
        except NotFound:
            continue
        found[doc] = indexed(memory.text, memory.speaker)
    return found


def _seal(place: Place, text: str) -> int:
    """Return what tells a text of this namespace from another one, and only here."""
    digest = hashlib.blake2b(text.encode(), key=place.salt[:64], digest_size=8)
    return int.from_bytes(digest.digest(), "little")
