r"""Packs hits into text for a prompt: one JSON line per memory, within a token budget.

    {"id": "…", "time": "2026-03-14T18:30Z", "speaker": "Ana", "text": "I moved to Lisbon"}
    {"id": "…", "time": "2026-03-15T09:00Z", "source": "tool", "trust": "low", "text": "…"}
    {"id": "…", "time": "…", "media": "image/png", "digest": "9f86d081884c7d65", "text": "the sea"}

What every reader may assume is left out, since it would cost a quarter of the budget: a source
"user" or one that is the role, and the trust "normal".
A memory is data, not instructions: JSON encoding keeps quotes and newlines inside the string, and
what could steer a reader unseen or close a block is written as `\uXXXX`: control, bidirectional,
zero-width and tag characters, and the `<` of anything like a tag. Parsing a line gives back the
exact text. Hits are taken best first and stay in that order, so a prompt that is cut short loses
the least. A record is whole or absent; a long text is shown as the part around its best sentence,
marked by "…" and `"part": true`. The stored text is never touched.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from memory_core.answers import Cut, Hit, Hits
from memory_core.recall.excerpt import excerpt
from memory_core.types import Memory, Trust

SIZES = (2000, 1400, 1000, 500, 250)
"""Characters of a text that are tried, in turn; 2,000 are about 500 tokens of English, and 1,400
hold any span that is embedded as one. Texts longer than the first are shown in part; those shorter
than the last are whole or absent."""
SHOWN = 16
"""Hexadecimal characters of a file's digest that are shown: the whole would be forty tokens."""
USUAL_SOURCE = "user"
USUAL_TRUST = Trust.NORMAL

Count = Callable[[str], int]
Record = Mapping[str, str | bool]

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
    lines: list[str] = []
    used: list[Hit] = []
    cuts: list[Cut] = []
    spent = 0
    for hit in hits:
        left = None if budget is None else budget - spent
        if (fitting := _fitting(hit, left, count, query)) is None:
            cuts.append(Cut(hit, f"over the budget of {budget} tokens"))
            continue
        lines.append(fitting[0])
        used.append(hit)
        spent += fitting[1]
    return _settled(lines, used, cuts, (budget, count))


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


def _settled(
    lines: list[str], used: list[Hit], cuts: list[Cut], limit: tuple[int | None, Count]
) -> Packed:
    """Return the joined lines; drops the last while the whole costs more than its parts did."""
    budget, count = limit
    text = "\n".join(lines)
    while lines and budget is not None and count(text) > budget:
        lines.pop()
        cuts.insert(0, Cut(used.pop(), f"over the budget of {budget} tokens"))
        text = "\n".join(lines)
    return Packed(text, Hits(tuple(used), tuple(cuts)))


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
