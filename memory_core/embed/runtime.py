"""Which runtime serves a local model.

auto        the exported float32 file if there is a whole one, else torch, and says so once
torch       sentence-transformers; for GPUs, and for models that cannot be exported
onnx        the float32 file, exported at first use if it is missing or damaged
onnx-int8   the int8 file, likewise; other vectors, so another fingerprint
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Literal, Unpack

from memory_core.embed.base import (
    Embedder,
    Fingerprint,
    Vectors,
    encode_media,
    modalities_of,
)
from memory_core.embed.local import LocalOptions
from memory_core.embed.onnx import OnnxEmbedder, unsuited
from memory_core.embed.sentence_transformers import SentenceTransformerEmbedder
from memory_core.errors import MissingExtra, ModelError
from memory_core.forking import keep_open
from memory_core.media import Media
from memory_core.models.resolve import ResolvedModel

Runtime = Literal["auto", "torch", "onnx", "onnx-int8"]

_log = logging.getLogger(__name__)
_told: set[str] = set()


def local_embedder(
    model: ResolvedModel,
    cache_dir: Path,
    runtime: Runtime = "auto",
    **options: Unpack[LocalOptions],
) -> Embedder:
    """Return the embedder for a model directory; nothing is loaded or exported yet.

    Raises:
        ModelRejected: the files are not safe, or the runtime cannot serve this model.
    """
    if runtime == "onnx":
        return OnnxEmbedder(model, cache_dir, **options)
    if runtime == "onnx-int8":
        return OnnxEmbedder(model, cache_dir, precision="int8", **options)
    torch = SentenceTransformerEmbedder(model, **options)
    if runtime == "torch" or options.get("device", "cpu") != "cpu" or unsuited(model):
        return torch
    return PreferringEmbedder(OnnxEmbedder(model, cache_dir, **options), torch)


class PreferringEmbedder:
    """Serves from the exported file, or from torch when that is missing or damaged.

    Chosen at the first encode and kept, so that one process never mixes the two.
    """

    def __init__(self, onnx: OnnxEmbedder, torch: Embedder) -> None:
        self._onnx = onnx
        self._torch = torch
        self._serving: Embedder | None = None
        self._lock = Lock()
        keep_open(self)

    def after_fork(self) -> None:
        """Make the lock anew: a thread of the parent may have held it."""
        self._lock = Lock()

    @property
    def fingerprint(self) -> Fingerprint:
        """The same for both."""
        return self._onnx.fingerprint

    @property
    def limit(self) -> int:
        """Tokens of one text that the model sees."""
        return self._onnx.limit

    def count(self, text: str) -> int:
        """Return the number of the model's tokens in `text`, special tokens left out."""
        return self._onnx.count(text)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """Return `(n, d)` float32 vectors, in the order of `texts`."""
        return self._chosen().encode_documents(texts)

    def encode_query(self, text: str) -> Vectors:
        """Return the `(d,)` float32 vector of one query."""
        return self._chosen().encode_query(text)

    def prepare(self) -> None:
        """Export the file if it is missing or damaged; where that cannot be, torch serves."""
        try:
            self._onnx.load()
        except (ModelError, MissingExtra) as error:
            _log.info("%s is not exported: %s", self._onnx.fingerprint, error)

    @property
    def modalities(self) -> frozenset[str]:
        """What the model takes: `text`, and maybe more."""
        return modalities_of(self._torch)

    def encode_media(self, media: Media, content: bytes) -> Vectors:
        """Return the vector of an image or a sound."""
        return encode_media(self._torch, media, content)

    def _chosen(self) -> Embedder:
        with self._lock:
            if self._serving is None:
                self._serving = self._torch if self._refused() else self._onnx
            return self._serving

    def _refused(self) -> bool:
        try:
            self._onnx.load(anew=False)
        except ModelError as error:
            tell_once(f"torch, which takes seconds to load, serves: {error}")
            return True
        return False


def tell_once(message: str) -> None:
    """Log what serves, once in a process; `memory doctor` and `models list` say it too."""
    if message not in _told:
        _told.add(message)
        _log.info("%s", message)
