"""REALTALK's form: real messenger chats of two people over weeks, with questions.

Source: Lee et al. 2025, "REALTALK: A 21-Day Real-World Dataset for Long-Term Conversation". Like
LoCoMo, with `name` for the speakers, `clean_text` and a time for every turn, and no id of its own:
the speakers' names stand for it. Turns that hold only an image without a caption are passed over.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from memory_core.interchange.base import Place, Record, fitting_name, key_of
from memory_core.interchange.locomo import (
    LocomoConversation,
    questions,
    session_numbers,
    shown,
    turn_of,
)
from memory_core.interchange.source import dataset_rows, whole_rows
from memory_core.interchange.times import written_or_note

NAME = "realtalk"
WANTED = "REALTALK chat (name and session_N)"

_TIME = "%d.%m.%Y, %H:%M:%S"


def read_realtalk(path: Path) -> Iterator[Record]:
    """Yield a record for each turn; `conversation` is made of the speakers' names.

    Raises:
        InvalidInput: the file as a whole cannot be read.
    """
    for row in dataset_rows(path, recognises, WANTED):
        if row.error is not None:
            yield Place(row.position).failed(row.error)
        else:
            yield from (record for _, record in _turns(row.value))


def load_realtalk(path: Path) -> tuple[LocomoConversation, ...]:
    """Return the chats with their questions, for evaluation.

    Raises:
        InvalidInput: for the first turn or question that is malformed.
    """
    return tuple(
        LocomoConversation(
            _conversation(row.value),
            tuple(turn_of(dia, record) for dia, record in _turns(row.value) if _says(record)),
            questions(row.value, row.position),
        )
        for row in whole_rows(path, recognises, WANTED)
    )


def recognises(value: object) -> bool:
    """Say whether a file's value is a chat of this form."""
    if not isinstance(value, dict) or not isinstance(value.get("name"), dict):
        return False
    return bool(session_numbers(value))


def _conversation(chat: Mapping[str, object]) -> str:
    names = chat["name"]
    told = names.values() if isinstance(names, dict) else ()
    return fitting_name("-".join(str(name) for name in told) or "chat")


def _turns(chat: Mapping[str, object]) -> Iterator[tuple[str, Record]]:
    name = _conversation(chat)
    for number in session_numbers(chat):
        session = f"session_{number}"
        place = Place(f"{name}/{session}", name)
        turns = chat[session]
        if not isinstance(turns, list):
            yield "", place.failed(f"{place.position}: not a list of turns; repair it")
            continue
        for index, turn in enumerate(turns):
            yield _record(turn, place, session, index=index)


def _record(turn: object, place: Place, session: str, *, index: int) -> tuple[str, Record]:
    dia = turn.get("dia_id") if isinstance(turn, dict) else None
    if not isinstance(turn, dict) or not isinstance(dia, str):
        where = place.within(f"turn {index}")
        return "", where.failed(f"{where.position}: a turn without dia_id; repair it")
    where = place.within(dia)
    text = shown(turn.get("clean_text", turn.get("text")), turn.get("blip_caption"))
    if isinstance(text, str) and not text.strip():
        return dia, where.skipped("no text in the turn")
    said = turn.get("date_time")
    at, note = written_or_note(said, _TIME, f"{where.position} date", whose="turn")
    return dia, where.record(
        note,
        text=text,
        role="user",
        source="user",
        speaker=turn.get("speaker"),
        session=session,
        occurred_at=at,
        key=key_of(NAME, place.conversation or "", dia),
    )


def _says(record: Record) -> bool:
    """Tell whether a record is a turn or a fault, and not one that was passed over."""
    return record.draft is not None or record.error is not None
