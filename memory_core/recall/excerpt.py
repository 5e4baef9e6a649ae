"""The part of a long text that is worth showing: whole sentences around the best one.

The best sentence is the one that shares most terms with the query inside the span that matched,
a term counting the more the fewer sentences of the span have it; it grows by its neighbours while
there is room. Offsets are in characters of the stored text; nothing is rewritten.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from memory_core.terms import terms
from memory_core.types import Span

MARK = "…"
STEM = 6  # letters that make two terms the same word for choosing a sentence
_SENTENCE = re.compile(
    r".+?(?:[.!?]+[\"')\]]*(?=\s|$)|[\u3002\uff01\uff1f]|\n+|$)\s*", re.DOTALL
)  # the three code points end sentences in Chinese and Japanese, without a space
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A text to show, with "…" where something was left out."""

    text: str
    partial: bool


def excerpt(text: str, span: Span | None, size: int, query: str) -> Excerpt:
    """Return the text itself if it has at most `size` characters, else its best part.

    Args:
        text: the stored text.
        span: the part that matched; the whole text when None.
        size: characters of the text to show, "…" not counted.
        query: its words choose the sentence.
    """
    if len(text) <= size:
        return Excerpt(text, False)
    inside = (span.start, min(span.stop, len(text))) if span else (0, len(text))
    start, stop = _around(text, inside, size, frozenset(terms(query)))
    head = MARK if start > 0 else ""
    tail = MARK if stop < len(text) else ""
    return Excerpt(f"{head}{text[start:stop]}{tail}", True)


def best_sentence(text: str, span: Span | None, size: int, query: str) -> str:
    """Return the sentence that an excerpt would grow around, alone; its best part if too long."""
    wanted = frozenset(terms(query))
    places, best = _sentences(text, (span.start, span.stop) if span else (0, len(text)), wanted)
    start, stop = places[best]
    if stop - start > size:
        start, stop = _window(text, places[best], size, wanted)
    return text[start:stop].strip()


def _around(
    text: str, inside: tuple[int, int], size: int, wanted: frozenset[str]
) -> tuple[int, int]:
    places, best = _sentences(text, inside, wanted)
    if places[best][1] - places[best][0] > size:
        return _window(text, places[best], size, wanted)
    return _grown(places, best, size)


def _sentences(
    text: str, inside: tuple[int, int], wanted: frozenset[str]
) -> tuple[list[tuple[int, int]], int]:
    """Return where the sentences of a range are, and which of them is the best."""
    begin = inside[0]
    places = [
        (begin + found.start(), begin + found.end())
        for found in _SENTENCE.finditer(text[slice(*inside)])
    ]
    shared = [_shared(wanted, terms(text[slice(*place)])) for place in places]
    having = Counter(term for found in shared for term in found)
    worth = [sum(math.log1p(len(places) / having[term]) for term in found) for found in shared]
    return places, max(range(len(places)), key=lambda n: (worth[n], -n))


def _shared(wanted: frozenset[str], found: Sequence[str]) -> set[str]:
    """Return the wanted terms that occur, or that begin like one that does.

    Stems of one family differ in their last letters: "allergi" and "allerg".
    """
    there = {term[:STEM] for term in found if len(term) >= STEM}
    return {
        term for term in wanted if term in found or (len(term) >= STEM and term[:STEM] in there)
    }


def _grown(places: list[tuple[int, int]], best: int, size: int) -> tuple[int, int]:
    """Return the range of whole sentences around the best one, the shorter side first."""
    first = last = best
    while True:
        before = places[first - 1][0] if first > 0 else None
        after = places[last + 1][1] if last + 1 < len(places) else None
        if after is not None and after - places[first][0] <= size:
            last += 1
        elif before is not None and places[last][1] - before <= size:
            first -= 1
        else:
            return places[first][0], places[last][1]


def _window(
    text: str, place: tuple[int, int], size: int, wanted: frozenset[str]
) -> tuple[int, int]:
    """Return `size` characters of one over-long sentence, around its first matching word."""
    start, stop = place
    found = next(
        (word for word in _WORD.finditer(text, start, stop) if wanted.intersection(terms(word[0]))),
        None,
    )
    middle = found.start() if found else start
    begin = max(start, min(middle - size // 2, stop - size))
    return begin, begin + size
