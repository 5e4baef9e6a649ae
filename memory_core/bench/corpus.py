"""Any number of distinct texts that read like the sample conversation.

A text is one or two sentences of the sample turns, a sixth of its longer words exchanged for words
of other turns, and often a name or a number that occurs nowhere else, so the vocabulary has both
the common words and the long tail of a real one. The same seed gives the same texts.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from memory_core.samples import sample_questions, sample_turns

_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_LONGER = re.compile(r"[A-Za-z]{5,}")
_EXCHANGED = 6  # one longer word in so many
_SYLLABLES = ("ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "ri", "so")
_FIRST = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Said:
    """One text, and the sample turns it was made of."""

    text: str
    speaker: str
    turns: tuple[int, int]
    occurred_at: datetime
    session: str

    @property
    def fields(self) -> dict[str, object]:
        """The fields of a draft."""
        return {
            "text": self.text, "speaker": self.speaker, "role": "user", "source": "user",
            "session": self.session, "occurred_at": self.occurred_at,
        }  # fmt: skip


class Corpus:
    """Distinct texts from one seed.

    Example:
        >>> texts = [said.text for said in Corpus(seed=1).take(500)]
        >>> len(set(texts))
        500
    """

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self.turns = [str(turn["text"]) for turn in sample_turns()]
        self._speakers = [str(turn["speaker"]) for turn in sample_turns()]
        self._sentences = [_SENTENCE.split(text) for text in self.turns]
        self._words = sorted({word for text in self.turns for word in _LONGER.findall(text)})
        self._given: set[str] = set()

    def take(self, count: int) -> Iterator[Said]:
        """Yield `count` texts that this corpus has not given yet, a minute apart."""
        for _ in range(count):
            at = _FIRST + timedelta(minutes=len(self._given))
            while (said := self._said(at)).text in self._given:
                pass
            self._given.add(said.text)
            yield said

    def questions(self, count: int) -> list[str]:
        """Return distinct questions: those of the sample, then variations of them."""
        asked = [question.question for question in sample_questions()]
        seen = dict.fromkeys(asked)
        while len(seen) < count:
            seen[self._varied(asked[self._rng.integers(len(asked))]) + self._mark()] = None
        return list(seen)[:count]

    def _said(self, at: datetime) -> Said:
        first, second = (int(n) for n in self._rng.integers(len(self.turns), size=2))
        parts = [self._sentence(first)]
        if self._rng.random() < 0.6:
            parts.append(self._sentence(second))
        text = self._varied(" ".join(parts)) + self._mark()
        day = f"{at:%Y-%m-%d}"
        return Said(text, self._speakers[first], (first, second), at, day)

    def _sentence(self, turn: int) -> str:
        sentences = self._sentences[turn]
        chosen: str = sentences[self._rng.integers(len(sentences))]
        return chosen

    def _varied(self, text: str) -> str:
        def exchanged(found: re.Match[str]) -> str:
            if self._rng.integers(_EXCHANGED):
                return found[0]
            word: str = self._words[self._rng.integers(len(self._words))]
            return word

        return _LONGER.sub(exchanged, text)

    def _mark(self) -> str:
        kind = self._rng.random()
        if kind < 0.3:
            return f" {self._rng.integers(1, 10_000)}"
        if kind < 0.6:
            syllables = self._rng.integers(len(_SYLLABLES), size=3)
            return " " + "".join(_SYLLABLES[n] for n in syllables).capitalize()
        return ""
