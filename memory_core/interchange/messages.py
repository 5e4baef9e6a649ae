"""The text of a chat message, whatever shape its content has, and what was left out of it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from memory_core.errors import InvalidInput
from memory_core.types import Source

_TEXT_PARTS = {"text", "input_text", "output_text", "refusal"}
_SOURCES = set(get_args(Source))
_ROLES = {"function": "tool", "developer": "system", "human": "user", "ai": "assistant"}


@dataclass(frozen=True)
class Content:
    """The joined text of a message's parts, and how many parts of which type had none."""

    text: str
    other: Mapping[str, int]

    @property
    def note(self) -> str | None:
        """What was left out, or None."""
        return counted("left out", self.other)


def content_of(value: object) -> Content:
    """Return the text of a message's `content`: a string, parts, one part, or nothing.

    Raises:
        InvalidInput: content of another type.
    """
    if value is None:
        return Content("", {})
    if isinstance(value, str):
        return Content(value, {})
    parts = [value] if isinstance(value, dict) else value
    if not isinstance(parts, list):
        raise InvalidInput(f"content is {type(value).__name__}; use a string or a list of parts")
    texts: list[str] = []
    other: Counter[str] = Counter()
    for part in parts:
        text = part_text(part)
        if text is None:
            other[part_type(part)] += 1
        elif text.strip():
            texts.append(text)
    return Content("\n\n".join(texts), other)


def part_text(part: object) -> str | None:
    """Return the text of one part, None when it is not a text part."""
    if isinstance(part, str):
        return part
    if not isinstance(part, dict) or part_type(part) not in _TEXT_PARTS:
        return None
    text = part.get("text", part.get("refusal"))
    return text if isinstance(text, str) else None


def part_type(part: object) -> str:
    """Return the name of a part's type."""
    if not isinstance(part, dict):
        return type(part).__name__
    named = part.get("type") or part.get("content_type") or ("text" if "text" in part else "?")
    return str(named)


def role_of(value: object) -> str:
    """Return a message's role in our words.

    Raises:
        InvalidInput: no role, or one that is not text.
    """
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput(f"role={value!r} is not a role; use user, assistant, tool or system")
    return _ROLES.get(value.lower(), value.lower())


def source_of(role: str) -> str:
    """Return the source of what this role says: itself where we have it, else an import."""
    return role if role in _SOURCES else "import"


def counted(verb: str, counts: Mapping[str, int]) -> str | None:
    """Return "verb: 2 a, 1 b" or None when nothing was counted."""
    found = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()) if count)
    return f"{verb}: {found}" if found else None
