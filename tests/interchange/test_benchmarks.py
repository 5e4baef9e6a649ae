"""LoCoMo and LongMemEval: made-up samples always, the development data where it is."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memory_core.errors import InvalidInput
from memory_core.interchange import detect, load_locomo, load_longmemeval, read
from tests.interchange.files import as_json, as_lines, drafts, errors, packed

DATA = Path(os.environ.get("MEMORY_DATA", Path(__file__).parents[3] / "shared" / "data"))
LOCOMO = DATA / "eval" / "locomo_dev5.json"
LONGMEMEVAL = DATA / "eval" / "longmemeval_s_dev50.jsonl.gz"

SAMPLE = {
    "sample_id": "conv-1",
    "conversation": {
        "speaker_a": "Ana",
        "speaker_b": "Ben",
        "session_10": [{"speaker": "Ben", "dia_id": "D10:1", "text": "later"}],
        "session_10_date_time": "12:05 am on 1 February, 2023",
        "session_2": [
            {
                "speaker": "Ana",
                "dia_id": "D2:1",
                "text": "Look",
                "blip_caption": "a dog",
                "query": "pup",
            },
            {"speaker": "Ben", "dia_id": "D2:2", "text": "", "blip_caption": "a cat"},
            {"speaker": "Ben", "dia_id": "D2:3", "text": ""},
            {"speaker": "Ben", "text": "no id"},
        ],
        "session_2_date_time": "1:56 pm on 8 May, 2022",
        "session_11_date_time": "1:56 pm on 9 May, 2022",
        "session_3": [{"speaker": "Ana", "dia_id": "D3:1", "text": "undated"}],
        "session_3_date_time": "some day",
    },
    "qa": [
        {
            "question": "Which?",
            "answer": 2022,
            "evidence": ["D2:1; D10:01", "D:1:2", "D2:1"],
            "category": 2,
        },
        {"question": "No?", "adversarial_answer": "x", "evidence": [], "category": 5},
    ],
}

ROW = {
    "question_id": "q1_abs",
    "question_type": "multi-session",
    "question": "Where?",
    "question_date": "2023/05/30 (Tue) 22:42",
    "answer": "Lisbon",
    "answer_session_ids": ["answer_x"],
    "haystack_dates": ["2023/05/20 (Sat) 00:48", "2023/05/21 (Sun) 01:00"],
    "haystack_session_ids": ["abc", "answer_x"],
    "haystack_sessions": [
        [{"role": "user", "content": "hi"}, {"role": "assistant", "content": ""}, {"role": "user"}],
        [{"role": "user", "content": "I moved to Lisbon", "has_answer": True}],
    ],
}


def without(*turns: str) -> dict:
    conversation = dict(SAMPLE["conversation"])
    kept = [t for t in conversation["session_2"] if t.get("dia_id") not in {None, *turns}]
    return {**SAMPLE, "conversation": {**conversation, "session_2": kept}}


def test_locomo_turns_keep_time_speaker_session_and_caption(tmp_path: Path) -> None:
    path = as_json([SAMPLE], tmp_path / "locomo.json")
    assert detect(path) == "locomo"
    got = drafts(path)
    assert [(d.key, d.speaker, d.session, d.text) for d in got] == [
        ("locomo:conv-1:D2:1", "Ana", "session_2", "Look\n[shares a dog]"),
        ("locomo:conv-1:D2:2", "Ben", "session_2", "[shares a cat]"),
        ("locomo:conv-1:D3:1", "Ana", "session_3", "undated"),
        ("locomo:conv-1:D10:1", "Ben", "session_10", "later"),
    ]
    assert [d.occurred_at for d in got] == [
        datetime(2022, 5, 8, 13, 56, 0, tzinfo=UTC),
        datetime(2022, 5, 8, 13, 56, 1, tzinfo=UTC),
        None,
        datetime(2023, 2, 1, 0, 5, tzinfo=UTC),
    ]
    assert [e.position for e in errors(path)] == [
        "conv-1/session_2/D2:3",
        "conv-1/session_2/turn 3",
    ]


def test_locomo_questions_have_tidy_evidence_and_text_answers(tmp_path: Path) -> None:
    (loaded,) = load_locomo(as_json([without("D2:3")], tmp_path / "locomo.json"))
    assert [turn.dia_id for turn in loaded.turns] == ["D2:1", "D2:2", "D3:1", "D10:1"]
    which, never = loaded.questions
    assert (which.answer, which.evidence) == ("2022", ("D2:1", "D10:1"))
    assert (never.answer, never.category) == (None, 5)


def test_an_evaluation_on_a_part_of_the_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"session_2/D2:3: text is blank"):
        load_locomo(as_json([SAMPLE], tmp_path / "locomo.json"))
    with pytest.raises(InvalidInput, match="no LongMemEval row"):
        list(load_longmemeval(as_lines([{"a": 1}], tmp_path / "rows.jsonl")))
    with pytest.raises(InvalidInput, match="1 session ids, 2 sessions"):
        bad = {**ROW, "haystack_session_ids": ["abc"]}
        list(load_longmemeval(as_lines([bad], tmp_path / "rows.jsonl")))


@pytest.mark.parametrize("layout", ["json", "jsonl", "packed"])
def test_longmemeval_hides_every_label(layout: str, tmp_path: Path) -> None:
    path = as_lines([ROW], tmp_path / "rows.jsonl")
    if layout == "json":
        path = as_json([ROW], tmp_path / "rows.json")
    path = packed(path) if layout == "packed" else path
    assert detect(path) == "longmemeval"
    got = drafts(path)
    assert [(d.session, d.role, d.text) for d in got] == [
        ("session_001", "user", "hi"),
        ("session_002", "user", "I moved to Lisbon"),
    ]
    assert got[1].occurred_at == datetime(2023, 5, 21, 1, 0, tzinfo=UTC)
    shown = " ".join(draft.model_dump_json() for draft in got)
    assert not [label for label in ("answer", "_abs", "abc", "q1") if label in shown]
    assert len(errors(path)) == 1
    (question,) = load_longmemeval(path)
    assert question.gold_sessions == ("session_002",)
    assert question.gold_keys == (got[1].key,)
    assert not question.answerable


def needs(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"{path.name} is not here; set MEMORY_DATA to the folder that has eval/")
    return path


@pytest.mark.data
def test_the_locomo_development_set_is_read_whole() -> None:
    path = needs(LOCOMO)
    assert detect(path) == "locomo"
    records = list(read(path))
    assert len(records) == 2760
    keys = {record.draft.key for record in records if record.draft}
    assert len(keys) == 2760
    assert all(record.draft and record.draft.occurred_at for record in records)
    loaded = load_locomo(path)
    assert [len(c.turns) for c in loaded] == [419, 369, 663, 629, 680]
    assert {turn.key for c in loaded for turn in c.turns} == keys
    asked = [q for c in loaded for q in c.questions if q.category != 5]
    assert len([q for q in asked if q.evidence]) == 760
    assert all(q.answer for q in asked)
    assert {record.conversation for record in records} == {c.id for c in loaded}


@pytest.mark.data
def test_the_longmemeval_development_set_is_read_whole() -> None:
    path = needs(LONGMEMEVAL)
    assert detect(path) == "longmemeval"
    records = list(read(path))
    got = [record.draft for record in records if record.draft]
    assert (len(records), len(got)) == (24571, 24567)  # four published turns are blank
    assert not [record.error for record in records if record.error]
    keys = {draft.key for draft in got}
    assert len(keys) == len(got)
    assert not [d for d in got if "answer_" in f"{d.session} {d.key} {d.metadata}"]
    assert all(draft.occurred_at for draft in got)
    questions = list(load_longmemeval(path))
    assert len(questions) == 50
    assert all(q.gold_sessions for q in questions)
    assert {key for q in questions for key in q.gold_keys} <= keys
