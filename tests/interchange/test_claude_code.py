"""Claude Code transcripts: what was said, and a count of the rest."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from memory_core.interchange import detect
from memory_core.interchange.claude_code import read_claude_code
from tests.interchange.files import as_lines, drafts, errors


def event(uuid: str, kind: str, content: object, **extra: object) -> dict[str, object]:
    return {
        "type": kind,
        "uuid": uuid,
        "sessionId": "s1",
        "timestamp": "2026-03-14T18:30:00.250Z",
        "message": {"role": kind, "content": content},
        **extra,
    }


TRANSCRIPT = [
    {"type": "summary", "summary": "A title", "leafUuid": "z"},
    {"type": "file-history-snapshot", "messageId": "m", "snapshot": {}},
    event("u1", "user", "Why does the test fail?"),
    event("u2", "assistant", [{"type": "thinking", "thinking": "hm"}]),
    event("u3", "assistant", [{"type": "text", "text": "I will look."}]),
    event("u4", "assistant", [{"type": "tool_use", "name": "Read", "input": {}}]),
    event("u5", "user", [{"type": "tool_result", "content": [{"type": "text", "text": "1 == 2"}]}]),
    event("u6", "user", "sub task", isSidechain=True),
    event("u7", "user", "<command-name>/clear</command-name>"),
    event("u8", "user", "Caveat", isMeta=True),
    {"type": "system", "content": "x", "uuid": "u9", "sessionId": "s1"},
    event(
        "u10",
        "assistant",
        [{"type": "text", "text": "It compares"}, {"type": "text", "text": "1 and 2."}],
    ),
    {"type": "something-new"},
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return as_lines(TRANSCRIPT, tmp_path / "session.jsonl")


def test_what_was_said_is_kept_under_its_uuid(path: Path) -> None:
    assert detect(path) == "claude_code"
    got = drafts(path)
    assert [(d.key, d.role, d.source, d.text) for d in got] == [
        ("claude_code:u1", "user", "user", "Why does the test fail?"),
        ("claude_code:u3", "assistant", "assistant", "I will look."),
        ("claude_code:u10", "assistant", "assistant", "It compares\n\n1 and 2."),
    ]
    assert {d.session for d in got} == {"s1"}
    assert got[0].occurred_at == datetime(2026, 3, 14, 18, 30, 0, 250_000, tzinfo=UTC)


def test_the_rest_is_counted(path: Path) -> None:
    *_, last = read_claude_code(path)
    assert last.note == (
        "left out: 1 command, 1 file-history-snapshot, 1 meta, 1 something-new, 1 sub-agent, "
        "1 summary, 1 system, 1 thinking, 1 tool_result, 1 tool_use"
    )


def test_tool_results_come_when_asked_for(path: Path) -> None:
    records = read_claude_code(path, tool_results=True)
    got = [r.draft for r in records if r.draft and r.draft.role == "tool"]
    assert [(d.source, d.text, d.key) for d in got] == [("tool", "1 == 2", "claude_code:u5:tool0")]


@pytest.mark.parametrize(
    "bad",
    [
        "{cut",
        [1],
        {"type": "user", "uuid": "b"},
        event("b", "user", "x", timestamp="soon"),
        event("b", "user", "\ud800"),
    ],
)
def test_a_bad_line_is_reported_and_stops_nothing(bad: object, tmp_path: Path) -> None:
    path = as_lines([TRANSCRIPT[2], bad, TRANSCRIPT[4]], tmp_path / "session.jsonl")
    (error,) = errors(path, "claude_code")
    assert error.position == "session.jsonl:2"
    assert len(drafts(path, "claude_code")) == 2


def test_odd_content_is_tolerated(tmp_path: Path) -> None:
    odd = [event("a", "user", None), event("b", "user", [7, "plain"]), event("c", "user", " ")]
    path = as_lines(odd, tmp_path / "session.jsonl")
    assert [d.text for d in drafts(path)] == ["plain"]
    assert not errors(path)


def test_an_event_without_uuid_has_a_key_of_its_own(tmp_path: Path) -> None:
    lines = [{**TRANSCRIPT[2], "uuid": None}, {**TRANSCRIPT[4], "uuid": None}]
    path = as_lines(lines, tmp_path / "session.jsonl")
    keys = [d.key for d in drafts(path)]
    assert len(set(keys)) == 2
    assert keys == [d.key for d in drafts(path)]
