"""OpenAI chat messages: `{"messages": […]}`, a list of messages, or JSONL of either.

A conversation without an id is known by a digest of its first four messages, so a file that
has grown keeps its keys. Tool calls and their results become drafts of role and source "tool".
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from pathlib import Path

from memory_core.errors import InvalidInput
from memory_core.interchange.base import Place, Record, digest, fitting_name, joined_notes, key_of
from memory_core.interchange.messages import content_of, role_of, source_of
from memory_core.interchange.source import Item, items
from memory_core.interchange.times import moment

NAME = "openai_chat"

_OPENING = 4  # messages: a system prompt and a greeting are often shared, the reply is not
_IDS = ("id", "conversation_id", "thread_id", "session_id")
_TIMES = ("created_at", "created", "create_time", "timestamp")
_CONVERSATION_TIME = "event time is the conversation's, the message has none"


@dataclass(frozen=True)
class _Turn:
    """One message and where it stands."""

    place: Place
    number: int
    message: Mapping[str, object]
    since: datetime | None
    """The conversation's time, for messages that have none."""


def read_openai_chat(path: Path) -> Iterator[Record]:
    """Yield a record for each message, and one for each tool call inside a message.

    Raises:
        InvalidInput: the file as a whole cannot be read.
    """
    seen: Counter[str] = Counter()
    pending = items(path)
    for item in pending:
        if item.error is not None:
            yield Place(item.position).failed(item.error)
        elif _is_message(item.value):  # then the rest of the file is this one conversation
            yield from _conversation({}, chain([item], pending), seen)
        elif isinstance(item.value, list):
            yield from _conversation({}, _listed(item.value, item.position), seen)
        elif isinstance(item.value, dict) and isinstance(item.value.get("messages"), list):
            messages = _listed(item.value["messages"], item.position)
            yield from _conversation(item.value, messages, seen)
        else:
            yield Place(item.position).failed(
                f"{item.position}: no chat message; expected role and content, or messages"
            )


def recognises(value: object) -> bool:
    """Say whether a file's value is a message, a list of messages, or holds one."""
    if isinstance(value, list):
        return bool(value) and _is_message(value[0])
    if isinstance(value, dict) and isinstance(value.get("messages"), list):
        return True
    return _is_message(value)


def _conversation(
    header: Mapping[str, object], messages: Iterable[Item], seen: Counter[str]
) -> Iterator[Record]:
    rest = iter(messages)
    opening = list(islice(rest, _OPENING))
    identity = _identity(header, [item.value for item in opening])
    seen[identity] += 1
    if seen[identity] > 1:  # the same opening again in one file is another conversation
        identity = f"{identity}.{seen[identity]}"
    since, fault = _time(header)
    if fault:
        yield Place(identity, identity).failed(fault)
    for number, item in enumerate(chain(opening, rest)):
        place = Place(item.position, identity)
        if item.error is not None:
            yield place.failed(item.error)
        elif not isinstance(item.value, dict):
            yield place.failed(f"{item.position}: no chat message; expected role and content")
        else:
            yield from _turn_records(_Turn(place, number, item.value, since))


def _turn_records(turn: _Turn) -> Iterator[Record]:
    message, place = turn.message, turn.place
    try:
        role = role_of(message.get("role"))
        content = content_of(message.get("content"))
        calls = list(_calls(message))
    except InvalidInput as error:
        yield place.failed(f"{place.position}: {error}")
        return
    at, fault = _time(message)
    if fault:
        yield place.failed(f"{place.position}: {fault}")
        return
    late = _CONVERSATION_TIME if at is None and turn.since else None
    shared = {"session": _session(place), "occurred_at": at or turn.since}
    if content.text.strip():
        yield place.record(
            joined_notes(content.note, late),
            **shared,
            text=content.text,
            role=role,
            source=source_of(role),
            speaker=message.get("name"),
            key=_key(place, str(turn.number)),
        )
    elif not calls:
        yield place.skipped(joined_notes("no text in the message", content.note) or "")
    for number, (name, arguments) in enumerate(calls):
        yield place.within(f"call {number}").record(
            late,
            **shared,
            text=f"{name}({arguments})",
            role="tool",
            source="tool",
            speaker=name,
            key=_key(place, f"{turn.number}.call{number}"),
        )


def _calls(message: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield name and arguments of each tool call, in today's and the older form."""
    listed = message.get("tool_calls") or []
    if not isinstance(listed, list):
        raise InvalidInput("tool_calls is not a list; repair it")
    older = [message["function_call"]] if message.get("function_call") else []
    for call in [*listed, *older]:
        function = call.get("function", call) if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise InvalidInput("a tool call without a function name; repair it")
        arguments = function.get("arguments", "")
        yield (
            function["name"],
            arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False),
        )


def _identity(header: Mapping[str, object], opening: list[object]) -> str:
    for name in _IDS:
        if isinstance(value := header.get(name), str | int) and str(value).strip():
            return str(value)
    return digest(opening)


def _time(fields: Mapping[str, object]) -> tuple[datetime | None, str | None]:
    """Return the first time the fields hold, or what is wrong with it."""
    for name in _TIMES:
        if fields.get(name) is not None:
            try:
                return moment(fields[name], name), None
            except InvalidInput as error:
                return None, str(error)
    return None, None


def _listed(messages: list[object], position: str) -> Iterator[Item]:
    for number, message in enumerate(messages):
        yield Item(f"{position}/turn {number}", message)


def _is_message(value: object) -> bool:
    return isinstance(value, dict) and "role" in value and ("content" in value or _has_calls(value))


def _has_calls(value: Mapping[str, object]) -> bool:
    return "tool_calls" in value or "function_call" in value


def _session(place: Place) -> str:
    return fitting_name(place.conversation or "")


def _key(place: Place, turn: str) -> str:
    return key_of(NAME, place.conversation or "", turn)
