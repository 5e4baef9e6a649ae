"""OpenAI chat messages in each layout, with tools, parts and times."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from memory_core.interchange import detect, read
from tests.interchange.files import as_json, as_lines, drafts, errors

CHAT = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "name": "Ana", "content": "I moved to Lisbon", "timestamp": 1773513000},
    {"role": "assistant", "content": "Since when?", "created_at": "2026-03-14T18:31:00Z"},
    {"role": "user", "content": "Since March"},
]


@pytest.mark.parametrize("layout", ["messages", "list", "several", "lines", "lines of messages"])
def test_every_layout_gives_the_same_turns(layout: str, tmp_path: Path) -> None:
    whole = {"id": "chat-1", "messages": CHAT}
    path = {
        "messages": lambda: as_json(whole, tmp_path / "a.json"),
        "list": lambda: as_json(CHAT, tmp_path / "a.json"),
        "several": lambda: as_json([whole, {**whole, "id": "chat-2"}], tmp_path / "a.json"),
        "lines": lambda: as_lines(CHAT, tmp_path / "a.jsonl"),
        "lines of messages": lambda: as_lines([whole], tmp_path / "a.jsonl"),
    }[layout]()
    assert detect(path) == "openai_chat"
    got = drafts(path)
    assert [(d.role, d.text) for d in got[:4]] == [(m["role"], m["content"]) for m in CHAT]
    assert len({d.key for d in got}) == len(got) == (8 if layout == "several" else 4)
    assert got[1].speaker == "Ana"
    assert got[1].occurred_at == datetime(2026, 3, 14, 18, 30, tzinfo=UTC)
    assert got[2].occurred_at == datetime(2026, 3, 14, 18, 31, tzinfo=UTC)
    assert [d.source for d in got[:3]] == ["import", "user", "assistant"]
    assert len({d.session for d in got[:4]}) == 1


def test_a_turn_without_time_stays_without_and_says_so(tmp_path: Path) -> None:
    record = list(read(as_json(CHAT, tmp_path / "a.json")))[3]
    assert record.draft is not None
    assert record.draft.occurred_at is None
    assert "no event time" in (record.note or "")


def test_the_conversations_time_serves_and_is_said_to(tmp_path: Path) -> None:
    path = as_json({"created": 1773513000, "messages": CHAT}, tmp_path / "a.json")
    record = list(read(path))[3]
    assert record.draft is not None
    assert record.draft.occurred_at == datetime(2026, 3, 14, 18, 30, tzinfo=UTC)
    assert "the conversation's" in (record.note or "")


def test_keys_without_an_id_stay_when_the_file_grows_and_differ_between_chats(
    tmp_path: Path,
) -> None:
    first = drafts(as_lines(CHAT, tmp_path / "a.jsonl"))
    grown = drafts(as_lines([*CHAT, {"role": "user", "content": "Bye"}], tmp_path / "a.jsonl"))
    assert [d.key for d in grown[:4]] == [d.key for d in first]
    other = drafts(
        as_lines([*CHAT[:2], {"role": "assistant", "content": "Hm"}], tmp_path / "b.jsonl")
    )
    assert not {d.key for d in other} & {d.key for d in first}
    twice = drafts(as_json([CHAT, CHAT], tmp_path / "c.json"))
    assert len({d.key for d in twice}) == 8
    assert len({d.session for d in twice}) == 2


def test_colons_in_ids_never_make_two_conversations_share_a_key(tmp_path: Path) -> None:
    say = {"role": "user", "content": "hi"}
    chats = [{"id": "a", "messages": [say]}, {"id": "a:0", "messages": [say]}]
    chats += [{"id": "a%3A0", "messages": [say]}, {"id": "x" * 300, "messages": [say, say]}]
    keys = [d.key for d in drafts(as_json(chats, tmp_path / "a.json"))]
    assert len(set(keys)) == len(keys) == 5


def test_parts_are_joined_and_what_is_no_text_is_noted(tmp_path: Path) -> None:
    parts = [
        {"type": "text", "text": "Look:"},
        {"type": "image_url", "image_url": {"url": "x"}},
        {"type": "input_text", "text": "my flat"},
    ]
    (record,) = read(as_json([{"role": "user", "content": parts}], tmp_path / "a.json"))
    assert record.draft is not None
    assert record.draft.text == "Look:\n\nmy flat"
    assert "1 image_url" in (record.note or "")


def test_tool_calls_and_results_come_from_the_tool(tmp_path: Path) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "city", "arguments": '{"of":1}'}}
    chat = [
        {"role": "assistant", "content": None, "tool_calls": [call, call]},
        {"role": "tool", "tool_call_id": "c1", "content": "Lisbon"},
        {
            "role": "assistant",
            "content": "ok",
            "function_call": {"name": "f", "arguments": {"a": 1}},
        },
        {"role": "function", "name": "f", "content": "done"},
    ]
    got = drafts(as_json(chat, tmp_path / "a.json"))
    assert [d.text for d in got] == [
        'city({"of":1})', 'city({"of":1})', "Lisbon", "ok", 'f({"a": 1})', "done",
    ]  # fmt: skip
    assert [d.source == d.role == "tool" for d in got] == [True, True, True, False, True, True]
    assert len({d.key for d in got}) == 6


@pytest.mark.parametrize(
    "bad",
    [
        "{cut",
        {"role": "user", "content": 7},
        {"role": None, "content": "x"},
        {"role": "user", "content": "x", "timestamp": "soon"},
        {"role": "user", "content": "x", "timestamp": True},
        {"role": "user", "content": "x", "timestamp": 1e300},
        {"role": "user", "content": "\ud800"},
        {"role": "assistant", "content": "", "tool_calls": [{}]},
        {"role": "assistant", "content": "", "tool_calls": "f"},
        {"text": "no role"},
        [1],
    ],
)
def test_a_bad_turn_is_reported_and_stops_nothing(bad: object, tmp_path: Path) -> None:
    path = as_lines([*CHAT, bad, {"role": "user", "content": "after"}], tmp_path / "a.jsonl")
    (error,) = errors(path)
    assert error.position == "a.jsonl:5"
    assert [d.text for d in drafts(path)][3:] == ["Since March", "after"]


def test_a_blank_turn_is_noted_not_stored(tmp_path: Path) -> None:
    (record,) = read(as_json([{"role": "user", "content": " \n"}], tmp_path / "a.json"))
    assert (record.draft, record.error) == (None, None)
    assert "no text" in (record.note or "")
