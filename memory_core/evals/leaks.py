"""The leak test: no published id or label may be in a text that is indexed, judged or packed.

Gold sessions of LongMemEval are named `answer_…` and others are not, so an index that reads the
session's name reads the answer key; two published results did. Every text is checked before it
is stored, and every packed context after it is recalled.
"""

import re
from collections.abc import Iterable

from memory_core.errors import LabelLeak
from memory_core.evals.task import Haystack
from memory_core.journal.lexical import indexed
from memory_core.passage import dated

ALWAYS = re.compile(r"has_answer|\banswer_[0-9a-f]{6,}")
"""Labels that are none in any conversation, whatever the file's own ids are."""
_WORD = re.compile(r"\w+")
_SHORTEST, _SHORTEST_NUMBER = 4, 6


class Labels:
    """The labels of a haystack, ready to be looked for.

    Example:
        >>> Labels(["D1:3", "answer_4be1b6b4_2"]).within("as said in D1:3, and D1:30")
        'D1:3'
    """

    def __init__(self, labels: Iterable[str]) -> None:
        told = [label for label in labels if _distinctive(label)]
        self._words = frozenset(label for label in told if _WORD.fullmatch(label))
        self._others = sorted(set(told) - self._words)

    def within(self, text: str) -> str | None:
        """Return a label that stands in the text as a word of its own, or None."""
        if always := ALWAYS.search(text):
            return always.group()
        words: list[str] = _WORD.findall(text)
        if not self._words.isdisjoint(words):
            return next(word for word in words if word in self._words)
        return next((label for label in self._others if _stands(label, text)), None)


def check_haystack(haystack: Haystack, labels: Labels) -> None:
    """Pass if nothing that is indexed or read by a cross-encoder holds a label.

    Raises:
        LabelLeak: naming the draft and the label.
    """
    for place, draft in enumerate(haystack.drafts):
        texts = [indexed(draft.text, draft.speaker)]
        if draft.occurred_at is not None:
            texts.append(dated(draft.occurred_at, draft.speaker or draft.role, draft.text))
        for text in texts:
            if label := labels.within(text):
                raise LabelLeak(
                    f"label {label!r} is in the indexed text of turn {place} of {haystack.name!r}; "
                    "take ids and labels out of the texts"
                )


def check_context(context: str, labels: Labels, question: str) -> None:
    """Pass if a packed context holds no label.

    Raises:
        LabelLeak: naming the question and the label.
    """
    if label := labels.within(context):
        raise LabelLeak(
            f"label {label!r} is in the context packed for question {question!r}; "
            "take ids and labels out of what is packed"
        )


def _distinctive(label: str) -> bool:
    """Say whether a label can be told from a word: `a1` and `2023` could stand in any text."""
    if label.isdigit():
        return len(label) >= _SHORTEST_NUMBER
    return len(label) >= _SHORTEST and not label.isalpha()


def _stands(label: str, text: str) -> bool:
    start = text.find(label)
    while start >= 0:
        around = text[start - 1 : start], text[start + len(label) : start + len(label) + 1]
        if start == 0:
            around = "", around[1]
        if not any(side.isalnum() or side == "_" for side in around):
            return True
        start = text.find(label, start + 1)
    return False
