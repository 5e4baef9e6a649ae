r"""Keeps what was injected from being stored again: otherwise a memory feeds on itself.

Every injected text leaves fingerprints: the words of each of its sentences, and every five words in
a row. What is about to be stored is compared word by word, so case, spacing and punctuation do not
hide a repeat:

    run of repeated words          in a reply or tool result     in the user's words
    a whole injected sentence      taken out                     taken out
    eight words or more            taken out                     kept and linked
    five to seven words            kept and linked               kept and linked

A user who corrects "the flight from Lisbon leaves at 9:40" repeats most of it; only whole sentences
are taken from the user, so the correction stays readable. Where something was taken out stands
"[…]", and the memory it came from is named: nothing is lost. Blocks and record lines of our own
format are removed whole.
"""

import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from memory_core.terms import terms

SHINGLE = 5  # words; shorter runs are common phrases of any two texts
PARTIAL = 8  # words; so many in a row are a quotation even inside another sentence
SHORTEST = 3  # words of a sentence that may be taken out of a longer text
KEPT = 4_096  # injected texts whose fingerprints are remembered, the latest
GAP = "[…]"
FRAMING = frozenset(
    terms("sure yes ok okay well here recall remember remind told said say mention note know known")
    + terms("found memory memories answer according earlier before last time today again also")
)
"""Words that only lead to a quotation."""

_WORD = re.compile(
    "[\u0e01-\u0eff\u1000-\u109f\u1780-\u17d3\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]"
    r"|[^\W_]+(?:[.:,'’][^\W_]+)*"
)  # one word, number or time; in scripts without blanks, one character
_SENTENCE = re.compile(r"[.!?]+[\"')\]]*\s|[\u3002\uff01\uff1f]|\n")
_RECORD = re.compile(
    r'^[ \t]*\{"id":"[0-9a-f]{16}","time":"\d{4}-[^"]*"[^\n]*,"(?:text|lines)":"[^\n]*\}[ \t]*\n?',
    re.MULTILINE,
)
_BLOCK = re.compile(r"<memory-([0-9a-f]{16})>.*?</memory-\1>\n*", re.DOTALL)
_NUMBER = re.compile(r"\d")

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fresh:
    """What is new in a text."""

    text: str
    """The text without what was injected, "[…]" in its place; blank if nothing else was said."""
    quotes: tuple[str, ...]
    """Ids of the memories that it repeats, whole or in part."""


class EchoGuard:
    """Remembers what was injected, and finds it again in what is about to be stored.

    Example:
        >>> guard = EchoGuard()
        >>> guard.remember("0123456789abcdef", "The gate code is 4471. Ask Rui for the key.")
        >>> guard.fresh("Sure: the gate code is 4471. It changes in May!", strict=True)
        Fresh(text='Sure: […]. It changes in May!', quotes=('0123456789abcdef',))
    """

    def __init__(self) -> None:
        self._known: OrderedDict[str, str] = OrderedDict()
        self._shingles: dict[Words, str] = {}
        self._sentences: dict[Words, str] = {}
        self._lengths: dict[Words, set[int]] = {}  # of the sentences that begin with these words

    def __len__(self) -> int:
        return len(self._known)

    def remember(self, id: str, text: str) -> None:
        """Take the fingerprints of an injected text."""
        if self._known.get(id) == text:
            return
        self._known[id] = text
        if len(self._known) > KEPT:
            self._known.popitem(last=False)
            self._rebuild()
        else:
            self._add(id, text)

    def clear(self) -> None:
        """Forget all fingerprints: what was injected may be said again."""
        self._known.clear()
        self._rebuild()

    def fresh(self, text: str, *, strict: bool) -> Fresh:
        """Return what of a text was not injected.

        Args:
            text: what is about to be stored.
            strict: whether long partial quotations are taken out too: for replies and tool
                results, not for the user's own words.
        """
        bare = _RECORD.sub("", _BLOCK.sub("", text))
        found = list(_WORD.finditer(bare))
        runs = self._runs(tuple(word[0].casefold() for word in found))
        quotes = tuple(dict.fromkeys(run.id for run in runs))
        taken = [run for run in runs if run.takes(len(found), strict=strict)]
        if not taken:
            return Fresh(bare if bare == text or _says(bare) else "", quotes)
        pieces: list[str] = []
        at = 0
        for run in taken:
            pieces.append(bare[at : found[run.start].start()])
            at = found[run.stop - 1].end()
        rest = GAP.join([*pieces, bare[at:]])
        return Fresh(rest if _says(rest) else "", quotes)

    def _runs(self, words: Words) -> list["_Run"]:
        """Return the repeated runs in order, without overlap; whole sentences win."""
        if not self._known:
            return []
        runs: list[_Run] = []
        at = 0
        while at < len(words):
            run = self._sentence_at(words, at) or self._partial_at(words, at)
            if run is None:
                at += 1
                continue
            runs.append(run)
            at = run.stop
        return runs

    def _sentence_at(self, words: Words, at: int) -> "_Run | None":
        for length in sorted(self._lengths.get(words[at : at + 2], ()), reverse=True):
            if at + length > len(words):  # the slice would be a shorter sentence
                continue
            if (id := self._sentences.get(words[at : at + length])) is not None:
                return _Run(at, at + length, id, whole=True)
        return None

    def _partial_at(self, words: Words, at: int) -> "_Run | None":
        id = self._shingles.get(words[at : at + SHINGLE])
        if id is None:
            return None
        stop = at + SHINGLE
        while stop < len(words) and words[stop - SHINGLE + 1 : stop + 1] in self._shingles:
            stop += 1
        return _Run(at, stop, id, whole=False)

    def _add(self, id: str, text: str) -> None:
        sentences = [_words(part) for part in _SENTENCE.split(text)]
        for words in (_words(text), *sentences):
            if words:
                self._sentences[words] = id
                self._lengths.setdefault(words[:2], set()).add(len(words))
        whole = _words(text)
        for at in range(len(whole) - SHINGLE + 1):
            self._shingles[whole[at : at + SHINGLE]] = id

    def _rebuild(self) -> None:
        self._shingles.clear()
        self._sentences.clear()
        self._lengths.clear()
        for id, text in self._known.items():
            self._add(id, text)


@dataclass(frozen=True, slots=True)
class _Run:
    start: int
    stop: int
    id: str
    whole: bool

    def takes(self, words_in: int, *, strict: bool) -> bool:
        """Tell whether the run is taken out of a text with that many words."""
        length = self.stop - self.start
        if self.whole:
            return length >= SHORTEST or length == words_in
        return strict and length >= PARTIAL


def _says(rest: str) -> bool:
    """Tell whether what is left after taking out says anything beyond "as I recall"."""
    return bool(_NUMBER.search(rest)) or not FRAMING.issuperset(terms(rest))


def normalised(text: str) -> str:
    """Return a text's words, one blank around each: what is compared when texts are."""
    return f" {' '.join(_words(text))} "


def said_in(text: str, conversation: Iterable[str]) -> bool:
    """Tell whether a text was said word for word in normalised texts."""
    wanted = normalised(text)
    return any(wanted in said for said in conversation)


def quoting(fields: Mapping[str, object], quotes: tuple[str, ...]) -> dict[str, object]:
    """Return a draft's fields with the ids that its text repeats, in metadata `quotes`."""
    return {**fields, "metadata": {"quotes": list(quotes)}} if quotes else dict(fields)


def _words(text: str) -> Words:
    return tuple(word.casefold() for word in _WORD.findall(text))
