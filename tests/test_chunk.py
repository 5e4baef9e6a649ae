import doctest
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import memory_core.chunk
from memory_core.chunk import Piece, split
from memory_core.errors import InvalidInput
from memory_core.tokens import TokenCounter

tokens = TokenCounter().count
tokens("")  # loads the ranks, before any deadline runs


def octets(text):
    return len(text.encode())


def words(text):
    return len(text.split())


prose = st.lists(
    st.sampled_from(
        ["Ana", "moved.", "to", "Lisbon!", "Dr.", "\n", "\n\n", " ", "词语。", "😀", "x" * 30]
    )
    | st.text(max_size=8),
    max_size=40,
).map(" ".join)
texts = st.text(max_size=200) | prose | st.text("a .\n", max_size=200)


def pieces_of(text, **given):
    return [text[piece.start : piece.stop] for piece in split(text, **given)]


@pytest.mark.parametrize("count", [octets, len, words, tokens])
@given(text=texts, limit=st.integers(5, 60), data=st.data())
def test_pieces_cover_the_text_within_the_limit_in_order(count, text, limit, data):
    overlap = data.draw(st.integers(0, limit // 2))
    pieces = split(text, limit=limit, overlap=overlap, count=count)
    covered = set()
    for piece in pieces:
        assert 0 <= piece.start < piece.stop <= len(text)
        assert count(text[piece.start : piece.stop]) <= limit
        covered.update(range(piece.start, piece.stop))
    assert all(char.isspace() for at, char in enumerate(text) if at not in covered)
    for one, two in pairwise(pieces):
        assert one.start < two.start and one.stop < two.stop
    assert pieces == split(text, limit=limit, overlap=overlap, count=count)


@given(text=texts, limit=st.integers(5, 40))
def test_without_overlap_no_character_is_twice(text, limit):
    pieces = split(text, limit=limit, overlap=0, count=octets)
    assert all(a.stop <= b.start for a, b in pairwise(pieces))


@given(text=texts, limit=st.integers(8, 40), data=st.data())
def test_the_overlap_stays_in_its_bounds(text, limit, data):
    overlap = data.draw(st.integers(1, limit // 2))
    pieces = split(text, limit=limit, overlap=overlap, count=words)
    for one, two in pairwise(pieces):
        assert words(text[two.start : one.stop]) <= overlap


def uncountable(text):
    raise AssertionError(f"counted {text!r}")


def test_a_short_ascii_text_is_one_piece_and_never_counted():
    assert split("  Hi.\n", limit=15, overlap=3, count=uncountable) == (Piece(0, 6),)
    assert split("", limit=15, overlap=3, count=uncountable) == ()


def test_few_characters_of_many_tokens_are_counted():
    text = "🦩" * 10  # 3 tokens each
    assert tokens(text) == 30
    pieces = split(text, limit=20, overlap=0, count=tokens)
    assert [tokens(text[p.start : p.stop]) for p in pieces] == [18, 12]


def test_pieces_end_at_sentences_and_overlap_by_sentences():
    text = "One two three. Four five six! Seven eight nine? Ten eleven."
    assert pieces_of(text, limit=7, overlap=3, count=words) == [
        "One two three. Four five six!",
        "Four five six! Seven eight nine?",
        "Seven eight nine? Ten eleven.",
    ]


def test_a_paragraph_beats_a_later_sentence():
    text = "One two three four.\n\nFive six. Seven eight nine ten."
    assert pieces_of(text, limit=7, overlap=0, count=words)[0] == "One two three four."


def test_a_line_beats_a_word_and_a_word_beats_a_character():
    assert pieces_of("one two\nthree four five", limit=3, overlap=0, count=words) == [
        "one two",
        "three four five",
    ]
    assert pieces_of("alpha beta gamma", limit=11, overlap=0, count=len) == ["alpha beta", "gamma"]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Dr. Smith met J. R. Tolkien. They ate.", ["Dr. Smith met J. R. Tolkien.", "They ate."]),
        ("It cost 3.50 euros. Cheap!", ["It cost 3.50 euros.", "Cheap!"]),
        ("“Really?” he asked. “Yes.” She left.", ["“Really?” he asked.", "“Yes.”", "She left."]),
        ("Well... maybe not. Who knows…", ["Well... maybe not.", "Who knows…"]),
        ("I waited… Nobody came.", ["I waited…", "Nobody came."]),
        ("Use e.g. Chroma. Or i.e. this.", ["Use e.g. Chroma.", "Or i.e. this."]),
        ("Buy this:\n1. Milk and eggs.", ["Buy this:\n1. Milk and eggs."]),
        ("So did I. You too.", ["So did I.", "You too."]),
        (
            "我搬到了里斯本。真的吗？是的！好……走吧",
            ["我搬到了里斯本。", "真的吗？", "是的！", "好……", "走吧"],
        ),
        ("「行こう。」と言った。", ["「行こう。」", "と言った。"]),
        ("यह अच्छा है। वह गया।", ["यह अच्छा है।", "वह गया।"]),
    ],
)
def test_sentences(text, sentences):
    _, starts, _, _ = memory_core.chunk._breaks(text)
    edges = sorted({0, *starts, len(text)})
    found = [text[a:b].strip() for a, b in pairwise(edges)]
    assert found == sentences


def test_a_word_longer_than_the_limit_is_split_and_still_whole():
    text = "before " + "x" * 10_000 + " after"
    pieces = split(text, limit=256, overlap=32, count=len)
    assert all(piece.stop - piece.start <= 256 for piece in pieces)
    rebuilt, done = "", 0
    for piece in pieces:
        rebuilt += text[max(done, piece.start) : piece.stop]
        done = piece.stop
    assert rebuilt.replace(" ", "") == text.replace(" ", "")
    assert 10_000 // 256 <= len(pieces) <= 10_000 // (256 - 32) + 4


def test_a_hard_split_keeps_marks_with_their_characters():
    text = "e\u0301" * 50
    pieces = split(text, limit=15, overlap=4, count=len)
    assert all(text[piece.start] == "e" for piece in pieces)


def test_a_character_over_the_limit_is_refused_by_name():
    with pytest.raises(InvalidInput, match="'🦩' at 1 alone is over the limit of 2"):
        split("a🦩", limit=2, overlap=0, count=tokens)


@pytest.mark.parametrize(("limit", "overlap"), [(0, 0), (10, 6), (10, -1)])
def test_limits_out_of_range_are_refused(limit, overlap):
    with pytest.raises(InvalidInput, match="overlap <= limit / 2"):
        split("text", limit=limit, overlap=overlap, count=len)


def test_a_counter_that_shrinks_with_the_text_is_still_obeyed():
    def odd(text):  # text that ends in a stop costs more
        return len(text) + 6 * text.endswith(".")

    text = "aaaa. bbbb. " * 20
    assert all(odd(piece) <= 20 for piece in pieces_of(text, limit=20, overlap=5, count=odd))


SIZE = 200_000


@pytest.mark.parametrize(
    "unit",
    [
        "Ana moved to Lisbon in March. ",
        "x",
        "!",
        ".",
        " .",
        "\n",
        "\n \n",
        "…",
        "词",
        "词。",
        ") ",
        "a  ",
        "1. ",
        "A.) ",
    ],
)
def test_the_work_is_linear_in_the_text(unit):
    text = "a" + (unit * SIZE)[:SIZE] + "b"
    seen = 0

    def metered(part):
        nonlocal seen
        seen += len(part)
        return len(part)

    began = time.process_time()
    split(text, limit=256, overlap=32, count=metered)
    assert seen < 12 * SIZE
    assert time.process_time() - began < 5  # quadratic patterns take minutes


def test_docstring_examples_hold():
    assert doctest.testmod(memory_core.chunk).failed == 0
