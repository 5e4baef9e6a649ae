"""Any function from texts to vectors, as an embedder."""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import cast

from memory_core.embed.base import Fingerprint, Vectors, usable_vectors
from memory_core.embed.estimate import estimate_tokens
from memory_core.errors import EmbeddingFailed, InvalidSetting, MemoryCoreError

EmbeddingFunction = Callable[[list[str]], object]
"""Takes n texts and returns n rows of numbers: a list, an array, anything numpy can read."""


class FunctionEmbedder:
    """Encodes with a function of your own; calls never overlap.

    Args:
        function: encodes documents, and queries too unless `query_function` is given.
        name: what the fingerprint calls it.
        dimension: numbers per vector.
        revision: change it whenever the function's vectors change.
        limit: tokens per text, by an estimate that errs upwards.
        query_function: encodes queries, for models that treat them differently.

    Example:
        >>> lengths = lambda texts: [[len(text), 1.0] for text in texts]
        >>> FunctionEmbedder(lengths, name="lengths", dimension=2).encode_query("tea").tolist()
        [3.0, 1.0]
    """

    def __init__(
        self,
        function: EmbeddingFunction,
        *,
        name: str,
        dimension: int,
        revision: str = "",
        limit: int = 512,
        query_function: EmbeddingFunction | None = None,
    ) -> None:
        if not name or dimension < 1 or limit < 1:
            raise InvalidSetting(
                f"an embedder needs a name, a dimension and a limit of at least 1, got "
                f"{name!r}, {dimension} and {limit}; change the one that is wrong"
            )
        self._function = function
        self._query_function = query_function or function
        self._limit = limit
        self._lock = Lock()
        self._fingerprint = Fingerprint(
            model=name, revision=revision, dimension=dimension, pooling="none", normalised=False
        )

    @property
    def fingerprint(self) -> Fingerprint:
        """The name, revision and dimension that were given."""
        return self._fingerprint

    @property
    def limit(self) -> int:
        """Tokens per text, as given."""
        return self._limit

    def count(self, text: str) -> int:
        """Return an estimate of the tokens in `text`, rather too high than too low."""
        return estimate_tokens(text)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """Return `(n, d)` float32 vectors; the function is not called for no texts.

        Raises:
            EmbeddingFailed: the function raised, or gave no usable vectors.
        """
        return self._encode(self._function, list(texts))

    def encode_query(self, text: str) -> Vectors:
        """Return the `(d,)` float32 vector of one query.

        Raises:
            EmbeddingFailed: the function raised, or gave no usable vector.
        """
        return cast(Vectors, self._encode(self._query_function, [text])[0])

    def _encode(self, function: EmbeddingFunction, texts: list[str]) -> Vectors:
        if not texts:
            return self._fingerprint.no_vectors
        try:
            with self._lock:
                vectors = function(texts)
        except MemoryCoreError:
            raise
        except Exception as error:
            raise EmbeddingFailed(
                f"{self._fingerprint.model!r} raised {type(error).__name__} for "
                f"{len(texts)} texts: {error}; mend the function"
            ) from error
        return usable_vectors(vectors, len(texts), self._fingerprint)
