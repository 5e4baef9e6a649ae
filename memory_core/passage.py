"""How a cross-encoder reads one memory: who said it when, and which question it answers.

    [8 May 2023] "Where do you work?" Nora: At the harbour.

The head is for the model, which cannot know it otherwise; the stored text is never changed.
Training writes its passages with the same functions.
"""

import re
from datetime import datetime

LONGEST = 100
"""Characters of a question that a reply is read with."""
SHORTEST = 12
_QUESTION = re.compile(r"[^.!?\n]*\?")


def dated(when: datetime, who: str | None, said: str, asked: str | None = None) -> str:
    """Return a text with its date, its speaker and what it answers before it."""
    head = f"[{when.day} {when:%B %Y}]"
    if asked:
        head = f'{head} "{asked}"'
    return f"{head} {who}: {said}" if who else f"{head} {said}"


def question_of(text: str) -> str | None:
    """Return the last question of a text, its end if it is long; None where nothing is asked.

    Example:
        >>> question_of("That sounds good. Where do you live now? Tell me.")
        'Where do you live now?'
    """
    found = _QUESTION.findall(text)
    question = found[-1].strip() if found else ""
    if len(question) < SHORTEST:
        return None
    if len(question) > LONGEST:
        question = "…" + question[-LONGEST:].partition(" ")[2]
    return question
