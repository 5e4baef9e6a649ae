"""Over-long text to overlapping spans that end at sentences; nothing is silently cut.

    |-- piece --------------------|
                      |-- piece --------------------|
                      ^ starts at a sentence        ^ ends at the strongest break in reach:
                        within the overlap            paragraph > sentence > line > word > character

Invariants: every non-blank character is in a piece, no piece is over the limit, starts and stops
both increase. The pieces depend on the text, the limits and the counter alone; a change of the
rules raises `CHUNKER_VERSION`.
"""
# ruff: noqa: RUF001 - the punctuation of other scripts looks like ours

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from memory_core.errors import InvalidInput

CHUNKER_VERSION = 1

Count = Callable[[str], int]

_MARKERS = 8  # tokens a model may add to a text: [CLS], [SEP], a prompt's edges
_SLACK = 16  # a window is full enough when less than 1/16 of the limit is left: fewer counts
_RETRIES = 8
_LEAST = (0.5, 0.25, 0.25, 0.0)
"""How far into the window a paragraph, sentence, line or word must end to be taken: a far weaker
break beats a strong one that leaves the piece nearly empty."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A span of the text: `text[start:stop]`, in characters."""

    start: int
    """First character."""
    stop: int
    """One past the last character."""


def split(text: str, *, limit: int, overlap: int, count: Count) -> tuple[Piece, ...]:
    """Return the spans that cover a text, each of at most `limit` tokens, in order.

    A text within the limit is one piece, its outer blanks included; pieces of a longer one begin
    and end at visible characters. A text without visible characters and over the limit has none.

    Args:
        text: any text.
        limit: the most tokens of a piece, 1 or more.
        overlap: tokens of a piece's end that may begin the next one, 0 to half of the limit.
        count: gives the tokens of a text. An ASCII character makes at most one token, markers
            around the whole at most 8; short ASCII texts are not counted at all.

    Raises:
        InvalidInput: limits out of range, or one character alone is over the limit.

    Example:
        >>> words = lambda text: len(text.split())
        >>> text = "One two. Three four. Five six."
        >>> [text[p.start:p.stop] for p in split(text, limit=4, overlap=2, count=words)]
        ['One two. Three four.', 'Three four. Five six.']
    """
    if limit < 1 or not 0 <= overlap <= limit // 2:
        raise InvalidInput(
            f"limit {limit} with overlap {overlap}; use limit >= 1 and 0 <= overlap <= limit / 2"
        )
    # Only ASCII bounds tokens by characters: an emoji is up to 4 byte-level tokens.
    if (text.isascii() and len(text) + _MARKERS <= limit) or count(text) <= limit:
        return (Piece(0, len(text)),) if text else ()
    return tuple(_Splitter(text, limit, overlap, count).pieces())


class _Splitter:
    """One text being split: where it may break, and how many characters a token takes."""

    def __init__(self, text: str, limit: int, overlap: int, count: Count) -> None:
        self._text, self._limit, self._overlap, self._count = text, limit, overlap, count
        self._end = len(text.rstrip())
        self._breaks = _breaks(text)
        self._guess = 4 * limit  # characters; English has about four a token

    def pieces(self) -> list[Piece]:
        """Return all pieces in order."""
        found: list[Piece] = []
        start, done = self._visible(0), 0
        while start < self._end:
            piece = self._piece(start, done)
            found.append(piece)
            done = piece.stop
            start = self._next(piece) if done < self._end else self._end
        return found

    def _piece(self, start: int, done: int) -> Piece:
        """Return the piece that reaches beyond `done`, without the overlap if need be."""
        reach = self._reach(start)
        if reach <= done:
            start = self._visible(done)
            reach = self._reach(start)
        if reach == start:
            raise InvalidInput(
                f"character {self._text[start]!r} at {start} alone is over the limit of "
                f"{self._limit} tokens; raise the limit"
            )
        furthest = reach
        for _ in range(_RETRIES):  # a shorter text with more tokens: rare, but tokenizers do it
            stop = self._stop(start, max(start, done), furthest)
            if stop == reach or self._count(self._text[start:stop]) <= self._limit:
                return Piece(start, stop)
            furthest = stop - 1
            if furthest <= max(start, done):
                break
        return Piece(start, reach)

    def _reach(self, start: int) -> int:
        """Return about the furthest stop whose span fits, found by interpolation, then halving."""
        low, high, probe, tries = start, self._end + 1, min(start + self._guess, self._end), 0
        while high - low > 1:
            tokens = self._count(self._text[start:probe])
            if tokens <= self._limit:
                low = probe
                if probe == self._end or self._limit - tokens < self._limit // _SLACK:
                    break
            else:
                high = probe
            tries += 1
            per_token = (probe - start) / max(tokens, 1)
            aim = start + min(int(per_token * self._limit), 4 * (probe - start))
            probe = aim if tries < 5 and low < aim < high else (low + high) // 2
        if low < self._end:
            self._guess = max(low - start, 1)
        return low

    def _stop(self, start: int, done: int, reach: int) -> int:
        """Return where the piece ends: the last break of the strongest kind in reach."""
        if reach == self._end:
            return reach
        for offsets, least in zip(self._breaks, _LEAST, strict=True):
            place = bisect_right(offsets, self._visible(reach)) - 1
            if place >= 0:
                stop = self._trimmed(offsets[place], start)
                if stop > done and stop - done >= least * (reach - done):
                    return stop
        stop = self._trimmed(_whole(self._text, reach, done), start)
        return stop if stop > done else reach

    def _next(self, piece: Piece) -> int:
        """Return the next start: the first sentence, word or character within the overlap."""
        if not self._overlap:
            return self._visible(piece.stop)
        tail = self._tail(piece)
        _, sentences, _, words = self._breaks
        for offsets in (sentences, words):
            place = bisect_left(offsets, tail)
            if place < len(offsets) and offsets[place] < piece.stop:
                return offsets[place]
        return self._visible(_whole(self._text, tail, piece.start))

    def _tail(self, piece: Piece) -> int:
        """Return the earliest start after the piece's own whose rest is within the overlap."""
        low, high = piece.start, piece.stop
        # A share of the limit takes about that share of the characters: start close.
        probe = high - max(1, (high - low) * self._overlap // self._limit)
        while high - low > 1:
            if low < probe < high and self._count(self._text[probe : piece.stop]) > self._overlap:
                low = probe
            elif low < probe < high:
                high = probe
            probe = (low + high) // 2
        return high

    def _visible(self, start: int) -> int:
        while start < self._end and self._text[start].isspace():
            start += 1
        return start

    def _trimmed(self, stop: int, start: int) -> int:
        while stop > start and self._text[stop - 1].isspace():
            stop -= 1
        return stop


_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")
_LINE = re.compile(r"\n\s*")
_WORD = re.compile(r"\s+|[，、；：]\s*")  # CJK commas stand between words without blanks
_CLOSERS = "\"'”’»)\\]」』）】》〉"
_SENTENCE = re.compile(
    rf"(?<![.!?…])(?P<stop>[.!?…]++)[{_CLOSERS}]*+\s++"
    rf"|(?:[。！？｡।॥؟۔።։។။]|…{{2,}})[。！？｡…]*+[{_CLOSERS}]*+\s*+"  # these need no blank
)
_LAST_WORD = re.compile(r"(?:^|(?<=[\s(\"'“‘]))[^\s(\"'“‘]*$")
# Those that a capital or a number follows inside a sentence; "etc." often ends one.
_ABBREVIATED = """
approx ave blvd ca capt cf col dept dr e.g ed eds est fig figs gen hon i.e jr lt mr mrs ms mt no
nos pp prof rev sgt sr st vol vs jan feb mar apr jun jul aug sep sept oct nov dec
"""
_ABBREVIATIONS = frozenset(_ABBREVIATED.split())
_LOOK_BACK = 24  # characters: longer than any abbreviation or list number


def _breaks(text: str) -> tuple[list[int], list[int], list[int], list[int]]:
    """Return where paragraphs, sentences, lines and words begin; each includes the stronger."""
    paragraphs = [found.end() for found in _PARAGRAPH.finditer(text)]
    sentences = [found.end() for found in _SENTENCE.finditer(text) if _ends(text, found)]
    lines = [found.end() for found in _LINE.finditer(text)]
    words = [found.end() for found in _WORD.finditer(text)]
    sentences = sorted({*paragraphs, *sentences})
    lines = sorted({*sentences, *lines})
    return paragraphs, sentences, lines, sorted({*lines, *words})


def _ends(text: str, found: re.Match[str]) -> bool:
    """Return whether the stop ends a sentence, not an abbreviation, a quote or a list number."""
    if found["stop"] is None:
        return True
    if text[found.end() : found.end() + 1].islower():
        return False
    if found["stop"] != ".":
        return True
    before = text[max(0, found.start() - _LOOK_BACK) : found.start()]
    last = _LAST_WORD.search(before)
    word = last[0] if last else ""
    initial = len(word) == 1 and word.isupper() and word != "I"
    line = before.rpartition("\n")[2]
    begins = len(line) < _LOOK_BACK  # the line's beginning is in sight
    numbered = begins and word.isdigit() and line.strip() == word  # "3. Third item"
    return not (initial or numbered or word.casefold() in _ABBREVIATIONS)


def _whole(text: str, at: int, floor: int) -> int:
    """Return `at`, or a little earlier where it would part a character from its marks."""
    for place in range(at, max(floor, at - 16), -1):
        if place >= len(text) or not (_is_mark(text[place]) or text[place - 1] == "\u200d"):
            return place
    return at


def _is_mark(char: str) -> bool:
    joins = char in "\u200d\ufe0f" or "\U0001f3fb" <= char <= "\U0001f3ff"  # ZWJ, VS16, skin
    return joins or unicodedata.category(char) in ("Mn", "Mc", "Me")
