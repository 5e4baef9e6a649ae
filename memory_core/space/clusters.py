"""Groups of memories that mean alike: k-means on unit vectors, so nearness is cosine.

How many there are is chosen by the silhouette (Rousseeuw 1987) unless told; a group is described
by the words that are its own and by the memory at its centre.
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from memory_core import limits
from memory_core.errors import InvalidInput
from memory_core.manager import MemoryManager
from memory_core.space.points import Points, enough, points
from memory_core.types import Memory

LEAST = 4
MOST = 16
"""Groups tried when none are told."""
SAMPLE = 2_000
"""Points that the silhouette looks at."""
WORDS = 4

Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Memories that mean alike."""

    centre: Memory
    """The one nearest to the middle."""
    words: tuple[str, ...]
    """Words that are much more frequent here than elsewhere."""
    memories: tuple[Memory, ...] = field(repr=False)


def clusters(
    memory: MemoryManager, *, count: int | None = None, seed: int = 7
) -> tuple[Cluster, ...]:
    """Return the groups of a namespace's live memories, the largest first.

    Args:
        memory: whose namespace.
        count: how many groups; chosen by the silhouette when None.
        seed: of the starting points; the same seed gives the same groups.

    Raises:
        InvalidInput: too few memories, or more groups than memories.
    """
    found = enough(points(memory), LEAST, "clustering")
    labels = labels_of(found, count=count, seed=seed)
    groups = [_cluster(found, labels, number) for number in sorted(set(labels.tolist()))]
    return tuple(sorted(groups, key=lambda group: (-len(group.memories), group.centre.id)))


def labels_of(found: Points, *, count: int | None, seed: int) -> Labels:
    """Return the number of each point's group, `(n,)`."""
    if count is not None:
        limits.check_count(count, "count")
        if count > len(found):
            raise InvalidInput(f"{count} clusters of {len(found)} memories; ask for fewer")
        return _split(found, count, seed)
    from sklearn.metrics import silhouette_score

    tried = {n: _split(found, n, seed) for n in range(2, min(MOST, len(found) - 1) + 1)}
    looked = np.random.default_rng(seed).permutation(len(found))[:SAMPLE]
    scores = {
        n: silhouette_score(found.matrix[looked], labels[looked], metric="cosine")
        for n, labels in tried.items()
        if 1 < len(set(labels[looked].tolist())) < len(looked)
    }
    best = max(scores, key=lambda n: (scores[n], -n), default=2)
    return tried[best]


def _split(found: Points, count: int, seed: int) -> Labels:
    from sklearn.cluster import KMeans

    made = KMeans(n_clusters=count, n_init=4, random_state=seed).fit_predict(found.matrix)
    return np.asarray(made, dtype=np.int64)


def _cluster(found: Points, labels: Labels, number: int) -> Cluster:
    members = np.flatnonzero(labels == number)
    middle = found.matrix[members].mean(axis=0)
    centre = members[int(np.argmax(found.matrix[members] @ middle))]
    chosen = tuple(found.memories[n] for n in members.tolist())
    return Cluster(found.memories[centre], _own_words(found, chosen), chosen)


def _own_words(found: Points, chosen: tuple[Memory, ...]) -> tuple[str, ...]:
    """Return the words by their share here over their share everywhere, rare ones damped."""
    here, everywhere = _counted(chosen), _counted(found.memories)
    share = len(chosen) / len(found)
    scored = {word: n / (share * everywhere[word] + 2) for word, n in here.items()}
    return tuple(sorted(scored, key=lambda word: (-scored[word], word))[:WORDS])


def _counted(memories: tuple[Memory, ...]) -> Counter[str]:
    return Counter(
        word
        for one in memories
        for word in {w.strip(".,;:!?()\"'’").lower() for w in one.text.split()}
        if len(word) > 3
    )
