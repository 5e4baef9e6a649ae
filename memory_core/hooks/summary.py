"""A session in a few of its own sentences, without a model.

Each sentence is worth the mean frequency of its terms in the session (SumBasic, Nenkova and
Vanderwende 2005); the best is taken, the frequencies of its terms are squared so that the next one
says something else, and so on. The sentences taken stay in the order in which they were said.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence

from memory_core.terms import terms
from memory_core.types import Memory

SENTENCES = 5
LONGEST = 240  # characters of a sentence that is still one thought
FEWEST = 4  # terms; shorter sentences are greetings and assents

Summarise = Callable[[Sequence[Memory]], str]
"""Returns what a session was about, given its memories in the order they were stored; blank for
nothing worth keeping."""

_SENTENCE = re.compile(r"[^.!?\n\u3002\uff01\uff1f]+[.!?\u3002\uff01\uff1f]*")


def extractive(memories: Sequence[Memory]) -> str:
    """Return the most telling sentences of a session, one a line, questions left out.

    Args:
        memories: what was said, in order.
    """
    said: dict[str, tuple[str, ...]] = {}
    for memory in memories:
        if memory.source in ("user", "assistant"):
            said |= {text: terms(text) for text in _sentences(memory.text)}
    said = {text: found for text, found in said.items() if len(set(found)) >= FEWEST}
    if not said:
        return ""
    counts = Counter(term for found in said.values() for term in found)
    total = counts.total()
    weight = {term: count / total for term, count in counts.items()}
    chosen: list[str] = []
    while len(chosen) < min(SENTENCES, len(said)):
        left = (text for text in said if text not in chosen)
        best = max(left, key=lambda text: sum(weight[t] for t in said[text]) / len(said[text]))
        chosen.append(best)
        for term in set(said[best]):
            weight[term] **= 2
    return "\n".join(text for text in said if text in chosen)


def _sentences(text: str) -> list[str]:
    parts = (found[0].strip() for found in _SENTENCE.finditer(text))
    return [part for part in parts if part and not part.endswith("?") and len(part) <= LONGEST]
