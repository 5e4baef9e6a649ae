"""A question that tells who spoke prefers what that one said.

    speaker = w · gate      where the question names one speaker, and this is whom
    speaker = w' · gate     where it speaks of "I" or of "you", and this came from user or assistant
    gate    = smoothstep(relevance; low, high)

"What did Ana cook?" is answered by Ana far more often than by the one she told it to, and the
lexical share of one name among the other words is small. A name counts whole ("Ana Lima") or by
its first word, written as the speaker is written; in a question without a capital letter, in any
case. Where several speakers are named, or two have the named name, nothing is added: who speaks to
whom is not told by names.

Without a name, "What did I pay for the bike?" asks for what the user said, among all that an
assistant told about bikes, and "What did you recommend?" for what the assistant said. Requests
("can you", "remind me") are no such words. English only, as the names of days are.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from memory_core.answers import Hit, Hits, Note, Query
from memory_core.recall.fuse import best_first
from memory_core.recall.reader import Reader
from memory_core.recall.relevance import Calibration, relevance_of, smoothstep

USER = "user"
ASSISTANT = "assistant"
_FIRST = re.compile(r"\b(?:I|my|mine|me|myself|we|our|ours|us|ourselves)\b(?!\.)", re.I)
_SECOND = re.compile(r"\b(?:you|your|yours|yourself)\b", re.I)
_REQUEST = re.compile(
    r"\b(?:can|could|would|will|do|may) you\b|\b(?:remind|tell|show|give|help|let) (?:me|us)\b",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Voice:
    """How much being said by whom the question means may add.

    `weight` was measured on LoCoMo's development conversations, of whose questions 89 in 100 name
    one of two speakers, recall@10 with the cross-encoder: .775 without, .787, .790 and .790 at
    0.1, 0.2 and 0.3; higher in each of the five.
    """

    weight: float = 0.2
    person: float = 0.3
    """Where the question speaks of "I" or "you". Measured on LongMemEval's development questions,
    recall by turns at 5 and 10: .777 and .894 without, .809 and .941 at 0.2, .836 and .955 at 0.3,
    .886 and .966 at 0.5; with all of these in one namespace .367, .534, .567 and .625 at 5, but
    fewer sessions at 0.5."""
    gate_low: float = 0.05
    gate_high: float = 0.3


class SpeakerStage:
    """Adds a "speaker" term where the question tells who spoke."""

    name = "speaker"

    def __init__(
        self, reader: Reader, voice: Voice | None = None, calibration: Calibration | None = None
    ) -> None:
        self._reader = reader
        self._voice = voice or Voice()
        self._calibration = calibration or Calibration()

    def __call__(self, query: Query, hits: Hits) -> Hits:
        """Return the hits, those said by whom the question means before others alike."""
        if not hits:
            return hits
        view = self._reader.view(query)
        chosen = named(query.text, view.names)
        if chosen is None:
            return self._of_person(hits, person(query.text))
        if len(view.names) < 2:
            return Hits(hits.items)
        docs = np.array([hit.facts.doc for hit in hits], dtype=np.int64)
        said = (view.speakers(docs) == chosen).tolist()
        told = f"the question names a speaker ({view.names[chosen]})"
        return self._preferring(hits, said, self._voice.weight, told)

    def _of_person(self, hits: Hits, source: str | None) -> Hits:
        """Return the hits, those from the source before others alike, if there are both."""
        said = [hit.facts.source == source for hit in hits]
        if len(set(said)) < len((True, False)):
            return Hits(hits.items)
        word = "I" if source == USER else "you"
        told = f'the question speaks of "{word}": what the {source} said'
        return self._preferring(hits, said, self._voice.person, told)

    def _preferring(self, hits: Hits, said: list[bool], weight: float, told: str) -> Hits:
        pairs = zip(hits, said, strict=True)
        ordered = best_first(self._with(hit, weight) if its else hit for hit, its in pairs)
        return Hits(tuple(ordered), notes=(Note("speaker", told),))

    def _with(self, hit: Hit, weight: float) -> Hit:
        relevance = relevance_of(hit, self._calibration)
        gate = smoothstep(relevance, self._voice.gate_low, self._voice.gate_high)
        return hit.scored({**hit.terms, "speaker": weight * gate}) if gate else hit


def named(question: str, speakers: Mapping[int, str]) -> int | None:
    """Return which of the speakers a question names; None for nobody, or more than one.

    Example:
        >>> named("What did Ana say?", {0: "Ana Lima", 1: "Ben"})
        0
    """
    found = {
        code: first for code, name in speakers.items() if _stands(first := _first(name), question)
    }
    whole = {code for code in found if _stands(speakers[code], question)}
    clear = {found[code] for code in whole}
    left = [code for code, first in found.items() if code in whole or first not in clear]
    return left[0] if len(left) == 1 else None


def person(question: str) -> str | None:
    """Return whose words a question in the first or second person asks for: a source, or None.

    Example:
        >>> person("Where did I park?"), person("Can you remind me what you recommended?")
        ('user', 'assistant')
    """
    asked = _REQUEST.sub(" ", question)
    if _SECOND.search(asked):
        return ASSISTANT
    return USER if _FIRST.search(asked) else None


def _first(name: str) -> str:
    return next(iter(name.split()), name)


def _stands(name: str, question: str) -> bool:
    if question == question.casefold():
        name = name.casefold()
    return name in question and bool(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", question))
