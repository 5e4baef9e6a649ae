"""Whatever a file holds, a reader gives records or `InvalidInput`, and its keys are unique."""

import gzip
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory_core.errors import InvalidInput
from memory_core.interchange import FORMATS, detect, read
from memory_core.interchange.base import Place, key_of

WORDS = [
    "format", "memory-core", "version", "text", "metadata", "key", "id", "links", "at", "messages",
    "role", "user", "assistant", "tool", "content", "parts", "type", "tool_result", "tool_calls",
    "function", "name", "arguments", "timestamp", "mapping", "message", "author", "parent",
    "current_node", "content_type", "sessionId", "uuid", "isMeta", "sample_id", "conversation",
    "session_1", "session_1_date_time", "dia_id", "speaker", "blip_caption", "qa", "question_id",
    "haystack_sessions", "haystack_dates", "occurred_at", "2026-03-14T18:30:00Z", "\ud800", ":",
]  # fmt: skip

_leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(WORDS),
    st.text(max_size=3),
)
_values = st.recursive(
    _leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=6)
    ),
    max_leaves=25,
)
_messages = st.dictionaries(
    st.sampled_from(["role", "content", "tool_calls", "timestamp", "name", "id"]), _values
).map(lambda message: {"role": "user", "content": "x", **message})
_nodes = st.dictionaries(
    st.sampled_from("abc"),
    st.fixed_dictionaries(
        {
            "parent": st.sampled_from("abcd") | _leaves,
            "message": st.fixed_dictionaries(
                {"author": _values, "content": _values, "create_time": _leaves}
            ),
        }
    ),
)
_shaped = st.one_of(
    _values,
    _messages,
    st.fixed_dictionaries({"messages": st.lists(_messages | _values, max_size=3), "id": _leaves}),
    st.fixed_dictionaries({"mapping": _nodes, "id": st.just("c"), "current_node": _values}),
    st.fixed_dictionaries({"type": st.just("user"), "message": _messages, "uuid": _leaves}),
    st.fixed_dictionaries(
        {
            "sample_id": _leaves,
            "conversation": st.fixed_dictionaries(
                {"session_1": st.lists(_values, max_size=2), "session_1_date_time": _leaves}
            ),
        }
    ),
    st.fixed_dictionaries(
        {
            "question_id": st.text(max_size=3),
            "haystack_sessions": _values,
            "haystack_dates": _values,
        }
    ),
)


def test_ids_that_cannot_be_printed_are_escaped_in_reports() -> None:
    place = Place("\ud800/x", "\ud800").within("\udfff")
    assert (place.position, place.conversation) == ("\\ud800/x/\\udfff", "\\ud800")


def test_keys_of_different_turns_differ_whatever_the_ids_hold() -> None:
    ids = [("a", "b:c"), ("a:b", "c"), ("a%3Ab", "c"), ("a" * 300, "c"), ("a" * 300, "d"), ("", "")]
    assert len({key_of("f", *pair) for pair in ids}) == len(ids)


@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=120, deadline=None)
@given(st.lists(_shaped, max_size=4))
def test_any_json_gives_records_or_a_typed_error(form: str, values: list[object]) -> None:
    header = [{"format": "memory-core", "version": 1}] if form == "memory-core" else []
    with TemporaryDirectory() as folder:
        path = Path(folder) / "f.jsonl"
        path.write_text("\n".join(json.dumps(v) for v in header + values), encoding="utf-8")
        for record in read(path, form):
            assert record.draft or record.error or record.note
            assert not (record.draft and record.error)
            for said in (record.position, record.error, record.note, record.conversation):
                (said or "").encode()  # a report can be printed
            assert record.draft is None or record.draft.key


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=80), st.data())
def test_any_damage_gives_records_or_a_typed_error(
    pack: type[bytes], junk: bytes, data: st.DataObject
) -> None:
    turns = [{"role": "user", "content": f"turn {n} é"} for n in range(5)]
    whole = pack(json.dumps(turns, indent=data.draw(st.sampled_from([None, 1]))).encode())
    cut = data.draw(st.integers(0, len(whole)))
    with TemporaryDirectory() as folder:
        path = Path(folder) / data.draw(st.sampled_from(["f.json", "f.jsonl", "f"]))
        path.write_bytes(whole[:cut] + junk)
        try:
            list(read(path, detect(path)))
        except InvalidInput as error:
            assert path.name in str(error)


def test_a_content_type_that_is_no_text_is_no_untyped_error(tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    message = {"author": {"role": "user"}, "content": {"content_type": [], "parts": ["hello"]}}
    chat = {"id": "c", "mapping": {"a": {"parent": None, "message": message}}}
    path.write_text(json.dumps([chat]))
    assert all(r.draft or r.error or r.note for r in read(path, "chatgpt"))
