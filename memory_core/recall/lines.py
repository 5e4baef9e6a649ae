"""Lines of a consolidated memory: how a source's words stand in it, and how they are found again.

    Ana: I moved to Lisbon in March.        one line for each source, its sentences verbatim
    Bob: The trams of Lisbon are loud.

An extract is written with `line`, and `line_in` finds the line that stands for a source: nothing
but whole sentences of it, in their order, behind its speaker. A text that somebody worded anew has
no such lines, so it never stands for a source's words.
"""

import re
from collections.abc import Iterable

from memory_core.types import Memory

_SENTENCE = re.compile(r"(?<=[.!?…])\s+|\n+")


def sentences(text: str) -> list[str]:
    """Return the sentences of a text, in order."""
    parts = (part.strip() for part in _SENTENCE.split(text.strip()))
    return [part for part in parts if part]


def line(memory: Memory, said: Iterable[str]) -> str:
    """Return sentences of a memory as one line, with who said them."""
    return f"{_head(memory)}{' '.join(said)}"


def line_in(derived: str, memory: Memory) -> str | None:
    r"""Return the line of a derived text that stands for a memory, None where there is none.

    Example:
        >>> from memory_core.testing import temporary_memory
        >>> with temporary_memory() as memory:
        ...     said = memory.store("Really? I moved in March.", speaker="Ana")
        >>> line_in("Bob: Loud trams.\nAna: I moved in March.", said)
        'Ana: I moved in March.'
    """
    head, every = _head(memory), sentences(memory.text)
    lines = (line for line in derived.split("\n") if line.startswith(head))
    return next((line for line in lines if _is_said(line[len(head) :], every)), None)


def _is_said(text: str, every: list[str]) -> bool:
    """Tell whether a text is some of the sentences, whole and in their order."""
    left = text
    for sentence in every:
        if left == sentence:
            return True
        if left.startswith(f"{sentence} "):
            left = left[len(sentence) + 1 :]
    return False


def _head(memory: Memory) -> str:
    who = memory.speaker or memory.role
    return f"{who}: " if who else ""
