"""Text to lexical terms: what BM25 counts, versioned so that a change rebuilds the postings.

    NFKC, casefold -> words | numbers | runs without blanks | emoji -> stop words out -> stems

- Compounds are kept whole and in parts ("node.js", "snake_case"), and joined where people leave
  the hyphen out ("e-mail" meets "email", "gpt-4" meets "gpt4").
- "2,500" meets "2500", "3pm" meets "3 pm"; times, decimals and addresses stay verbatim.
- Chinese, Japanese, Korean, Thai, Lao, Khmer and Burmese become overlapping pairs of characters.
- Accents on Latin letters are dropped: "São" meets "sao". Only terms are touched, never the text.
- Words over 64 characters count by their first 64, in queries too, so an exact query still meets.
"""

import re
import threading
import unicodedata
from collections import Counter
from functools import lru_cache
from typing import Any

TERMS_VERSION = 1
MAX_TERM = 64

# Lucene's English default without the words that carry meaning in memories (no, not, will), plus
# the pronouns, auxiliaries and question words that dialogue is full of.
_STOP_WORDS = """
a an and are as at be been but by did do does for from had has have he her him his how i if in
into is it its me my of on or our she so such that the their them then there these they this to
was we were what when where which who whom whose why with would you your
"""
_STOP = frozenset(_STOP_WORDS.split())

_RUN = (
    "\u0e01-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17d3\u3005\u3007\u3041-\u309f\u30a1-\u30fa"
    "\u30fc-\u30ff\u3100-\u312f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
# Marks that belong to a word although \w leaves them out: accents, Hebrew and Arabic vowels, and
# the vowel signs of the Indic scripts.
_MARK = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a"
    "\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7-\u06e8\u06ea-\u06ed\u0900-\u0963"
    "\u0971-\u0df3"
)
_WORD = rf"[^\W_{_RUN}]+(?:[{_MARK}]+[^\W_{_RUN}]*)*"
_TOKEN = re.compile(
    rf"\d+(?:(?:[.:,/-]|t(?=\d\d:))\d+)+"  # times, dates, decimals, addresses, ISO moments
    rf"|{_WORD}(?:\+\+|(?:(?:[-.'&@]|_+){_WORD})*)(?:(?<![^\W_][^\W_])#(?!\w))?"
    rf"|[{_RUN}]+"
    r"|[\U0001f1e6-\U0001f1ff]{2}"  # flags
    r"|[\u2600-\u27bf\u231a-\u23ff\u2b00-\u2bff\U0001f000-\U0001f3fa\U0001f400-\U0001faff]"
)
_IN_RUN = re.compile(rf"[{_RUN}]")
_TIDY = str.maketrans(
    {"’": "'", "\u02bc": "'", "\u2010": "-", "\u00ad": None, "\u200c": None, "\u200d": None}
)  # one apostrophe, one hyphen; soft hyphens and joiners are not seen


def terms(text: str) -> tuple[str, ...]:
    """Return the terms of a text in order, repeats kept; empty when it has no words.

    Lone surrogates are passed over; nothing raises.

    Example:
        >>> terms("Ana's flights to Lisbon")
        ('ana', 'flight', 'lisbon')
        >>> terms("Paid 2,500 for GPT-4 at 3:30")
        ('paid', '2500', 'gpt-4', 'gpt', '4', 'gpt4', '3:30')
    """
    found: list[str] = []
    for token in _TOKEN.findall(_folded(text)):
        # Long tokens are rare and never repeated: they would only fill the cache.
        found.extend(_cached(token) if len(token) <= MAX_TERM else _expand(token))
    return tuple(found)


def term_counts(text: str) -> dict[str, int]:
    """Return how often each term occurs, in the order of first occurrence."""
    return dict(Counter(terms(text)))


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    tidy = unicodedata.normalize("NFKC", text).casefold().translate(_TIDY)
    return unicodedata.normalize("NFKC", tidy)  # casefolding can take composed letters apart


def _expand(token: str) -> tuple[str, ...]:
    """Return the terms that one token stands for."""
    if _IN_RUN.match(token):
        return tuple(token[at : at + 2] for at in range(len(token) - 1)) or (token,)
    if _NUMBER.fullmatch(token):
        found = _numbers(token)
    elif token.endswith(("+", "#")):
        found = [token]
    else:
        found = [word for part in _words(token) if (word := _stem(part)) not in _STOP]
    return tuple(dict.fromkeys(term[:MAX_TERM] for term in found))


_cached = lru_cache(maxsize=32_768)(_expand)  # about 8 MB when full

_NUMBER = re.compile(r"\d+(?:(?:[.:,/-]|t)\d+)+")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")


def _numbers(token: str) -> list[str]:
    """Return a number without grouping commas; dates and ranges whole and in parts."""
    parts: list[str] = []
    for piece in re.split("[-/t]", token):
        grouped = _THOUSANDS.fullmatch(piece)
        parts.extend([piece.replace(",", "")] if grouped else piece.split(","))
    return parts if len(parts) == 1 or "," in token else [token, *parts]


_SEPARATOR = re.compile(r"[-.&@]|_+")
_MIXED = re.compile(r"(\d+)(?!st$|nd$|rd$|th$)([^\W\d_]{2,})|([^\W\d_]{2,})(\d+)")  # 3pm, iphone15
_CONTRACTED = re.compile(r"'(?:s|m|d|re|ve|ll)$")


def _words(token: str) -> list[str]:
    """Return a word or compound: whole, in parts, and joined where a part is short."""
    if "'" in token:
        token = _CONTRACTED.sub("", token)
    parts = [part for part in _SEPARATOR.split(token) if part]
    if len(parts) == 1:
        return _simple(parts[0])
    kept = [word for part in parts if _counts(part, token) for word in _simple(part)]
    short = "-" in token and any(len(part) == 1 or part.isdigit() for part in parts)
    return [token.replace("'", ""), *kept, *(["".join(parts).replace("'", "")] if short else [])]


def _counts(part: str, token: str) -> bool:
    """Return whether a part says something alone: not the "e" of e-mail, the "2" of v1.2."""
    return len(part) > 1 or (part.isdigit() and "." not in token)


def _simple(word: str) -> list[str]:
    """Return a word without separators, and what else it should be found by."""
    if "'" in word:  # don't -> dont; o'brien -> obrien, brien; l'école -> lécole, école
        head, _, tail = _CONTRACTED.sub("", word).rpartition("'")
        joined = (head + tail).replace("'", "")
        return [joined, tail] if 0 < len(head) <= 2 < len(tail) else [joined]
    mixed = _MIXED.fullmatch(word)
    return [word, *filter(None, mixed.groups())] if mixed else [word]


_local = threading.local()


def _stem(word: str) -> str:
    """Return the English stem of a word, Latin accents dropped; other words as they are."""
    if word in _STOP:
        return word
    if not word.isascii():
        bare = _LATIN_MARKS.sub("", unicodedata.normalize("NFD", word))
        word = bare if bare.isascii() else word
    word = word[:MAX_TERM]
    if not (word.isascii() and word.replace("-", "").isalpha()):
        return word
    stemmer: Any = getattr(_local, "stemmer", None)
    if stemmer is None:
        import Stemmer  # its objects are not thread-safe: one per thread

        stemmer = _local.stemmer = Stemmer.Stemmer("english", 0)  # the cache is ours
    return str(stemmer.stemWord(word))


_LATIN_MARKS = re.compile("[\u0300-\u036f]+")
