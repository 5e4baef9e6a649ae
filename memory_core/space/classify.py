"""Sorting memories under labels that were never trained: the nearest label's text wins.

p(label | memory) = softmax over labels of cos(memory, label) / T
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from memory_core import limits
from memory_core.errors import InvalidInput
from memory_core.manager import MemoryManager
from memory_core.space.points import points, unit
from memory_core.types import Memory

TEMPERATURE = 0.05
"""The inverse of the scale that contrastive models are trained with."""


@dataclass(frozen=True, slots=True)
class Classified:
    """A memory under its nearest label."""

    memory: Memory
    label: str
    share: float
    """Of the softmax over the labels, 0..1; near 1 / labels where it could be any."""


def classify(
    memory: MemoryManager, labels: Sequence[str], *, session: str | None = None
) -> tuple[Classified, ...]:
    """Return every live memory with the label whose text is nearest, oldest first.

    Args:
        memory: whose namespace.
        labels: two or more, each a word or better a phrase that says what belongs there.
        session: only memories of this conversation.

    Raises:
        InvalidInput: fewer than two labels, a blank one, or one twice.
    """
    names = [limits.check_text(label.strip(), "label") for label in labels]
    if len(names) < 2 or len(set(names)) != len(names):
        raise InvalidInput(f"labels {list(labels)} are not two or more different ones; name them")
    found = points(memory, session=session)
    if not len(found):
        return ()
    table = unit(np.stack([memory.parts.embedder.encode_query(name) for name in names]))
    scores = (found.matrix @ table.T).astype(np.float64) / TEMPERATURE
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    best = shares.argmax(axis=1)
    return tuple(
        Classified(one, names[label], float(row[label]))
        for one, label, row in zip(found.memories, best.tolist(), shares, strict=True)
    )
