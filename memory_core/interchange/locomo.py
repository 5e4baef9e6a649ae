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
from memory_core.interchange.base import Place, Record, fitting_name, joined_notes, key_of
from memory_core.interchange.source import items
from memory_core.interchange.times import written

NAME = "locomo"

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
    for item in items(path):
        if item.error is not None:
            yield Place(item.position).failed(item.error)
        elif (sample := _sample(item.value)) is None:
            yield Place(item.position).failed(_no_sample(item.position))
        else:
            for _, record in _turn_records(*sample):
                yield record


def load_locomo(path: Path) -> tuple[LocomoConversation, ...]:
    """Return the conversations with their questions, for evaluation.

    Raises:
        InvalidInput: for the first turn or question that is malformed: an evaluation on a part
            of the data would measure something else.
    """
    loaded: list[LocomoConversation] = []
    for item in items(path):
        if item.error is not None:
            raise InvalidInput(item.error)
        if (sample := _sample(item.value)) is None or not isinstance(item.value, dict):
            raise InvalidInput(_no_sample(item.position))
        name, conversation = sample
        turns = tuple(_turn(dia, record) for dia, record in _turn_records(name, conversation))
        loaded.append(LocomoConversation(name, turns, questions(item.value, item.position)))
    return tuple(loaded)


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
    return _sample(value) is not None


def _sample(value: object) -> tuple[str, Mapping[str, object]] | None:
    if not isinstance(value, dict):
        return None
    name, conversation = value.get("sample_id"), value.get("conversation")
    if isinstance(name, str | int) and isinstance(conversation, dict):
        return str(name), conversation
    return None


def _turn_records(name: str, conversation: Mapping[str, object]) -> Iterator[tuple[str, Record]]:
    numbers = sorted(int(m[1]) for key in conversation if (m := _SESSION.fullmatch(key)))
    for number in numbers:
        session = f"session_{number}"
        place = Place(f"{name}/{session}", name)
        turns = conversation[session]
        if not isinstance(turns, list):
            yield "", place.failed(f"{place.position}: not a list of turns; repair it")
            continue
        start, note = _start(conversation.get(f"{session}_date_time"), place.position)
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


def _start(value: object, where: str) -> tuple[datetime | None, str | None]:
    if value is None:
        return None, "the session has no date"
    try:
        return written(value, _TIME, f"{where} date"), "the time zone is unknown and taken as UTC"
    except InvalidInput as error:
        return None, joined_notes("the session's date is unreadable", str(error))


def _turn(dia: str, record: Record) -> LocomoTurn:
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


def _no_sample(position: str) -> str:
    return f"{position}: no LoCoMo sample (sample_id and conversation); check the file's format"
