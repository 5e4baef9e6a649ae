"""Sparse vectors of whole texts: what is beyond the model's limit is encoded in spans.

Of all spans the greatest weight of each word counts, which is how SPLADE pools its tokens anyway.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from memory_core.chunk import split

OVERLAP = 16  # tokens two neighbouring spans share

Weighted = tuple[NDArray[np.int32], NDArray[np.float32]]


class SparseEncoder(Protocol):
    """Turns texts into weights of words."""

    @property
    def name(self) -> str:
        """The model's name."""
        ...

    @property
    def revision(self) -> str:
        """Checksum of the weights."""
        ...

    @property
    def limit(self) -> int:
        """The most tokens of a text that it reads."""
        ...

    def count(self, text: str) -> int:
        """Return the tokens of a text."""
        ...

    def query(self, text: str) -> Weighted:
        """Return the weights of a question."""
        ...

    def documents(self, texts: Sequence[str]) -> list[Weighted]:
        """Return the weights of texts within the limit, in order."""
        ...


def encoded(model: SparseEncoder, texts: Sequence[str]) -> list[Weighted]:
    """Return the weights of texts of any length, in order."""
    spans = [_spans(model, text) for text in texts]
    weights = model.documents([one for some in spans for one in some])
    found, at = [], 0
    for some in spans:
        found.append(_greatest(weights[at : at + len(some)]))
        at += len(some)
    return found


def _greatest(some: Sequence[Weighted]) -> Weighted:
    if len(some) == 1:
        return some[0]
    words = np.concatenate([one[0] for one in some])
    values = np.concatenate([one[1] for one in some])
    known, places = np.unique(words, return_inverse=True)
    most = np.zeros(len(known), dtype=np.float32)
    np.maximum.at(most, places, values)
    return known.astype(np.int32), most


def _spans(model: SparseEncoder, text: str) -> list[str]:
    limit = model.limit
    pieces = split(text, limit=limit, overlap=min(OVERLAP, limit // 4), count=model.count)
    return [text[piece.start : piece.stop] for piece in pieces] or [text]
