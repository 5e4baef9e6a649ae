"""Claude Code session transcripts: JSONL, one event a line, kept as user and assistant text.

Thinking, tool calls, system and bookkeeping lines, sub-agents' side conversations, wrapped
commands and automatic summaries are not what the two said to each other: they are counted in
the last record's note. Tool results come only when asked for. The key is the event's uuid
alone, because a resumed session repeats old events in a new file. The format is not documented
by its maker; unknown event types are counted, not refused.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from memory_core.errors import InvalidInput
from memory_core.interchange.base import Place, Record, digest, fitting_name, joined_notes
from memory_core.interchange.messages import content_of, counted, part_text, part_type
from memory_core.interchange.source import Item, line_items
from memory_core.interchange.times import moment

NAME = "claude_code"

_SPOKEN = ("user", "assistant")
_EVENTS = {*_SPOKEN, "summary", "system", "file-history-snapshot", "queue-operation", "progress"}
_FLAGS = {
    "isSidechain": "sub-agent",
    "isMeta": "meta",
    "isCompactSummary": "automatic summary",
    "isApiErrorMessage": "API error",
}
_COMMANDS = ("<command-", "<local-command-", "<bash-input>", "<bash-stdout>", "<system-reminder>")


@dataclass(frozen=True)
class _Event:
    """One spoken line of a transcript."""

    place: Place
    role: str
    at: datetime | None
    parts: list[object]
    key: str


def read_claude_code(path: Path, *, tool_results: bool = False) -> Iterator[Record]:
    """Yield a record for each user or assistant text, then one that counts what was left out.

    Args:
        path: The transcript.
        tool_results: Also yield what tools returned, with role and source "tool".

    Raises:
        InvalidInput: the file as a whole cannot be read.
    """
    skipped: Counter[str] = Counter()
    for item in line_items(path):
        place = Place(item.position, _session(item.value) or path.name.partition(".")[0])
        if item.error is not None:
            yield place.failed(item.error)
        elif not isinstance(item.value, dict):
            yield place.failed(f"{item.position}: not an object; each line is one event")
        elif reason := _reason_to_skip(item.value):
            skipped[reason] += 1
        else:
            yield from _event_records(item, place, skipped, tool_results=tool_results)
    if note := counted("left out", skipped):
        yield Place(path.name).skipped(note)


def recognises(value: object) -> bool:
    """Say whether a file's value is an event of a transcript."""
    if not isinstance(value, dict) or value.get("type") not in _EVENTS:
        return False
    if value["type"] in _SPOKEN:
        return isinstance(value.get("message"), dict)
    return any(name in value for name in ("leafUuid", "sessionId", "messageId", "uuid"))


def _event_records(
    item: Item, place: Place, skipped: Counter[str], *, tool_results: bool
) -> Iterator[Record]:
    try:
        event = _event(item, place)
        spoken, results = _sorted_parts(event.parts, skipped)
        yield from _spoken(event, spoken)
        if not tool_results:
            skipped["tool_result"] += len(results)
            return
        for number, result in enumerate(results):
            yield _result(event, result, number)
    except InvalidInput as error:
        yield place.failed(f"{item.position}: {error}")


def _event(item: Item, place: Place) -> _Event:
    fields = item.value
    if not isinstance(fields, dict) or not isinstance(message := fields.get("message"), dict):
        raise InvalidInput("an event without message; repair the line")
    content = message.get("content")
    uuid = fields.get("uuid")
    return _Event(
        place=place,
        role=str(fields["type"]),
        at=moment(fields.get("timestamp"), "timestamp"),
        parts=content if isinstance(content, list) else [content],
        key=f"{NAME}:{uuid if isinstance(uuid, str) and uuid.strip() else digest(item.text)}",
    )


def _sorted_parts(
    parts: list[object], skipped: Counter[str]
) -> tuple[list[str], list[Mapping[str, object]]]:
    """Return what was said and what tools returned; count the rest."""
    spoken: list[str] = []
    results: list[Mapping[str, object]] = []
    for part in parts:
        text = part_text(part)
        if text is None and isinstance(part, dict) and part_type(part) == "tool_result":
            results.append(part)
        elif text is None:
            skipped[part_type(part)] += 1
        elif text.lstrip().startswith(_COMMANDS):
            skipped["command"] += 1
        elif text.strip():
            spoken.append(text)
        else:
            skipped["blank text"] += 1
    return spoken, results


def _spoken(event: _Event, texts: list[str]) -> Iterator[Record]:
    if texts:
        yield event.place.record(
            text="\n\n".join(texts),
            role=event.role,
            source=event.role,
            session=fitting_name(event.place.conversation or ""),
            occurred_at=event.at,
            key=fitting_name(event.key, prefix=f"{NAME}:"),
        )


def _result(event: _Event, result: Mapping[str, object], number: int) -> Record:
    place = event.place.within(f"tool {number}")
    content = content_of(result.get("content"))
    if not content.text.strip():
        return place.skipped(joined_notes("no text in the tool's result", content.note) or "")
    return place.record(
        content.note,
        text=content.text,
        role="tool",
        source="tool",
        session=fitting_name(place.conversation or ""),
        occurred_at=event.at,
        key=fitting_name(f"{event.key}:tool{number}", prefix=f"{NAME}:"),
    )


def _reason_to_skip(event: Mapping[str, object]) -> str | None:
    kind = event.get("type")
    if kind not in _SPOKEN:
        return kind if isinstance(kind, str) and kind else "line without type"
    return next((reason for flag, reason in _FLAGS.items() if event.get(flag)), None)


def _session(event: object) -> str | None:
    session = event.get("sessionId") if isinstance(event, dict) else None
    return session if isinstance(session, str) and session.strip() else None
