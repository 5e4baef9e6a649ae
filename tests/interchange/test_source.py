"""Files as they come: packed, marked, cut off, huge, or not what they claim."""

import gzip
import io
import json
from pathlib import Path

import pytest

from memory_core.errors import InvalidInput
from memory_core.interchange import FORMATS, detect, elements, read, source
from memory_core.interchange.elements import list_elements
from memory_core.interchange.source import items
from tests.interchange.files import as_json, as_lines, drafts, packed

TURN = {"role": "user", "content": "Ana moved to Lisbon"}


def test_gzip_mark_and_crlf_are_taken_off(tmp_path: Path) -> None:
    path = tmp_path / "chat.jsonl"
    line = json.dumps(TURN).encode()
    path.write_bytes(b"\xef\xbb\xbf" + line + b"\r\n\r\n" + line + b"\r\n")
    for given in (path, packed(path)):
        assert [item.position.rpartition(":")[2] for item in items(given)] == ["1", "3"]
        assert [item.value for item in items(given)] == [TURN, TURN]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("name", ["chat.json", "chat", "chat.txt"])
def test_a_list_is_read_alike_however_it_is_laid_out(
    name: str, indent: int | None, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(json.dumps([TURN, TURN], indent=indent), encoding="utf-8")
    assert [item.value for item in items(path)] == [TURN, TURN]


def test_lines_are_known_without_the_name_even_when_the_first_is_broken(tmp_path: Path) -> None:
    path = as_lines(["{broken", TURN, TURN], tmp_path / "chat.txt")
    assert [item.error is None for item in items(path)] == [False, True, True]


def test_lines_of_lists_are_lines(tmp_path: Path) -> None:
    path = as_lines([[TURN], [TURN]], tmp_path / "chat.txt")
    assert [item.value for item in items(path)] == [[TURN], [TURN]]


def test_a_cut_gzip_gives_its_lines_then_a_typed_error_with_the_byte(tmp_path: Path) -> None:
    path = packed(as_lines([{**TURN, "n": n} for n in range(20_000)], tmp_path / "chat.jsonl"))
    path.write_bytes(path.read_bytes()[:-2000])
    got = []
    with pytest.raises(InvalidInput, match=r"chat\.jsonl\.gz: gzip .* byte [\d,]+"):
        got.extend(read(path, "openai_chat"))
    assert len(got) > 1000


def test_a_damaged_gzip_is_a_typed_error(tmp_path: Path) -> None:
    path = tmp_path / "chat.jsonl.gz"
    path.write_bytes(gzip.compress(b"{}" * 5000)[:20] + b"\xff" * 50)
    with pytest.raises(InvalidInput, match="gzip"):
        list(items(path))


def test_a_cut_list_gives_its_elements_then_a_typed_error_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "chat.json"
    path.write_text(json.dumps([TURN, TURN], indent=1)[:-20], encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"chat\.json: cut off .* line \d+, byte \d+"):
        list(items(path))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'[{"a": 1} {"b": 2}]', "expected ']', found '{' at line 1, byte 10"),
        (b'[1,\n2,\n{"a" 1}, 2]' + b" " * 50, "malformed JSON .* line 3, byte 12"),
        (b"[1, 2", "found 'the end of the file'"),
        (b"[1, ", "cut off"),
        (b"[1] [2]", "more text"),
        (b'["\xff"]', "not UTF-8"),
        (b"[" * 100_000, "nested too deeply|cut off"),
        (b"{}", r"expected '\['"),
        (b"[" + b"9" * 5000 + b"]", "digits"),
    ],
)
def test_a_bad_list_names_the_place(data: bytes, says: str) -> None:
    with pytest.raises(InvalidInput, match=f"f.json: .*({says})"):
        list(list_elements(io.BytesIO(data), "f.json"))


@pytest.mark.parametrize("chunk", [1, 2, 3, 7])
def test_elements_do_not_depend_on_where_the_chunks_end(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = [12345, -1.5e-7, True, None, 'q"\\é\u2028😀', {"a": [1, {"b": "]"}]}, [], 7]
    monkeypatch.setattr(elements, "_CHUNK_BYTES", chunk)
    for text in (json.dumps(values), json.dumps(values, indent=3, ensure_ascii=False)):
        stream = io.BytesIO(b"\xef\xbb\xbf" + text.encode())
        assert list(list_elements(stream, "f.json")) == values


def test_an_overlong_line_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAX_LINE_BYTES", 100)
    monkeypatch.setattr(source, "_HEAD_BYTES", 64)
    long = {"role": "user", "content": "x" * 500}
    path = as_lines([TURN, long, TURN], tmp_path / "chat.jsonl")
    found = list(items(path))
    assert [item.error is None for item in found] == [True, False, True]
    assert found[1].position == "chat.jsonl:2"


def test_bytes_that_are_not_utf8_are_one_error(tmp_path: Path) -> None:
    path = tmp_path / "chat.jsonl"
    path.write_bytes(b'{"role": "user", "content": "\xff"}\n' + json.dumps(TURN).encode())
    assert [item.error is None for item in items(path)] == [False, True]


def test_utf16_is_refused_with_advice(tmp_path: Path) -> None:
    path = tmp_path / "chat.json"
    path.write_bytes(json.dumps([TURN]).encode("utf-16"))
    with pytest.raises(InvalidInput, match="convert the file to UTF-8"):
        detect(path)


def test_a_missing_file_and_a_folder_are_typed_errors(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.json", tmp_path):
        with pytest.raises(InvalidInput, match="check the path"):
            detect(path)


@pytest.mark.parametrize("content", ["", "hello there\nhow are you", "[]", '{"a": 1}', "[1, 2]"])
def test_an_unknown_file_is_refused_naming_the_candidates(content: str, tmp_path: Path) -> None:
    path = tmp_path / "what.txt"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InvalidInput) as caught:
        detect(path)
    assert all(name in str(caught.value) for name in FORMATS)


def test_a_file_of_two_formats_is_refused_naming_both(tmp_path: Path) -> None:
    both = {"messages": [TURN], "mapping": {}}
    with pytest.raises(InvalidInput, match="openai_chat or chatgpt"):
        detect(as_json(both, tmp_path / "both.json"))


def test_an_unknown_format_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="use one of"):
        read(as_json([TURN], tmp_path / "chat.json"), "word")


def test_reading_twice_gives_equal_drafts(tmp_path: Path) -> None:
    path = as_json([TURN, TURN], tmp_path / "chat.json")
    assert drafts(path) == drafts(path)
