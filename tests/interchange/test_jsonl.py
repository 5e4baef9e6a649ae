"""memory-core's own format: what goes out comes back, and bad lines stay alone."""

import io
import json
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory_core.errors import InvalidInput
from memory_core.interchange import Record, read, write_jsonl
from memory_core.types import Draft, Link, Memory, State, Trust
from tests.interchange.files import as_lines, drafts, errors, packed

HEADER = {"format": "memory-core", "version": 1}
NOW = datetime(2026, 3, 14, 18, 30, tzinfo=UTC)
DOCS = Path(__file__).parents[2] / "docs" / "formats.md"

_texts = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]), st.sampled_from('\r\n\u2028\u0085\ufeff\x00\\"')
    ),
    min_size=1,
    max_size=40,
).filter(lambda text: text.strip().strip("\x00") != "")
_names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(
    lambda name: name.strip() != ""
)
_times = st.datetimes(
    min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1), timezones=st.just(UTC)
)
_integers = st.integers(-(2**63) + 1, 2**63 - 1)
_floats = st.floats(allow_nan=False, allow_infinity=False)
_strings = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_scalars = st.one_of(_strings, _integers, _floats, st.booleans())
_lists = st.one_of(
    *(st.lists(s, max_size=3) for s in (_strings, _integers, _floats, st.booleans()))
)


@st.composite
def memories(draw: st.DrawFn) -> Memory:
    optional = st.none() | _names
    valid_from, valid_to = draw(st.none() | _times), draw(st.none() | _times)
    if valid_from and valid_to and valid_from >= valid_to:
        valid_to = None
    return Memory(
        id=draw(st.from_regex("[0-9a-f]{16}", fullmatch=True)),
        version=draw(st.integers(1, 2**40)),
        text=draw(_texts),
        kind=draw(st.sampled_from(["episodic", "semantic", "procedural"])),
        role=draw(optional),
        speaker=draw(optional),
        session=draw(optional),
        source=draw(st.sampled_from(["user", "assistant", "tool", "document", "derived"])),
        trust=draw(st.sampled_from(Trust)),
        state=draw(st.sampled_from(State)),
        occurred_at=draw(_times),
        stored_at=draw(_times),
        valid_from=valid_from,
        valid_to=valid_to,
        importance=draw(st.floats(0, 1)),
        reinforced=draw(st.integers(0, 1000)),
        subject=draw(optional),
        attribute=draw(optional),
        metadata=draw(st.dictionaries(_names, _scalars | _lists, max_size=4)),
        key=draw(optional),
    )


@settings(max_examples=150, deadline=None)
@given(st.lists(memories(), min_size=1, max_size=3, unique_by=lambda m: m.id))
def test_every_field_of_a_memory_comes_back(written: list[Memory]) -> None:
    links = [Link(source=written[0].id, target=written[-1].id, relation="has “é”", at=NOW)]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "export.jsonl"
        with path.open("w", encoding="utf-8", newline="\r\n") as stream:
            assert write_jsonl(written, links, stream).links == 1
        records = list(read(path))
    assert [record.error for record in records] == [None] * len(written)
    for memory, record in zip(written, records, strict=True):
        _assert_same(memory, record)
    origin = records[0].origin
    assert origin is not None
    assert [(link.target, link.relation, link.at) for link in origin.links] == [
        (written[-1].id, "has “é”", NOW)
    ]


def _assert_same(memory: Memory, record: Record) -> None:
    assert record.draft is not None
    assert record.origin is not None
    for name in set(Draft.model_fields) - {"key", "image", "audio"}:
        kept, was = getattr(record.draft, name), getattr(memory, name)
        assert kept == was, name
    kept_metadata, was_metadata = record.draft.metadata, memory.metadata
    assert repr(kept_metadata) == repr(was_metadata)  # 1 is not 1.0 and not True
    assert record.draft.key == (memory.key or f"memory-core:{memory.id}")
    for name in ("id", "version", "stored_at", "state", "trust", "reinforced"):
        assert getattr(record.origin, name) == getattr(memory, name), name


def test_links_of_memories_not_exported_are_returned_not_lost() -> None:
    stray = Link(source="a" * 16, target="b" * 16, relation="follows", at=NOW)
    written = write_jsonl([], [stray], io.StringIO())
    assert (written.memories, written.links, written.left_out) == (0, 0, (stray,))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"text": "cut of', "malformed or cut off"),
        ('{"text": "a", "mood": "good"}', "unknown fields 'mood'"),
        ('{"speaker": "Ana"}', "no field 'text'"),
        ("[1]", "list"),
        ('{"text": "a", "occurred_at": "yesterday"}', "occurred_at"),
        ('{"text": "a", "importance": 7}', "importance"),
        ('{"text": "\\ud800"}', "surrogate"),
        ('{"text": "a", "metadata": {"x": NaN}}', "metadata"),
        ('{"text": "a", "metadata": {"x": ' + "9" * 5000 + "}}", "unusable"),
        ('{"text": "a", "reinforced": -1}', "reinforced"),
        ('{"text": "a", "links": [{"to": "b"}]}', "links"),
        ('{"text": "a", "occurred_at": "0001-01-01T00:00:00+05:00"}', "years"),
        ("[" * 100_000, "JSON"),
    ],
)
def test_a_bad_line_is_reported_with_its_number_and_stops_nothing(
    line: str, says: str, tmp_path: Path
) -> None:
    path = as_lines([HEADER, {"text": "before"}, line, {"text": "after"}], tmp_path / "m.jsonl")
    assert [draft.text for draft in drafts(path)] == ["before", "after"]
    (bad,) = errors(path)
    assert bad.position == "m.jsonl:3"
    assert bad.error is not None
    assert says in bad.error
    assert "m.jsonl:3" in bad.error


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ({"text": "no header"}, "no header"),
        ({**HEADER, "version": 2}, "version 2"),
        ({**HEADER, "version": True}, "version True"),
        ({**HEADER, "owner": "x"}, "'owner'"),
        ("{", "m.jsonl:1"),
    ],
)
def test_a_file_without_a_usable_header_is_refused(
    header: object, says: str, tmp_path: Path
) -> None:
    path = as_lines([header, {"text": "a"}], tmp_path / "m.jsonl")
    with pytest.raises(InvalidInput, match=re.escape(says)):
        list(read(path, "memory-core"))


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="empty"):
        list(read(as_lines([], tmp_path / "m.jsonl"), "memory-core"))


def test_lines_without_id_get_keys_that_stay_when_the_file_grows(tmp_path: Path) -> None:
    same = {"text": "said twice"}
    first = drafts(as_lines([HEADER, same, same], tmp_path / "m.jsonl"))
    later = drafts(as_lines([HEADER, same, same, {"text": "new"}], tmp_path / "m.jsonl"))
    assert len({draft.key for draft in later}) == 3
    assert [draft.key for draft in first] == [draft.key for draft in later[:2]]


def test_a_missing_event_time_is_left_open_and_said(tmp_path: Path) -> None:
    (record,) = read(as_lines([HEADER, {"text": "a"}], tmp_path / "m.jsonl"))
    assert record.draft is not None
    assert record.draft.occurred_at is None
    assert record.note is not None
    assert "no event time" in record.note


def test_an_offset_is_kept_as_the_same_moment(tmp_path: Path) -> None:
    at = datetime(2026, 3, 14, 20, 30, tzinfo=timezone(timedelta(hours=2)))
    path = as_lines([HEADER, {"text": "a", "occurred_at": at.isoformat()}], tmp_path / "m.jsonl")
    assert drafts(packed(path))[0].occurred_at == NOW


def test_the_documented_example_is_read_whole(tmp_path: Path) -> None:
    blocks = re.findall(r"```json\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    (example,) = [block for block in blocks if '"format": "memory-core"' in block]
    path = tmp_path / "example.jsonl"
    path.write_text(example, encoding="utf-8")
    records = list(read(path))
    assert len(records) == 2
    assert not [record.error for record in records if record.error]
    fields = {name for line in example.splitlines()[1:] for name in json.loads(line)}
    assert fields == {*Memory.model_fields, "links"}


def test_every_field_is_documented() -> None:
    page = DOCS.read_text(encoding="utf-8")
    assert not [name for name in (*Memory.model_fields, "links") if f"| `{name}` |" not in page]
