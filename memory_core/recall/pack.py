r"""Packs hits into text for a prompt: one JSON line per memory, within a token budget.

    {"id": "…", "time": "2026-03-14T18:30Z", "speaker": "Ana", "text": "I moved to Lisbon"}
    {"id": "…", "time": "2026-03-15T09:00Z", "source": "tool", "trust": "low", "text": "…"}
    {"id": "…", "time": "2026-03-14", "lines": "Ana: I moved to Lisbon in March.\nBob: …"}
    {"id": "…", "time": "…", "media": "image/png", "digest": "9f86d081884c7d65", "text": "the sea"}

What every reader may assume is left out, since it would cost a quarter of the budget: a source
"user" or one that is the role, and the trust "normal".
A memory is data, not instructions: JSON encoding keeps quotes and newlines inside the string, and
what could steer a reader unseen or close a block is written as `\uXXXX`: control, bidirectional,
zero-width and tag characters, and the `<` of anything like a tag. Parsing a line gives back the
exact text. Hits are taken best first and stay in that order, so a prompt that is cut short loses
the least. A record is whole or absent; a long text is shown as the part around its best sentence,
marked by "…" and `"part": true`. The stored text is never touched. `lines` are those of a
consolidated memory that stand for the hits, see `folding`.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from memory_core.answers import Cut, Hit, Hits
from memory_core.recall.excerpt import excerpt
from memory_core.recall.folding import Record, line_for, lines_record
from memory_core.types import Memory, Trust

SIZES = (2000, 1400, 1000, 500, 250)
"""Characters of a text that are tried, in turn; 2,000 are about 500 tokens of English, and 1,400
hold any span that is embedded as one. Texts longer than the first are shown in part; those shorter
than the last are whole or absent."""
MADE = "it was made of memories that are here"
SHOWN = 16
"""Hexadecimal characters of a file's digest that are shown: the whole would be forty tokens."""
USUAL_SOURCE = "user"
USUAL_TRUST = Trust.NORMAL

Count = Callable[[str], int]

_STEERING = re.compile(
    "["
    "\x7f-\x9f\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff"
    "\U000110bd\U000110cd\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff\U000f0000-\U0010ffff\ue000-\uf8ff<"
    "]"
)
_EMOJI = "\ufe0e\ufe0f"  # one after a character chooses its looks; a row of them carries a message
_TAG = re.compile(r"[/!?|a-zA-Z]")
_PAIRED = 0x10000


@dataclass(frozen=True, slots=True)
class Packed:
    """Text for a prompt, and who is in it."""

    text: str
    """JSON lines, best first, joined by newlines, never over the budget; blank if none fits."""
    hits: Hits
    """The hits shown, best first; `cuts` are those left out."""


def pack(hits: Sequence[Hit], budget: int | None, count: Count, query: str = "") -> Packed:
    """Return the best hits as JSON lines that together cost at most `budget` tokens.

    A hit too large for what is left is shown in part, or left out for the next that fits.

    Args:
        hits: best first.
        budget: tokens; None for no limit.
        count: gives the tokens of a text.
        query: its words choose the sentence that a long text is centred on.
    """
    if hits:
        hits[0].origin.prefetch([hit.version for hit in hits])
    packing = _Packing(budget, count, query)
    made = {hit.within.version for hit in hits if hit.within is not None}
    for hit in hits:
        if hit.version in made:
            packing.cuts.append(Cut(hit, MADE))
        else:
            packing.add(hit)
    return packing.settled()


def apart(hits: Sequence[Hit]) -> list[Hit]:
    """Return the hits as they are packed one record each, with their own ids."""
    return [replace(hit, within=None) for hit in hits]


def record(hit: Hit, size: int = SIZES[0], query: str = "") -> Record:
    """Return what a prompt shows of a hit, its text at most about `size` characters."""
    memory = hit.memory
    part = excerpt(memory.text, hit.span, size, query)
    fields: dict[str, str | bool] = {"id": memory.id, "time": _moment(memory)}
    if who := memory.speaker:
        fields["speaker"] = who
    elif memory.role:
        fields["role"] = memory.role
    if memory.source not in (USUAL_SOURCE, fields.get("role")):
        fields["source"] = memory.source
    if memory.trust is not USUAL_TRUST:
        fields["trust"] = memory.trust.value
    if (media := memory.media) is not None:
        fields["media"] = media.type
        fields["digest"] = media.digest[:SHOWN]
    fields["text"] = part.text
    if part.partial:
        fields["part"] = True
    return fields


def render(record: Record) -> str:
    """Return the record as one line of JSON that shows hidden characters as escapes."""
    line = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    return _STEERING.sub(_escaped, line)


@dataclass(slots=True)
class _Entry:
    """One line of the text and the hits it shows."""

    line: str
    tokens: int
    hits: list[Hit]
    said: list[str]
    """Lines of the derived memory that the hits are within, as many as hits where it has them."""
    folded: bool = False
    """Whether these lines are what is shown."""


class _Packing:
    """The records so far; a hit is shown by its line of a derived memory where that is less."""

    def __init__(self, budget: int | None, count: Count, query: str) -> None:
        self._budget, self._count, self._query = budget, count, query
        self._entries: list[_Entry] = []
        self._folds: dict[int, _Entry] = {}
        self.cuts: list[Cut] = []
        self._spent = 0

    def add(self, hit: Hit) -> None:
        """Show a hit if there is room for it."""
        left = None if self._budget is None else self._budget - self._spent
        own = _fitting(hit, left, self._count, self._query)
        entry = None if own is None else _Entry(*own, hits=[hit], said=[])
        if (within := hit.within) is not None:
            said = line_for(hit, record(hit, query=self._query), self._query)
            if said is not None and self._folds_in(hit, within, said, entry):
                return
        if entry is None:
            self.cuts.append(self._over(hit))
            return
        self._entries.append(entry)
        self._spent += entry.tokens

    def _folds_in(self, hit: Hit, within: Hit, said: str, own: _Entry | None) -> bool:
        """Show a hit by its line if that costs less; else let later ones join its record."""
        if own is not None and self._budget is None:  # counted by nobody yet
            own.tokens = self._count(own.line + "\n")
        before = self._folds.get(within.version)
        shown = [*before.said, said] if before else [said]
        line = render(lines_record(within.memory, shown))
        tokens = self._count(line + "\n")
        cost = tokens - (before.tokens if before else 0)
        fits = self._budget is None or self._spent + cost <= self._budget
        cheaper = own is None or cost < own.tokens
        if not (fits and cheaper):
            if own and not before:
                own.said.append(said)
                self._folds[within.version] = own
            return False
        if before is None:
            before = self._folds[within.version] = _Entry(line, tokens, [], [])
            self._entries.append(before)
        before.line, before.tokens, before.folded = line, tokens, True
        before.hits.append(hit)
        before.said.append(said)
        self._spent += cost
        return True

    def settled(self) -> Packed:
        """Return the joined lines; drops the last while the whole costs more than its parts did."""
        entries, budget = self._entries, self._budget
        text = "\n".join(entry.line for entry in entries)
        while entries and budget is not None and self._count(text) > budget:
            self.cuts[:0] = map(self._over, entries.pop().hits)
            text = "\n".join(entry.line for entry in entries)
        shown = tuple(hit for entry in entries for hit in _told(entry))
        return Packed(text, Hits(shown, tuple(self.cuts)))

    def _over(self, hit: Hit) -> Cut:
        return Cut(hit, f"over the budget of {self._budget} tokens")


def _told(entry: _Entry) -> list[Hit]:
    """Return the hits of an entry, those shown by a line of another memory with that reason."""
    if not entry.folded:
        return entry.hits
    return [
        replace(hit, reasons=(*hit.reasons, f"shown by its line of {hit.within.id}"))
        for hit in entry.hits
        if hit.within is not None
    ]


def _fitting(hit: Hit, left: int | None, count: Count, query: str) -> tuple[str, int] | None:
    """Return the line and its tokens with the newline, or None where nothing useful fits."""
    if left is not None and left <= 0:
        return None
    length = len(hit.memory.text)
    for size in (SIZES[0], *(size for size in SIZES[1:] if size < length)):
        line = render(record(hit, size, query))
        if left is None:
            return line, 0  # nothing is counted that nothing limits
        if (tokens := count(line + "\n")) <= left:
            return line, tokens
    return None


def _moment(memory: Memory) -> str:
    return f"{memory.occurred_at:%Y-%m-%dT%H:%M}Z"


def _escaped(found: re.Match[str]) -> str:
    character, line, place = found[0], found.string, found.start()
    if character == "<" and not _TAG.match(line, place + 1):
        return character
    if character in _EMOJI and line[place - 1] not in _EMOJI:
        return character
    code = ord(character)
    if code < _PAIRED:
        return f"\\u{code:04x}"
    high, low = divmod(code - _PAIRED, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
