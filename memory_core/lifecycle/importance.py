"""Rates how important a draft is, from cheap cues in its text: no model, no clock.

    base by role               user 0.40 · none or other 0.35 · assistant 0.25 · tool, system 0.20
    lasting kind               semantic or procedural                               +0.10
    explicit                   "remember that", "don't forget", "keep in mind"      +0.40
    correction                 "actually", "I meant", "no longer"                   +0.20
    identity                   "my name is", "I live in", "allergic"                +0.20
    decision                   "decided", "let's go with", "from now on"            +0.15
    preference                 "I prefer", "I hate", "my favourite"                 +0.15
    dates                      months, weekdays, "birthday", 2026-03-14             +0.08
    numbers                    any digit                                            +0.04
    question                   ends in "?", and none of the first four cues         −0.12
    small talk                 at most six words, one of "thanks", "ok", "haha"     −0.25

The sum is clipped to 0..1. Each cue counts once. The cues are English; a text in another language
keeps its base, which is in the middle, so it is neither lifted nor buried. Generative Agents (Park
et al. 2023) asks an LLM for this number; whoever has one passes another `ImportanceRater`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from memory_core.types import Draft

READ = 600  # characters; a turn makes its point early, and the rating stays cheap

BASE = {"user": 0.40, "assistant": 0.25, "tool": 0.20, "system": 0.20}
OTHER_ROLE = 0.35
LASTING = 0.10
NUMBERS = 0.04
QUESTION = -0.12
SMALL_TALK = -0.25
SMALL_TALK_WORDS = 6

_WORD = re.compile(r"[^\W_]+(?:'[a-z]+)?")
_DIGIT = re.compile(r"\d")
_DATE = re.compile(r"\b(?:\d{4}-\d\d-\d\d|(?:19|20)\d\d|\d{1,2}:\d\d)\b")


class ImportanceRater(Protocol):
    """Rates drafts whose importance was not given."""

    def __call__(self, draft: Draft) -> float:
        """Return the importance 0..1."""
        ...


@dataclass(frozen=True, slots=True)
class Cue:
    """Words and phrases that tell the same, and what they add; it counts once."""

    weight: float
    words: tuple[str, ...]
    phrases: tuple[str, ...] = ()
    """Lower case, one space around every word, so that they match at word boundaries."""


class CueImportance:
    """The default rater, by the table above.

    Example:
        >>> CueImportance()(Draft(text="Remember that I'm allergic to nuts", role="user"))
        1.0
        >>> CueImportance()(Draft(text="ok thanks!", role="user"))
        0.15
    """

    def __call__(self, draft: Draft) -> float:
        """Return the importance 0..1 of the draft's text, role and kind."""
        text = draft.text[:READ].casefold().replace("’", "'")
        words = _WORD.findall(text)
        total = BASE.get(draft.role, OTHER_ROLE) if draft.role else OTHER_ROLE
        if draft.kind != "episodic":
            total += LASTING
        total += _cued(text, words)
        return round(min(max(total, 0.0), 1.0), 2)


def _cued(text: str, words: list[str]) -> float:
    found = _found(words)
    stating = found & STATING
    digits = _DIGIT.search(text) is not None
    if digits and _DATE.search(text):
        found.add("dates")
    total = sum(CUES[name].weight for name in found if name != "chatter")
    if digits:
        total += NUMBERS
    if not stating and text.rstrip().endswith("?"):
        total += QUESTION
    if not stating and "chatter" in found and len(words) <= SMALL_TALK_WORDS:
        total += SMALL_TALK
    return total


def _found(words: list[str]) -> set[str]:
    """Return the names of the cues that occur, by one look-up per distinct word."""
    line = f" {' '.join(words)} "
    found: set[str] = set()
    for word in set(words):
        if (name := BY_WORD.get(word)) is not None:
            found.add(name)
        for phrase, named in BY_OPENING.get(word, ()):
            if phrase in line:
                found.add(named)
    return found


def _cue(weight: float, words: str = "", phrases: str = "") -> Cue:
    parts = [part.strip() for part in phrases.split("|") if part.strip()]
    return Cue(weight, tuple(words.split()), tuple(f" {part} " for part in parts))


def _by_opening(cues: Mapping[str, Cue]) -> dict[str, tuple[tuple[str, str], ...]]:
    """Return the phrases with their cue's name, by their first word."""
    table: dict[str, tuple[tuple[str, str], ...]] = {}
    for name, cue in cues.items():
        for phrase in cue.phrases:
            opening = phrase.split()[0]
            table[opening] = (*table.get(opening, ()), (phrase, name))
    return table


EXPLICIT = _cue(
    0.40,
    "reminder",
    "remember that|remember this|remember to|remember my|remember i|remember i'm|please remember"
    "|don't forget|do not forget|never forget|keep in mind|note that|for the record"
    "|for future reference|make a note",
)
CORRECTION = _cue(
    0.20,
    "actually correction",
    "i meant|i was wrong|that's wrong|that is wrong|you're wrong|not anymore|no longer|instead of"
    "|changed my mind|used to",
)
IDENTITY = _cue(
    0.20,
    "allergic allergy diabetic vegan vegetarian pregnant diagnosed divorced married",
    "my name|call me|i live|i moved|i've moved|i work|i was born|years old|my wife|my husband"
    "|my partner|my son|my daughter|my mother|my father|my mom|my dad|my sister|my brother|my boss"
    "|my dog|my cat|my job|my address|my phone|my email|my doctor|i'm a|i am a|i'm an|i am an",
)
DECISION = _cue(
    0.15,
    "decided decision agreed deadline",
    "let's go with|let's use|we'll use|we will use|i'll go with|the plan is|from now on|we chose"
    "|i chose|must always|must never|going forward",
)
PREFERENCE = _cue(
    0.15,
    "prefer prefers favourite favorite hate hates dislike",
    "i love|i like|i really like|i really love|i enjoy|can't stand|rather not|i'd rather",
)
DATES = _cue(
    0.08,
    "january february april june july august september october november december monday tuesday"
    " wednesday thursday friday saturday sunday tomorrow birthday anniversary",
)
CHATTER = _cue(
    SMALL_TALK,
    "thanks thank thx ok okay cool nice great haha lol hi hello hey bye yes yeah yep no nope sure"
    " wow awesome perfect morning goodnight",
)
CUES: Mapping[str, Cue] = {
    "explicit": EXPLICIT,
    "correction": CORRECTION,
    "identity": IDENTITY,
    "decision": DECISION,
    "preference": PREFERENCE,
    "dates": DATES,
    "chatter": CHATTER,
}
STATING = frozenset({"explicit", "correction", "identity", "decision"})
BY_WORD: Mapping[str, str] = {word: name for name, cue in CUES.items() for word in cue.words}
BY_OPENING = _by_opening(CUES)
