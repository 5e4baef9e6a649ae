"""Finds memories that may contradict each other, by rules; it proposes and changes nothing.

    key        same subject and attribute, both true at some moment, other words
    number     said of the same, with other numbers             the lamp is in room 3 / room 4
    place      said of the same, with another place             I live in Lisbon / I moved to Porto
    negation   said of the same, and one of them denies it      Ana eats meat / does not eat meat

"Of the same" means one subject, or without one the same speaker, and statements whose other words
agree to 60 %. The rules read English; whoever has a better judge, such as an NLI model, passes
another `ConflictDetector`.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol

from memory_core.terms import terms
from memory_core.types import Memory

ALIKE = 0.6  # share of common words; below it, two statements are about different things
RARE = 64  # memories of a group; a word that more of them hold says little about any
READ = 400  # characters; a statement that can be contradicted is short

Rule = str


class ConflictDetector(Protocol):
    """Judges two memories that may be about the same."""

    def __call__(self, earlier: Memory, later: Memory) -> Rule | None:
        """Return the name of the rule by which they contradict each other, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two memories that cannot both be true, and which would give way."""

    earlier: Memory
    later: Memory
    rule: Rule


@dataclass(frozen=True, slots=True)
class Statement:
    """What a text says: of what, with which numbers and places, and whether it denies it."""

    words: frozenset[str]
    numbers: frozenset[str]
    places: frozenset[str]
    denied: bool

    @classmethod
    def of(cls, text: str) -> "Statement":
        """Read the beginning of a text."""
        read = text[:READ].replace("’", "'")
        places = frozenset(match.casefold() for match in _PLACE.findall(read))
        rest = _PLACE.sub(" ", read)
        rest = _DENIAL.sub(" ", rest)
        found = {_RESIDING.get(word, word) for word in terms(rest)}
        numbers = frozenset(word for word in found if word[:1].isdigit())
        return cls(
            frozenset(found - numbers - {"do", "does", "did"}),
            numbers,
            places,
            _DENIAL.search(read) is not None,
        )


class RuleDetector:
    """The default detector, by the table above.

    Example:
        >>> from memory_core.testing import temporary_memory
        >>> with temporary_memory() as memory:
        ...     one = memory.store("The lamp is in room 3", subject="lamp")
        ...     two = memory.store("The lamp is in room 4", subject="lamp")
        ...     RuleDetector()(one, two)
        'number'
    """

    def __call__(self, earlier: Memory, later: Memory) -> Rule | None:
        """Return the first rule that the two break, or None."""
        if earlier.text == later.text:
            return None
        if earlier.attribute is not None and _key(earlier) == _key(later):
            return "key"
        if "?" in earlier.text[:READ] or "?" in later.text[:READ]:
            return None
        one, two = Statement.of(earlier.text), Statement.of(later.text)
        if not _alike(one.words, two.words):
            return None
        if one.denied != two.denied:
            return "negation"
        if one.places and two.places and not one.places & two.places:
            return "place"
        if one.numbers and two.numbers and one.numbers != two.numbers:
            return "number"
        return None


def conflicts(
    memories: Iterable[Memory], detector: ConflictDetector | None = None
) -> Iterator[Conflict]:
    """Yield the contradictions among memories, the earlier event first in each.

    Args:
        memories: those that are true now; only pairs true at a common moment are compared.
        detector: `RuleDetector` when None.
    """
    judge = RuleDetector() if detector is None else detector
    for group in _groups(memories):
        for one, two in _pairs(group):
            earlier, later = sorted((one, two), key=lambda m: (m.occurred_at, m.version))
            if _overlap(earlier, later) and (rule := judge(earlier, later)) is not None:
                yield Conflict(earlier, later, rule)


def _groups(memories: Iterable[Memory]) -> Iterator[Sequence[Memory]]:
    groups: dict[tuple[str, str], list[Memory]] = defaultdict(list)
    for memory in sorted(memories, key=lambda memory: memory.version):
        if memory.subject is not None:
            groups["subject", memory.subject].append(memory)
        else:
            groups["speaker", memory.speaker or memory.role or ""].append(memory)
    yield from (group for group in groups.values() if len(group) > 1)


def _pairs(group: Sequence[Memory]) -> list[tuple[Memory, Memory]]:
    """Return the pairs that share a key, or a word which is not everywhere."""
    holders: dict[object, list[int]] = defaultdict(list)
    for place, memory in enumerate(group):
        if memory.attribute is not None:
            holders[_key(memory)].append(place)
        for word in Statement.of(memory.text).words:
            holders[word].append(place)
    found: set[tuple[int, int]] = set()
    for places in holders.values():
        if len(places) <= RARE:
            found.update(combinations(places, 2))
    return [(group[one], group[two]) for one, two in sorted(found)]


def _key(memory: Memory) -> tuple[str | None, str | None]:
    return memory.subject, memory.attribute


def _overlap(one: Memory, two: Memory) -> bool:
    """Tell whether both are true at some moment."""
    starts = [m.valid_from for m in (one, two) if m.valid_from is not None]
    ends = [m.valid_to for m in (one, two) if m.valid_to is not None]
    return not starts or not ends or max(starts) < min(ends)


def _alike(one: frozenset[str], two: frozenset[str]) -> bool:
    return bool(one & two) and len(one & two) >= ALIKE * len(one | two)


_PLACE = re.compile(r"\b(?:in|to|at|near|from)\s+((?:[A-Z][\w'-]+)(?:\s+[A-Z][\w'-]+)*)")
_DENIAL = re.compile(r"\b(?:not|never|no longer|cannot|stopped|without|no)\b|n't\b", re.I)
_RESIDING = {
    stem: "live" for word in ("moved", "reside", "settled", "relocated", "living", "based", "live")
    for stem in terms(word)
}  # fmt: skip
