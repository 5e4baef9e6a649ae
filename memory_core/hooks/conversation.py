"""Where the sections of a session stand: at the end of one text, or inside a list of messages.

`Running` is for agents that rebuild their prompt each turn: one text that only grows at its end.
`Placed` is for agents that hand over their whole conversation: each section stands for good before
the user message it was recalled for, so every later prompt begins with the bytes of the one before.
Messages are matched by content, in order, so a conversation cut at its front keeps its sections.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from memory_core.errors import InvalidInput
from memory_core.hooks.block import Section, kept_share
from memory_core.hooks.echo import normalised

Message = Mapping[str, object]
Make = Callable[[Mapping[str, str]], Section]
"""Makes the section for what is not shown yet, given id and text of what is."""


class Running:
    """One text of sections; drawn anew when it would pass `limit` tokens."""

    def __init__(self, limit: int, tokens: Callable[[str], int]) -> None:
        self._limit = limit
        self._tokens = tokens
        self._spent = 0
        self._before = ""
        self.text = ""
        self.shown: dict[str, str] = {}

    @property
    def kept(self) -> float:
        """Which share of the text before the last `add` the new one begins with."""
        return kept_share(self._before, self.text)

    def add(self, make: Make) -> Section:
        """Make a section for what is not shown, put it at the end, and return it."""
        self._before = self.text
        section = make(self.shown)
        cost = self._tokens(section.text) if section.text else 0
        if self.text and self._spent + cost > self._limit:
            self.drop()
            section = make({})
            cost = self._tokens(section.text) if section.text else 0
        if section.text:
            self.text = f"{self.text}\n{section.text}" if self.text else section.text
            self._spent += cost
            self.shown.update(section.shown)
        return section

    def drop(self) -> None:
        """Draw the text anew: something in it may not be shown any more."""
        self.text, self.shown, self._spent = "", {}, 0

    def forget(self, id: str) -> None:
        """Let a memory be shown again: it has changed."""
        self.shown.pop(id, None)


@dataclass(frozen=True, slots=True)
class _Place:
    content: object
    section: Section


class Placed:
    """Sections inside a conversation."""

    def __init__(self) -> None:
        self._places: list[_Place] = []
        self._before: tuple[Message, ...] = ()
        self._said: dict[str, str] = {}
        self.messages: tuple[dict[str, object], ...] = ()

    @property
    def shown(self) -> Mapping[str, str]:
        """Id and text of every memory that stands in the conversation."""
        return {id: text for place in self._places for id, text in place.section.shown}

    @property
    def kept(self) -> float:
        """Which share of the earlier prompt, in characters, the new one begins with."""
        same, total, broken = 0, 0, False
        for n, message in enumerate(self._before):
            size = len(text_of(message))
            total += size
            broken = broken or n >= len(self.messages) or self.messages[n] != message
            same += 0 if broken else size
        return same / total if total else 1.0

    @property
    def sections(self) -> str:
        """The sections that stand in the conversation."""
        return "\n".join(place.section.text for place in self._places)

    @property
    def said(self) -> tuple[str, ...]:
        """The normalised texts of the conversation."""
        return tuple(self._said.values())

    def again(self, messages: Sequence[Message]) -> Section | None:
        """Place what is known if the last user message has its section already, and return that.

        An agent that calls tools asks its model several times a turn.
        """
        last = last_user(messages)
        found = self._matched(messages[: last + 1])
        if (place := found[last]) is None:
            return None
        self._settle(messages, found)
        return place.section

    def add(self, messages: Sequence[Message], make: Make) -> Section:
        """Place the sections of earlier turns, make one for the last user message, return it."""
        last = last_user(messages)
        self._said = {
            text: self._said.get(text) or normalised(text)
            for message in messages
            if (text := text_of(message))
        }
        found = self._matched(messages[:last])
        self._places = [place for place in found if place is not None]
        section = make(self.shown)
        self._settle(messages, [*found, _Place(messages[last].get("content"), section)])
        return section

    def _settle(self, messages: Sequence[Message], found: Sequence[_Place | None]) -> None:
        """Write the prompt: the sections found stand in the messages, in order."""
        self._before = self.messages
        self._places = [place for place in found if place is not None]
        placed = [
            _with(message, place.section.text) if place and place.section.text else dict(message)
            for message, place in zip(messages, found, strict=False)
        ]
        self.messages = (*placed, *(dict(message) for message in messages[len(found) :]))

    def drop(self, id: str) -> None:
        """Take out every section that shows a memory."""
        self._places = [p for p in self._places if all(id != shown for shown, _ in p.section.shown)]

    def forget(self, id: str) -> None:
        """Let a memory be shown again: it has changed."""
        self._places = [
            replace(p, section=replace(p.section, shown=_without(p.section.shown, id)))
            for p in self._places
        ]

    def _matched(self, messages: Sequence[Message]) -> list[_Place | None]:
        """Return for each message the section that was placed before it."""
        at = 0
        found: list[_Place | None] = []
        for message in messages:
            place = None
            if message.get("role") == "user":
                same = (
                    n
                    for n in range(at, len(self._places))
                    if self._places[n].content == message.get("content")
                )
                if (n := next(same, None)) is not None:
                    place, at = self._places[n], n + 1
            found.append(place)
        return found


def text_of(message: Message) -> str:
    """Return the text of a message: its content, or the text parts of it."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        return ""
    parts = [part.get("text") for part in content if isinstance(part, Mapping)]
    return "\n".join(part for part in parts if isinstance(part, str))


def last_user(messages: Sequence[Message]) -> int:
    """Return the place of the last user message.

    Raises:
        InvalidInput: there is none.
    """
    for n in range(len(messages) - 1, -1, -1):
        if messages[n].get("role") == "user":
            return n
    raise InvalidInput("no message has the role 'user'; pass the conversation with the new turn")


def _with(message: Message, block: str) -> dict[str, object]:
    content = message.get("content")
    if isinstance(content, Sequence) and not isinstance(content, str):
        return {**message, "content": [{"type": "text", "text": block}, *content]}
    return {**message, "content": f"{block}\n\n{content or ''}"}


def _without(shown: tuple[tuple[str, str], ...], id: str) -> tuple[tuple[str, str], ...]:
    return tuple(pair for pair in shown if pair[0] != id)
