"""LoCoMo in its published form: long conversations of two people, with questions.

Source: Maharana et al. 2024, "Evaluating Very Long-Term Conversational Memory of LLM Agents".
A turn's text is what was said and, on a line of its own, the caption of an image that was
shared; ids, image searches and answers stay out of text and metadata. Times have no zone in
the format and are taken as UTC, one second a turn, so that turns keep their order.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from memory_core.errors import InvalidInput
from memory_core.interchange.base import Place, Record, fitting_name, key_of
from memory_core.interchange.source import dataset_rows, whole_rows
from memory_core.interchange.times import written_or_note

NAME = "locomo"
WANTED = "LoCoMo sample (sample_id and conversation)"

_SESSION = re.compile(r"session_(\d+)")
_EVIDENCE = re.compile(r"D(\d+):(\d+)")  # evidence strings are untidy: "D8:6; D9:17", "D30:05"
_TIME = "%I:%M %p on %d %B, %Y"


@dataclass(frozen=True)
class LocomoTurn:
    """One turn, under the key that its draft has."""

    dia_id: str
    key: str
    session: str
    speaker: str
    text: str
    occurred_at: datetime | None


@dataclass(frozen=True)
class LocomoQuestion:
    """One question about a conversation."""

    question: str
    answer: str | None
    """None for adversarial questions: the conversation does not say."""
    category: int
    """1 multi-hop, 2 temporal, 3 open-domain, 4 single-hop, 5 adversarial."""
    evidence: tuple[str, ...]
    """The `dia_id`s of the turns that answer it, as far as the data names them."""


@dataclass(frozen=True)
class LocomoConversation:
    """One conversation with its turns in order and its questions."""

    id: str
    turns: tuple[LocomoTurn, ...]
    questions: tuple[LocomoQuestion, ...]


def read_locomo(path: Path) -> Iterator[Record]:
    """Yield a record for each turn; `conversation` is the sample's id.

    Raises:
        InvalidInput: the file as a whole cannot be read.
    """
    for row in dataset_rows(path, recognises, WANTED):
        if row.error is not None:
            yield Place(row.position).failed(row.error)
        else:
            yield from (record for _, record in _turn_records(row.value))


def load_locomo(path: Path) -> tuple[LocomoConversation, ...]:
    """Return the conversations with their questions, for evaluation.

    Raises:
        InvalidInput: for the first turn or question that is malformed: an evaluation on a part
            of the data would measure something else.
    """
    return tuple(
        LocomoConversation(
            str(row.value["sample_id"]),
            tuple(turn_of(dia, record) for dia, record in _turn_records(row.value)),
            questions(row.value, row.position),
        )
        for row in whole_rows(path, recognises, WANTED)
    )


def questions(sample: Mapping[str, object], position: str) -> tuple[LocomoQuestion, ...]:
    """Return a sample's questions.

    Raises:
        InvalidInput: for the first that is malformed.
    """
    asked = sample.get("qa", [])
    if not isinstance(asked, list):
        raise InvalidInput(f"{position}: qa is not a list; repair it")
    return tuple(_question(entry, f"{position}/qa {n}") for n, entry in enumerate(asked))


def shown(text: object, caption: object) -> object:
    """Return what was said and, on a line of its own, the caption of an image."""
    if not isinstance(caption, str) or not caption.strip():
        return text
    shared = f"[shares {caption.strip()}]"
    return f"{text}\n{shared}" if isinstance(text, str) and text.strip() else shared


def recognises(value: object) -> bool:
    """Say whether a file's value is one of the data set's samples."""
    if not isinstance(value, dict) or not isinstance(value.get("sample_id"), str | int):
        return False
    return isinstance(value.get("conversation"), dict)


def session_numbers(chat: Mapping[str, object]) -> list[int]:
    """Return the numbers of a chat's sessions, ascending."""
    return sorted(int(m[1]) for key in chat if (m := _SESSION.fullmatch(str(key))))


def _turn_records(sample: Mapping[str, object]) -> Iterator[tuple[str, Record]]:
    name, conversation = str(sample["sample_id"]), sample["conversation"]
    if not isinstance(conversation, dict):
        return
    for number in session_numbers(conversation):
        session = f"session_{number}"
        place = Place(f"{name}/{session}", name)
        turns = conversation[session]
        if not isinstance(turns, list):
            yield "", place.failed(f"{place.position}: not a list of turns; repair it")
            continue
        said = conversation.get(f"{session}_date_time")
        start, note = written_or_note(said, _TIME, f"{place.position} date", whose="session")
        for index, turn in enumerate(turns):
            at = None if start is None else start + timedelta(seconds=index)
            yield _turn_record(turn, place, at=at, note=note, index=index)


def _turn_record(
    turn: object, place: Place, *, at: datetime | None, note: str | None, index: int
) -> tuple[str, Record]:
    session = place.position.rpartition("/")[2]
    dia = turn.get("dia_id") if isinstance(turn, dict) else None
    if not isinstance(turn, dict) or not isinstance(dia, str):
        where = place.within(f"turn {index}")
        return "", where.failed(f"{where.position}: a turn without dia_id; repair it")
    return dia, place.within(dia).record(
        note,
        text=shown(turn.get("text"), turn.get("blip_caption")),
        role="user",
        source="user",
        speaker=turn.get("speaker"),
        session=fitting_name(session),
        occurred_at=at,
        key=key_of(NAME, place.conversation or "", dia),
    )


def turn_of(dia: str, record: Record) -> LocomoTurn:
    """Return the turn of a record.

    Raises:
        InvalidInput: it has none, or nobody says it.
    """
    draft = record.draft
    if draft is None:
        raise InvalidInput(record.error or f"{record.position}: no turn; repair it")
    if draft.key is None or draft.session is None or draft.speaker is None:
        raise InvalidInput(f"{record.position}: a turn without speaker; repair it")
    return LocomoTurn(dia, draft.key, draft.session, draft.speaker, draft.text, draft.occurred_at)


def _question(entry: object, where: str) -> LocomoQuestion:
    if not isinstance(entry, dict) or not isinstance(entry.get("question"), str):
        raise InvalidInput(f"{where}: no question; repair it")
    category, answer = entry.get("category"), entry.get("answer")
    if type(category) is not int:
        raise InvalidInput(f"{where}: category {category!r} is not a number; repair it")
    named = entry.get("evidence") or []
    listed = " ".join(map(str, named if isinstance(named, list) else [named]))
    evidence = (f"D{int(m[1])}:{int(m[2])}" for m in _EVIDENCE.finditer(listed))
    return LocomoQuestion(
        question=entry["question"],
        answer=None if answer is None else str(answer),
        category=category,
        evidence=tuple(dict.fromkeys(evidence)),
    )
