"""ChatGPT's export: the kept branch of each tree, times and ids."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from memory_core.interchange import detect, read
from tests.interchange.files import as_json, drafts, errors


def node(parent: str | None, role: str | None = None, *parts: object, **extra: object) -> dict:
    message = None
    if role:
        content = extra.pop("content", {"content_type": "text", "parts": list(parts)})
        message = {"author": {"role": role}, "content": content, "create_time": 1773513000.5}
        message |= extra
    return {"parent": parent, "message": message, "children": []}


def tree(**mapping: object) -> dict:
    return {"conversation_id": "c1", "title": "t", "mapping": mapping, "current_node": "d"}


TREE = tree(
    root=node(None),
    a=node("root", "user", "I moved", {"content_type": "image_asset_pointer"}, "to Lisbon"),
    b=node("a", "assistant", "thrown away"),
    c=node("a", "assistant", "Since when?"),
    t=node("c", "assistant", content={"content_type": "thoughts", "thoughts": []}),
    x=node("t", "tool", content={"content_type": "code", "text": "1 + 1"}),
    d=node("x", "user", "March", create_time=None),
)


def test_the_kept_branch_is_read_in_order(tmp_path: Path) -> None:
    path = as_json([TREE], tmp_path / "conversations.json")
    assert detect(path) == "chatgpt"
    got = drafts(path)
    assert [(d.role, d.text) for d in got] == [
        ("user", "I moved\n\nto Lisbon"),
        ("assistant", "Since when?"),
        ("tool", "1 + 1"),
        ("user", "March"),
    ]
    assert got[0].occurred_at == datetime(2026, 3, 14, 18, 30, 0, 500000, tzinfo=UTC)
    assert got[3].occurred_at is None
    assert [d.key for d in got] == [f"chatgpt:c1:{n}" for n in "acxd"]
    notes = [record.note or "" for record in read(path)]
    assert "1 image_asset_pointer" in notes[0]
    assert notes[-1] == "left out: 1 on other branches, 1 reasoning"


@pytest.mark.parametrize("current", [None, "gone", ["d"]])
def test_without_a_current_node_a_leaf_serves(current: object, tmp_path: Path) -> None:
    path = as_json([{**TREE, "current_node": current}], tmp_path / "conversations.json")
    assert [d.text for d in drafts(path)][-1] == "March"


def test_broken_trees_are_reported_and_the_rest_is_read(tmp_path: Path) -> None:
    looped = tree(d=node("e", "user", "one"), e=node("d", "user", "two"))
    cut = tree(d=node("gone", "user", "kept"))
    nameless = {"mapping": {}}
    path = as_json([looped, cut, nameless, {"a": 1}, TREE], tmp_path / "conversations.json")
    found = [record.error or "" for record in errors(path, "chatgpt")]
    assert ["own ancestor" in found[0], "'gone' is missing" in found[1]] == [True, True]
    assert ["without an id" in found[2], "no conversation" in found[3]] == [True, True]
    assert [d.text for d in drafts(path, "chatgpt")][:3] == ["two", "one", "kept"]
    assert len(drafts(path, "chatgpt")) == 7
