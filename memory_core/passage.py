"""What a cross-encoder reads of one memory: who said it when, and its best part.

The prefix is for the model, which cannot know the date otherwise; the stored text is never
changed. Training writes its passages with the same function.
"""

from datetime import datetime

from memory_core.types import Memory, Span


def passage(memory: Memory, span: Span | None) -> str:
    """Return `[8 May 2023] Caroline: text`, with only the span of a long text."""
    said = memory.text if span is None else memory.text[span.start : span.stop]
    return dated(memory.occurred_at, memory.speaker or memory.role, said)


def dated(when: datetime, who: str | None, said: str) -> str:
    """Return a text with its date and speaker before it."""
    head = f"[{when.day} {when:%B %Y}]"
    return f"{head} {who}: {said}" if who else f"{head} {said}"
