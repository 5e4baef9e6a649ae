"""Models without a single vector, as recall uses them: texts encoded ahead, questions on demand.

sparse   one weight a vocabulary word (SPLADE, Formal et al. 2021)
late     one unit vector a token (ColBERT, Khattab & Zaharia 2020)

Models are local directories
or pulled ones, safetensors only, run by sentence-transformers; torch is loaded by the first text.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from threading import Lock
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from memory_core.embed.sentence_transformers_ranking import Shape, load
from memory_core.errors import EmbeddingFailed
from memory_core.forking import keep_open
from memory_core.models.resolve import ResolvedModel

BATCH = 16
DEFAULT_LIMIT = 512  # tokens of BERT, where a model does not say
MARKERS = 8  # tokens that a model puts around a text at most

Weighted = tuple[NDArray[np.int32], NDArray[np.float32]]
Tokens = NDArray[np.float32]
T = TypeVar("T")


class _Model:
    """A model that is loaded by its first text; thread-safe."""

    shape: Shape

    def __init__(self, resolved: ResolvedModel) -> None:
        self._resolved = resolved
        self._model: Any = None
        self._lock = Lock()
        keep_open(self)

    def after_fork(self) -> None:
        """Make the lock anew, and encode in one thread: the child has no other."""
        self._lock = Lock()
        if self._model is not None:
            import torch

            torch.set_num_threads(1)

    @property
    def name(self) -> str:
        """The model's name."""
        return self._resolved.name

    @property
    def revision(self) -> str:
        """The start of the weights' checksum."""
        return self._resolved.revision

    def _run(self, call: Callable[[Any], T]) -> T:
        with self._lock, self._failing():
            if self._model is None:
                self._model = load(self._resolved, self.shape)
            return call(self._model)

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except (RuntimeError, ValueError, TypeError, OSError, KeyError, AttributeError) as error:
            raise EmbeddingFailed(
                f"{self.name!r} cannot encode as a {self.shape} model: {error}; check that it is "
                "one"
            ) from error


class SparseModel(_Model):
    """Weights of vocabulary words, ascending by word number, greater than 0."""

    shape = "sparse"

    def query(self, text: str) -> Weighted:
        """Return the weights of a question."""
        return self._run(lambda model: _weights(_encoded(model.encode_query, [text]))[0])

    @property
    def limit(self) -> int:
        """The most tokens of a text that it reads."""
        return self._run(lambda model: int(model.max_seq_length or DEFAULT_LIMIT)) - MARKERS

    def count(self, text: str) -> int:
        """Return the tokens of a text."""
        return self._run(lambda model: _count(model.tokenizer, text))

    def documents(self, texts: Sequence[str]) -> list[Weighted]:
        """Return the weights of texts within the limit, in order."""
        return self._run(lambda model: _weights(_encoded(model.encode_document, list(texts))))


class LateModel(_Model):
    """One unit vector a token."""

    shape = "late"

    def query(self, text: str) -> Tokens:
        """Return the vectors of a question `(q, d)`."""
        return self._run(lambda model: _rows(model.encode_query, [text])[0])

    def documents(self, texts: Sequence[str]) -> list[Tokens]:
        """Return the vectors of texts `(t, d)`, in order; a text beyond the limit is cut."""
        return self._run(lambda model: _rows(model.encode_document, list(texts)))


def _encoded(encode: Any, texts: list[str]) -> Any:
    return encode(texts, batch_size=BATCH, show_progress_bar=False)


def _weights(matrix: Any) -> list[Weighted]:
    """Return the rows of a sparse tensor `(n, words)`."""
    held = matrix.cpu().coalesce()
    rows, words = held.indices().numpy()
    values = held.values().float().numpy()
    if not np.isfinite(values).all():
        raise ValueError("a weight is not finite")
    keep = values > 0
    rows, words, values = rows[keep], words[keep].astype(np.int32), values[keep]
    edges = np.searchsorted(rows, np.arange(held.shape[0] + 1))
    return [(words[a:b], values[a:b].astype(np.float32)) for a, b in pairwise(edges.tolist())]


def _rows(encode: Any, texts: list[str]) -> list[Tokens]:
    found = [np.asarray(one, dtype=np.float32) for one in _encoded(encode, texts)]
    if not all(np.isfinite(one).all() for one in found):
        raise ValueError("a vector is not finite")
    return found


def _count(tokenizer: Any, text: str) -> int:
    return len(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
