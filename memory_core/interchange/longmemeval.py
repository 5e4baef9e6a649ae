"""LongMemEval in its published form: questions, each with its own haystack of chat sessions.

Source: Wu et al. 2024, "LongMemEval: Benchmarking Chat Assistants on Long-Term Interactive
Memory". The rows name the gold sessions (`answer_…`) and mark the gold turns (`has_answer`),
and a question's id says whether it can be answered (`…_abs`). None of that reaches a draft:
sessions are named by their place in the haystack, keys hold a digest of the question's id.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from memory_core.errors import InvalidInput
from memory_core.interchange.base import Place, Record, digest, key_of
from memory_core.interchange.source import dataset_rows, whole_rows
from memory_core.interchange.times import written, written_or_note

NAME = "longmemeval"
WANTED = "LongMemEval row (question_id, haystack_sessions)"

_TIME = "%Y/%m/%d (%a) %H:%M"


@dataclass(frozen=True)
class LongMemEvalQuestion:
    """One question, when it was asked, and where its answer stands."""

    id: str
    """Equal to `Record.conversation` of the question's haystack."""
    kind: str
    """The published question_type."""
    question: str
    answer: str
    asked_at: datetime
    sessions: tuple[str, ...]
    """The haystack's sessions, as drafts name them."""
    gold_sessions: tuple[str, ...]
    gold_keys: tuple[str, ...]
    """Keys of the turns marked `has_answer`; may be empty."""
    published: tuple[str, ...] = ()
    """The sessions' published ids, in the order of `sessions`; they say which are gold."""

    @property
    def answerable(self) -> bool:
        """Whether the haystack holds the answer."""
        return not self.id.endswith("_abs")


def read_longmemeval(path: Path) -> Iterator[Record]:
    """Yield a record for each turn of each haystack; `conversation` is the question's id.

    Each question has a haystack of its own: give each conversation its own namespace.

    Raises:
        InvalidInput: the file as a whole cannot be read.
    """
    for row in dataset_rows(path, recognises, WANTED):
        if row.error is not None:
            yield Place(row.position).failed(row.error)
        else:
            yield from _haystack(row.value)


def load_longmemeval(path: Path) -> Iterator[LongMemEvalQuestion]:
    """Yield the questions in file order, for evaluation.

    Raises:
        InvalidInput: for the first row that is malformed: an evaluation on a part of the data
            would measure something else.
    """
    for row in whole_rows(path, recognises, WANTED):
        yield _question(row.value, row.position)


def recognises(value: object) -> bool:
    """Say whether a file's value is one of the data set's rows."""
    if not isinstance(value, dict) or not isinstance(value.get("question_id"), str):
        return False
    return isinstance(value.get("haystack_sessions"), list)


def session_name(number: int) -> str:
    """Return what the haystack's session at this place, from 0, is called in drafts."""
    return f"session_{number + 1:03d}"


def _haystack(row: Mapping[str, object]) -> Iterator[Record]:
    question = str(row["question_id"])
    dates = _list(row, "haystack_dates")
    for number, session in enumerate(_list(row, "haystack_sessions")):
        place = Place(f"{question}/{session_name(number)}", question)
        if not isinstance(session, list):
            yield place.failed(f"{place.position}: not a list of turns; repair it")
            continue
        said = dates[number] if number < len(dates) else None
        start, note = written_or_note(said, _TIME, f"{place.position} date", whose="session")
        for index, turn in enumerate(session):
            at = None if start is None else start + timedelta(seconds=index)
            where = place.within(f"turn {index}")
            yield _turn(turn, where, at=at, note=note, spot=(number, index))


def _turn(
    turn: object, place: Place, *, at: datetime | None, note: str | None, spot: tuple[int, int]
) -> Record:
    if not isinstance(turn, dict) or turn.get("role") not in ("user", "assistant"):
        return place.failed(f"{place.position}: no turn of user or assistant; repair it")
    content = turn.get("content")
    if isinstance(content, str) and not content.strip("\x00 \t\r\n"):
        return place.skipped("no text in the turn")
    return place.record(
        note,
        text=content,
        role=turn["role"],
        source=turn["role"],
        session=session_name(spot[0]),
        occurred_at=at,
        key=_key(place.conversation or "", *spot),
    )


def _question(row: Mapping[str, object], position: str) -> LongMemEvalQuestion:
    identity = str(row["question_id"])
    for name in ("question", "question_type"):
        if not isinstance(row.get(name), str):
            raise InvalidInput(f"{position}: no {name}; repair the row")
    names = _list(row, "haystack_session_ids")
    sessions = _list(row, "haystack_sessions")
    if len(names) != len(sessions):
        raise InvalidInput(
            f"{position}: {len(names)} session ids, {len(sessions)} sessions; repair the row"
        )
    gold = {str(name) for name in _list(row, "answer_session_ids")}
    return LongMemEvalQuestion(
        id=identity,
        kind=str(row["question_type"]),
        question=str(row["question"]),
        answer=str(row.get("answer", "")),
        asked_at=written(row.get("question_date"), _TIME, f"{position} question_date"),
        sessions=tuple(session_name(n) for n in range(len(sessions))),
        gold_sessions=tuple(session_name(n) for n, name in enumerate(names) if name in gold),
        gold_keys=tuple(_gold_keys(identity, sessions)),
        published=tuple(str(name) for name in names),
    )


def _gold_keys(question: str, sessions: list[object]) -> Iterator[str]:
    for number, session in enumerate(sessions):
        for index, turn in enumerate(session if isinstance(session, list) else []):
            if isinstance(turn, dict) and turn.get("has_answer"):
                yield _key(question, number, index)


def _key(question: str, number: int, index: int) -> str:
    return key_of(NAME, digest(question), f"{session_name(number)}.{index}")


def _list(row: Mapping[str, object], name: str) -> list[object]:
    value = row.get(name)
    return value if isinstance(value, list) else []
