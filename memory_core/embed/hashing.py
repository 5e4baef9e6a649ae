"""Vectors from words and their spelling alone: no model, no download, no meaning.

Every word and every character trigram of a word is hashed to one coordinate and one sign
(Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask Learning"); the sum is
L2-normalised. Texts that share words or spellings are close. The same text has the same
vector in every process and on every machine.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from memory_core.embed.base import Fingerprint, Vectors
from memory_core.errors import InvalidSetting

_WORD = re.compile(r"\w+")
_LEAST, _MOST = 8, 65_536  # dimensions; below 8 nearly everything collides
_TRIGRAM_WEIGHT = 0.3  # a whole word counts more than a shared piece of spelling


class HashEmbedder:
    """An embedder without a model, for tests and for machines that can run none.

    Example:
        >>> embedder = HashEmbedder(64)
        >>> close, far = embedder.encode_documents(["green tea", "a fast car"])
        >>> query = embedder.encode_query("tea")
        >>> bool(query @ close > query @ far)
        True
    """

    def __init__(self, dimension: int = 256) -> None:
        if not _LEAST <= dimension <= _MOST:
            raise InvalidSetting(
                f"hash dimension {dimension} is outside {_LEAST}..{_MOST}; use 256, for example"
            )
        self._fingerprint = Fingerprint(
            model="hash", revision="1", dimension=dimension, pooling="none", normalised=True
        )

    @property
    def fingerprint(self) -> Fingerprint:
        """The dimension and the version of the hashing."""
        return self._fingerprint

    @property
    def limit(self) -> int:
        """Words per text; longer ones would blur, since every word is one vote."""
        return 512

    def count(self, text: str) -> int:
        """Return the number of words in `text`."""
        return len(_words(text))

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """Return `(n, d)` float32 vectors of length 1."""
        rows = [self._vector(text) for text in texts]
        return np.stack(rows) if rows else self._fingerprint.no_vectors

    def encode_query(self, text: str) -> Vectors:
        """Return the `(d,)` float32 vector of length 1; documents are encoded alike."""
        return self._vector(text)

    def _vector(self, text: str) -> Vectors:
        vector = np.zeros(self._fingerprint.dimension, dtype=np.float64)
        for word in _words(text):
            _add(vector, *_features(word))
        if not vector.any():  # no word at all ("!?"), or every feature cancelled another
            _add(vector, np.array([_hash(text)], dtype=np.uint64), np.ones(1))
        return (vector / np.linalg.norm(vector)).astype(np.float32)


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def _add(
    vector: NDArray[np.float64], hashes: NDArray[np.uint64], weights: NDArray[np.float64]
) -> None:
    """Add each weight at its hash's coordinate, signed by the hash's lowest bit."""
    signs = np.where(hashes & np.uint64(1), 1.0, -1.0)
    places = (hashes >> np.uint64(1)) % np.uint64(len(vector))
    np.add.at(vector, places.astype(np.intp), signs * weights)


@lru_cache(maxsize=65_536)
def _features(word: str) -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
    """Return the hashes and weights `(m,)` of a word and its trigrams, ends marked."""
    marked = f"\x02{word}\x03"
    trigrams = [marked[start : start + 3] for start in range(len(marked) - 2)]
    hashes = np.array([_hash(f"w {word}"), *map(_hash, trigrams)], dtype=np.uint64)
    weights = np.array([1.0, *[_TRIGRAM_WEIGHT] * len(trigrams)])
    return hashes, weights


def _hash(feature: str) -> int:
    digest = blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")
