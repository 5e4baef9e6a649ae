"""Brings vectors up to the journal: a worker embeds in batches, off the caller's path.

First write wins, so several processes may do the same work and nothing is wrong. A failing model
is retried with growing pauses; a text it cannot embed is set aside and does not hold up others.
Which of the two it is, the canary tells: a model that is down cannot embed that either.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

from memory_core.chunk import Piece, split
from memory_core.embed.base import (
    CANARY,
    Embedder,
    as_media_embedder,
    usable_vectors,
)
from memory_core.errors import (
    EmbeddingFailed,
    ModelError,
    ModelMismatch,
    NotFound,
    StoreClosed,
    StoreDamaged,
)
from memory_core.forking import keep_open
from memory_core.index.agreement import canary_of, require_same
from memory_core.journal.lexical import indexed
from memory_core.journal.vectors import Floats, NewVector, PendingText, VectorTable
from memory_core.media import Media

logger = logging.getLogger(__name__)

BATCH = 64  # texts a transaction
WINDOW = 1024
"""Texts ordered by length before they are batched: a batch is padded to its longest text."""
OVERLAP = 32  # tokens two neighbouring spans share
LONGEST_PAUSE = 60.0


class CatchUp:
    """Embeds pending texts of one namespace, in a thread and on demand.

    Args:
        table: where the vectors go.
        embedder: what makes them.
        spec: the settings that load the embedder again, as JSON; blank where nothing can.
        joining: whether it may fill up beside the model that serves.
        read: gives the bytes of an image or a sound.
    """

    def __init__(
        self,
        table: VectorTable,
        embedder: Embedder,
        *,
        spec: str = "",
        joining: bool = False,
        read: Callable[[Media], bytes],
    ) -> None:
        self._read = read
        self._table = table
        self._embedder = embedder
        self._spec = spec
        self._joining = joining
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._ready = False
        self._progress = threading.Condition()
        self._trouble: Exception | None = None
        self._window: list[PendingText] = []
        self.failed_docs: set[int] = set()
        """Texts that the model could not embed in this run."""
        keep_open(self)

    def after_fork(self) -> None:
        """Start anew: locks, thread and window are the parent's."""
        self._lock, self._progress = threading.Lock(), threading.Condition()
        self._wake, self._window = threading.Event(), []
        self._thread, self._trouble = None, None

    @property
    def refused(self) -> frozenset[int]:
        """Texts, by entry, that the model could not embed in this run."""
        return frozenset(self.failed_docs)

    def wake(self) -> None:
        """Tell the worker that texts were written; it is started at the first."""
        if self._closed.is_set():
            return
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="embedding", daemon=True)
            self._thread.start()
        self._wake.set()

    def absorb(self, deadline: float) -> int:
        """Let the worker embed until the deadline; return how many are still pending.

        The caller only waits, so it is back in time however long a batch takes. A model that
        fails is not waited for.

        Raises:
            ModelMismatch: the model gives other vectors than when the store was written.
        """
        if not self._table.pending(1, frozenset(self.failed_docs)):
            return len(self.failed_docs) and self._table.pending_count()
        self.wake()
        with self._progress:
            while self._working() and self._table.pending(1, frozenset(self.failed_docs)):
                if not self._progress.wait(max(0.0, deadline - time.monotonic())):
                    break
            if isinstance(self._trouble, ModelMismatch):
                raise self._trouble
        return self._table.pending_count()

    def drain(self, timeout: float | None = None) -> int:
        """Embed here, about `timeout` seconds at most; return how many are still pending."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self._table.pending(1, frozenset(self.failed_docs)):
            if deadline is not None and time.monotonic() >= deadline:
                break
            try:
                self._batch()
            except ModelMismatch:
                raise
            except ModelError as error:
                logger.warning("texts are not embedded: %s", type(error).__name__)
                break
        return self._table.pending_count()

    def check(self) -> None:
        """Look once whether the model is still the one that wrote the vectors, if any are there.

        Raises:
            ModelMismatch: the model gives other vectors than when the store was written.
            ModelError: it cannot be asked.
        """
        if not self._ready and self._table.exists:
            require_same(self._table, self._embedder, canary_of(self._embedder))
            self._ready = True

    def close(self) -> None:
        """Stop the worker after its current batch; idempotent."""
        self._closed.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=30)

    def _working(self) -> bool:
        return self._trouble is None and not self._closed.is_set()

    def _told(self, trouble: Exception | None) -> None:
        with self._progress:
            self._trouble = trouble
            self._progress.notify_all()

    def _run(self) -> None:
        pause = 0.5
        while not self._closed.is_set():
            self._wake.wait()
            self._wake.clear()
            try:
                while not self._closed.is_set() and self._batch():
                    self._told(None)
                    pause = 0.5
            except StoreClosed as error:
                self._told(error)
                return
            except Exception as error:  # an embedder of the caller's own may raise anything
                self._told(error)
                logger.warning("embedding waits %.1f s: %s", pause, type(error).__name__)
                self._closed.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
                self._wake.set()

    def _batch(self) -> int:
        with self._lock:
            if not self._window:
                found = self._table.pending(WINDOW, frozenset(self.failed_docs))
                self._window = sorted(found, key=lambda item: len(item.text))
            batch, self._window = self._window[:BATCH], self._window[BATCH:]
            if batch:
                self._register()
                self._embed(batch)
            return len(batch)

    def _embed(self, pending: Sequence[PendingText]) -> None:
        try:
            self._table.add(self._vectors(pending))
        except ModelError:
            self._embedder.encode_documents([CANARY])  # raises if the model is down
            if len(pending) == 1:
                self.failed_docs.add(pending[0].doc)
                logger.error("the text of entry %d cannot be embedded", pending[0].doc)
                return
            half = len(pending) // 2
            self._embed(pending[:half])
            self._embed(pending[half:])

    def _vectors(self, pending: Sequence[PendingText]) -> list[NewVector]:
        pieces = [
            (item.doc, number, piece, indexed(item.text[piece.start : piece.stop], item.speaker))
            for item in pending
            for number, piece in enumerate(self._pieces(item))
        ]
        digests = [self._table.text_digest(text) for *_, text in pieces]
        vectors = self._table.known(digests)
        missing = {d: p[3] for d, p in zip(digests, pieces, strict=True) if d not in vectors}
        if missing:
            answer = self._embedder.encode_documents(list(missing.values()))
            encoded = usable_vectors(answer, len(missing), self._embedder.fingerprint)
            vectors.update(zip(missing, encoded, strict=True))
        new = [
            NewVector(doc, number, piece.start, piece.stop, digest, vectors[digest])
            for (doc, number, piece, _), digest in zip(pieces, digests, strict=True)
        ]
        spans = Counter(item.doc for item in new)
        return [*new, *(one for item in pending for one in self._media(item, spans[item.doc]))]

    def _media(self, item: PendingText, span: int) -> list[NewVector]:
        """Return the row of an item's image or sound, behind those of its text.

        Raises:
            EmbeddingFailed: it has no text, and its file cannot be embedded.
        """
        if (media := item.media) is None:
            return []
        digest = self._table.text_digest(media)
        try:
            vector = self._table.known([digest]).get(digest)
            made = self._seen(media) if vector is None else vector
        except (EmbeddingFailed, NotFound, StoreDamaged) as error:
            if not span:
                raise EmbeddingFailed(f"entry {item.doc} cannot be embedded: {error}") from error
            logger.warning("the file of entry %d is not embedded: %s", item.doc, error)
            return []
        return [] if made is None else [NewVector(item.doc, span, 0, 0, digest, made)]

    def _seen(self, media: Media) -> Floats | None:
        able = as_media_embedder(self._embedder)
        if able is None or media.kind not in able.modalities:
            return None
        encoded = able.encode_media(media, self._read(media))
        vector: Floats = usable_vectors([encoded], 1, able.fingerprint)[0]
        return vector

    def _pieces(self, item: PendingText) -> tuple[Piece, ...]:
        return pieces_of(item, self._embedder)

    def _register(self) -> None:
        if self._ready:
            return
        canary = canary_of(self._embedder)
        if not self._table.exists:
            self._table.create(
                self._embedder.fingerprint, canary, spec=self._spec, joining=self._joining
            )
        require_same(self._table, self._embedder, canary)
        self._ready = True


def pieces_of(item: PendingText, embedder: Embedder) -> tuple[Piece, ...]:
    """Return the overlapping spans in which a model sees a text; none of a blank one."""
    if not item.text:
        return ()
    name = embedder.count(indexed("", item.speaker)) if item.speaker else 0
    limit = max(embedder.limit - name, embedder.limit // 2)
    return split(item.text, limit=limit, overlap=min(OVERLAP, limit // 4), count=embedder.count)
