"""Makes a frozen turn of a recording: only what can take part, and no words if so wished.

A text that was no candidate and no neighbour of one keeps its length in terms and the question's
words, nothing else, and no vector: that is all that the statistics of words see of it. So the file
is some hundred texts large whatever the memory holds, and says little about the rest of it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from memory_core.config import DECIDING
from memory_core.errors import InvalidInput
from memory_core.filters import Test, filter_data
from memory_core.journal.codes import CONSOLIDATED
from memory_core.journal.lexical import indexed
from memory_core.journal.turns import asks
from memory_core.parts import Parts
from memory_core.replay.conditions import RERANK, Conditions
from memory_core.replay.encoding import vector_text
from memory_core.replay.frozen import FORMAT
from memory_core.replay.playback import Playback
from memory_core.terms import terms
from memory_core.version import __version__

NOTHING: tuple[str, dict[str, Any]] = ("forgotten", {"number": 0})
"""An entry that changes no state: for what was erased, and for what tells nothing of a ranking."""
TELLING = frozenset(
    [
        "stored",
        "revised",
        "superseded",
        "invalidated",
        "expired",
        "reinforced",
        "forgotten",
        "restored",
        "trusted",
        "linked",
        "unlinked",
    ]
)
"""Kinds of entries that a recall depends on."""
RANKED = ("number", "kind", "source", "trust", "occurred_at", "valid_from", "valid_to",
          "importance", "by", "times", "target", "session", "writer")  # fmt: skip
"""Fields that say nothing of a text and may decide its rank."""

OURS = frozenset(("derived_from", "duplicate_of"))
"""Relations that stages look for; the names of others are the user's."""
MOST_NAMED = 10_000  # ids in a filter; SQLite takes 32,766 values


@dataclass(slots=True)
class Words:
    """Gives every term another one, the same each time, of which it is the only term."""

    known: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def of(self, text: str) -> str:
        """Return a text with as many terms, equal where they were equal."""
        return " ".join(map(self.term, terms(text))) + ("?" if asks(text) else "")

    def term(self, term: str) -> str:
        """Return the other term for one."""
        return self.known.setdefault(term, f"q{len(self.known) + 1}")

    def name(self, name: object) -> str | None:
        """Return another name for a session or a writer."""
        if not name:
            return None
        return self.names.setdefault(str(name), f"n{len(self.names) + 1}")


@dataclass(frozen=True, slots=True)
class Freezing:
    """What decides how a turn is frozen."""

    run: Playback
    conditions: Conditions
    redact: bool = False
    whole: bool = False
    """Keep every text and vector."""
    words: Words = field(default_factory=Words)


def freeze(parts: Parts, how: Freezing) -> dict[str, Any]:
    """Return a frozen turn's data, as JSON can carry it."""
    query = how.conditions.query
    kept = None if how.whole else _needed(parts, how)
    entries = list(_entries(parts, how, kept))
    text = how.words.of(query.text) if how.redact else query.text
    return {
        "format": FORMAT,
        "made_by": f"memory-core {__version__}",
        "recall": how.run.id,
        "redacted": how.redact,
        "query": {
            "text": text, "k": query.k, "seq": query.seq, "now": query.now, "as_of": query.as_of,
            "budget": None if how.redact else query.token_budget, "for_action": query.for_action,
            "where": _where(parts, how), "vector": vector_text(query.vector),
        },
        "settings": {name: getattr(how.conditions.settings, name) for name in DECIDING},
        "off": sorted(how.conditions.instead.off),
        "notes": [[note.code, note.text, note.degraded] for note in how.conditions.notes],
        "steps": _steps(how),
        "expected": [[hit.id, hit.score] for hit in how.run.hits],
        "status": how.run.status,
        "entries": entries,
        **_rows(parts, how, kept),
    }  # fmt: skip


def _needed(parts: Parts, how: Freezing) -> set[int]:
    """Return the docs of the candidates and of the texts next to them."""
    snapshot = parts.journal.snapshot(how.run.seq)
    columns = snapshot.columns
    seen = {hit.version for step in how.run.steps for hit in step.hits}
    seen |= {cut.version for step in how.run.steps for cut in step.dropped}
    rows = np.flatnonzero(np.isin(columns["version"], np.array(sorted(seen), dtype=np.int64)))
    slots, before = columns["slot"], columns["before"]
    near = set(slots[rows].tolist()) | set(before[rows].tolist())
    near |= set(slots[np.isin(before, slots[rows])].tolist())
    rows = np.flatnonzero(np.isin(slots, np.array(sorted(near - {-1}), dtype=slots.dtype)))
    return set(columns["doc"][rows].tolist())


def _entries(
    parts: Parts, how: Freezing, kept: set[int] | None
) -> Iterator[tuple[int, str, Mapping[str, Any]]]:
    question = set(terms(how.conditions.query.text))
    speakers: dict[object, str | None] = {}
    for entry in parts.journal.entries(until=how.run.seq):
        payload = entry.payload
        if payload is None or entry.kind not in TELLING:
            yield (entry.at, *NOTHING)
            continue
        fields: dict[str, Any] = dict(payload)
        inner: dict[str, Any] = fields.get("fields", fields)
        speaker = inner.get("speaker", speakers.get(fields.get("number")))
        speakers[fields.get("number")] = speaker
        full = kept is None or entry.seq in kept
        if (how.redact or not full) and entry.kind in ("stored", "revised"):
            said = None
            if "text" in inner:
                searched = indexed(str(inner["text"]), speaker)
                said = how.words.of(searched) if full else _filler(searched, question, how)
            inner = _bare(inner, said, how)
            fields = {**fields, "fields": inner} if "fields" in fields else inner
        elif how.redact:
            fields = _untold(fields, how)
        yield entry.at, entry.kind, fields


def _filler(searched: str, question: set[str], how: Freezing) -> str:
    """Return a text with as many terms, of which only the question's are its own."""
    found = terms(searched)
    own = how.words.term if how.redact else str
    mine = " ".join(own(term) if term in question else "q0" for term in found) or "…"
    return mine if len(terms(mine)) == len(found) else searched


def _bare(fields: Mapping[str, Any], said: str | None, how: Freezing) -> dict[str, Any]:
    """Return a stored or revised memory's fields without words, its speaker among the words."""
    bare = {name: value for name, value in fields.items() if name in RANKED}
    for name in ("session", "writer"):
        if name in bare and how.redact:
            bare[name] = how.words.name(bare[name])
    if str(fields.get("key") or "").startswith(CONSOLIDATED):  # a salted digest
        bare["key"] = fields["key"]
    if said is not None:
        bare |= {"text": said or "…", "speaker": None}
    if not how.redact and "metadata" in fields and how.conditions.query.where is not None:
        bare |= {n: fields[n] for n in ("metadata", "role", "subject", "attribute") if n in fields}
    return bare


def _untold(fields: Mapping[str, Any], how: Freezing) -> dict[str, Any]:
    bare = {name: value for name, value in fields.items() if name in (*RANKED, "source")}
    if "relation" not in fields:
        return bare
    return {**bare, "relation": fields["relation"] if fields["relation"] in OURS else "related"}


def _where(parts: Parts, how: Freezing) -> Any:
    query = how.conditions.query
    if query.where is None or not how.redact:
        return None if query.where is None else filter_data(query.where)
    snapshot = parts.journal.snapshot(query.seq)
    rows = parts.journal.eligible(query, snapshot).row_of_doc
    numbers = snapshot.columns["number"][rows[rows >= 0]].tolist()
    if len(numbers) > MOST_NAMED:
        raise InvalidInput(
            f"the filter lets {len(numbers):,} memories pass, a redacted one names {MOST_NAMED:,} "
            "at most; export without redaction"
        )
    return filter_data(Test("id", "$in", tuple(f"{number:016x}" for number in numbers)))


def _steps(how: Freezing) -> dict[str, dict[str, Any]]:
    """Return what the stages changed that need a model, or the words that are not there."""
    wanted = (RERANK, "temporal", "speaker") if how.redact else (RERANK,)
    recorded: dict[str, dict[str, Any]] = {}
    before: dict[int, Any] = {}
    for step in how.run.steps:
        if step.name in wanted:
            changes = {
                str(hit.version): change
                for hit in step.hits
                if hit.version in before and (change := _change(before[hit.version], hit))
            }
            if changes:
                recorded[step.name] = changes
        before = {hit.version: hit for hit in step.hits}
    return recorded


def _change(before: Any, after: Any) -> list[Any]:
    gone = [name for name in before.terms if name not in after.terms]
    come = {n: v for n, v in after.terms.items() if before.terms.get(n) != v}
    signals = {n: v for n, v in after.signals.items() if before.signals.get(n) != v}
    return [gone, come, signals] if gone or come or signals else []


def _rows(parts: Parts, how: Freezing, kept: set[int] | None) -> dict[str, Any]:
    """Return the vectors that the recall could see, of the texts that are kept."""
    digest = how.conditions.instead.digest or parts.embedder.fingerprint.digest
    table = parts.journal.vectors(digest)
    stop = how.conditions.extent.rows
    spans = table.spans(0, stop)
    docs = spans.doc.tolist()
    wanted = [n for n, doc in enumerate(docs) if doc >= 0 and (kept is None or doc in kept)]
    wanted = [n for n in wanted if docs[n] <= how.run.seq]
    rows, numbers = [], dict[int, int]()
    for n in wanted:
        number = numbers[docs[n]] = numbers.get(docs[n], -1) + 1
        place = (0, 1) if how.redact else (int(spans.start[n]), int(spans.stop[n]))
        vector = vector_text(table.read(n, n + 1)[0])
        rows.append([docs[n], number, *place, vector])
    return {"dimension": table.dimension, "rows": rows}
