"""A recall as few bytes that give it back bit by bit: numbers and versions, no memory's text.

    blob  = 0x02 · zlib( length of header (4 bytes) · header (JSON) · arrays )
    step  = order of its hits and cuts, and of each hit only what the step changed

A hit passes some eight stages and changes in few of them, so each number is written once: what a
reader can foresee (a score is the sum of its terms, a term often its signal times a weight) is
left out, the rest is kept as float32 where that loses nothing. Format 1 was plain JSON; it is
still read, into the same shape.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from memory_core.answers import Cut, Extent, Hit, Query, RecallResult, Step, Vector
from memory_core.filters import filter_data
from memory_core.replay.arrays import Arrays
from memory_core.replay.known import Known, Numbers, Source, apply_step

FORMAT = 2
MARK = b"\x02"
"""First byte of a blob of format 2; format 1 begins with zlib's 0x78."""

PACKING = "pack"
"""Name of the step that packs the context: what it cuts was recalled, but is not shown."""


def encode(result: RecallResult, extra: Mapping[str, Any], ratios: Numbers | None = None) -> bytes:
    """Return a recall as bytes; `decode` gives it back.

    Args:
        result: what was recalled.
        extra: more to keep, as JSON can carry it.
        ratios: what a term is its signal times, where that is known.
    """
    arrays = Arrays()
    table = {version: place for place, version in enumerate(_versions(result))}
    ids = {hit.version: hit.id for hit in result.hits}
    header = {
        **extra,
        "format": FORMAT,
        "query": _query(result.query),
        "status": result.status,
        "seconds": result.seconds,
        "tokens": None if result.query.token_budget is None else result.tokens,
        "context": hashlib.sha256(result.context.encode()).hexdigest(),
        "ids": ids,
        "extent": _extent(result.trace, arrays),
        "versions": arrays.put("i", list(table)),
        "ratios": dict(ratios or {}),
        "steps": list(_steps(result.trace, table, arrays, ratios or {})),
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    plain = len(text).to_bytes(4, "little") + text + arrays.bytes()
    return MARK + zlib.compress(plain, 6)


class Body(dict[str, Any]):
    """What was recorded; its "steps" are read at first use, which takes ten times the rest."""

    def __init__(self, body: Mapping[str, Any], read: Callable[[], list[dict[str, Any]]]) -> None:
        super().__init__(body)
        self._read = read

    def __missing__(self, key: str) -> Any:
        if key != "steps":
            raise KeyError(key)
        self["steps"] = steps = self._read()
        return steps


def decode(blob: bytes) -> dict[str, Any]:
    """Return what was recorded: versions, numbers and notes, in the same shape for every format.

    A hit is [version, score, signals, terms, reasons], a cut [version, reason, score, terms];
    `last` holds the hits of the last stage that ranked, and `noted` every stage's notes, without
    reading the rest.
    """
    if not blob.startswith(MARK):
        body: dict[str, Any] = json.loads(zlib.decompress(blob))
        return body
    body, arrays = _opened(blob)
    versions = arrays.get(body.pop("versions")).tolist()
    steps, source = body.pop("steps"), (arrays, body["ratios"])
    if body["extent"]["neighbours"] is not None:
        rows = arrays.get(body["extent"]["neighbours"]).astype(np.int64)
        body["extent"]["neighbours"] = np.cumsum(rows).tolist()
    body["ids"] = {int(version): id for version, id in body["ids"].items()}
    body["last"] = _last(steps, versions, source)
    body["noted"] = [[step["name"], step["notes"]] for step in steps]

    def read() -> list[dict[str, Any]]:
        known: dict[int, Known] = {}
        return [_step_of(step, versions, known, source) for step in steps]

    return Body(body, read)


def glance(blob: bytes) -> tuple[str, set[int]]:
    """Return a recording's query text and the versions it saw, without reading its steps."""
    if not blob.startswith(MARK):
        body = decode(blob)
        seen = {hit[0] for step in body["steps"] for hit in (*step["hits"], *step["cuts"])}
        return str(body["query"]["text"]), seen
    body, arrays = _opened(blob)
    return str(body["query"]["text"]), set(arrays.get(body["versions"]).tolist())


def vector_text(vector: Vector | None) -> str | None:
    """Return a vector as base64 of its float32 numbers."""
    return None if vector is None else base64.b64encode(vector.astype("<f4").tobytes()).decode()


def vector_of(text: str | Sequence[float] | None) -> Vector | None:
    """Return the vector of a recording of any format, `(d,)` float32."""
    if text is None:
        return None
    if isinstance(text, str):
        return np.frombuffer(base64.b64decode(text), dtype="<f4").astype(np.float32)
    return np.array(text, dtype=np.float32)


def _opened(blob: bytes) -> tuple[dict[str, Any], Arrays]:
    plain = zlib.decompress(blob[1:])
    stop = 4 + int.from_bytes(plain[:4], "little")
    return json.loads(plain[4:stop]), Arrays(plain[stop:])


def _versions(result: RecallResult) -> Iterator[int]:
    seen = dict.fromkeys(hit.version for step in result.trace for hit in _everyone(step))
    yield from sorted(seen)


def _everyone(step: Step) -> list[Hit]:
    return [*step.hits.items, *(cut.hit for cut in step.hits.cuts)]


def _query(query: Query) -> dict[str, Any]:
    return {
        "text": query.text, "k": query.k, "seq": query.seq, "now": query.now,
        "as_of": query.as_of, "budget": query.token_budget, "for_action": query.for_action,
        "where": None if query.where is None else filter_data(query.where),
        "vector": vector_text(query.vector),
    }  # fmt: skip


def _extent(trace: Sequence[Step], arrays: Arrays) -> dict[str, Any]:
    parts = [step.hits.extent for step in trace if step.hits.extent is not None]
    seen = next((part for part in parts if part.rows is not None), Extent())
    batches = next((part.batches for part in parts if part.batches is not None), None)
    rows = seen.neighbours
    deltas = None if rows is None else np.diff(sorted(rows), prepend=0).tolist()
    return {
        "rows": seen.rows,
        "known": seen.known,
        "neighbours": None if deltas is None else arrays.put("i", deltas),
        "batches": batches,
        **{name: value for part in parts for name, value in _further(part)},
    }


def _further(part: Extent) -> Iterator[tuple[str, Any]]:
    if part.sparse is not None:
        yield "sparse", part.sparse
    if part.late is not None:
        yield "late", part.late


def _steps(
    trace: Sequence[Step], table: Mapping[int, int], arrays: Arrays, ratios: Numbers
) -> Iterator[dict[str, Any]]:
    known: dict[int, Known] = {}
    latest: dict[int, Hit] = {}
    for step in trace:
        everyone = _everyone(step)
        fresh = [hit for hit in everyone if latest.get(hit.version) is not hit]
        latest.update((hit.version, hit) for hit in fresh)
        new = {hit.version for hit in fresh}
        mask = [hit.version in new for hit in everyone]
        yield {
            "name": step.name,
            "seconds": round(step.seconds, 6),
            "kept": len(step.hits),
            "order": arrays.put("h", [table[hit.version] for hit in everyone]),
            "fresh": arrays.bits(mask) if 0 < len(fresh) < len(everyone) else len(fresh),
            "cuts": _runs(step.hits.cuts),
            "notes": [[note.code, note.text, note.degraded] for note in step.hits.notes],
            **_changes(fresh, known, arrays, ratios),
        }


def _runs(cuts: Sequence[Cut]) -> list[list[Any]]:
    """Return [reason, how many in a row] for the cuts."""
    runs: list[list[Any]] = []
    for cut in cuts:
        if runs and runs[-1][0] == cut.reason:
            runs[-1][1] += 1
        else:
            runs.append([cut.reason, 1])
    return runs


def _changes(
    fresh: Sequence[Hit], known: dict[int, Known], arrays: Arrays, ratios: Numbers
) -> dict[str, Any]:
    shapes: dict[tuple[tuple[str, ...], tuple[str, ...]], int] = {}
    columns: dict[str, list[tuple[float, float]]] = {}
    reasons, which = [], []
    for place, hit in enumerate(fresh):
        before = known.get(hit.version) or Known()
        which.append(shapes.setdefault((tuple(hit.signals), tuple(hit.terms)), len(shapes)))
        for kind, numbers in (("s", hit.signals), ("t", hit.terms)):
            for name, value in numbers.items():
                expected = before.foreseen(name, kind, hit.signals, ratios)
                columns.setdefault(f"{kind}.{name}", []).append((value, expected))
        columns.setdefault("score", []).append((hit.score, sum(hit.terms.values())))
        if hit.reasons != before.reasons:
            reasons.append([place, list(hit.reasons)])
        known[hit.version] = Known(hit.score, dict(hit.signals), dict(hit.terms), hit.reasons)
    return {
        "shapes": [[list(signals), list(terms)] for signals, terms in shapes],
        "shape": arrays.put("b", which) if len(shapes) > 1 else len(which),
        "columns": {
            name: changed for name, pairs in columns.items() if (changed := _column(pairs, arrays))
        },
        "reasons": reasons,
    }


def _column(pairs: Sequence[tuple[float, float]], arrays: Arrays) -> list[Any]:
    """Return where the values that were not foreseen stand; empty when there are none."""
    changed = [value != expected for value, expected in pairs]
    if not any(changed):
        return []
    values = [value for (value, _), other in zip(pairs, changed, strict=True) if other]
    return [0 if all(changed) else arrays.bits(changed), arrays.floats(values)]


def _last(
    steps: Sequence[Mapping[str, Any]], versions: Sequence[int], source: Source
) -> list[list[Any]]:
    """Return the hits of the last step that ranked: only what their own numbers need is read."""
    arrays = source[0]
    ranked = [step for step in steps if step["name"] != PACKING]
    if not ranked:
        return []
    final = [versions[place] for place in arrays.get(ranked[-1]["order"])[: ranked[-1]["kept"]]]
    wanted, known = set(final), dict[int, Known]()
    for step in ranked:
        everyone = [versions[place] for place in arrays.get(step["order"]).tolist()]
        apply_step(step, _fresh(step, everyone, arrays), known, source, wanted=wanted)
    return [known[version].row for version in final]


def _fresh(step: Mapping[str, Any], everyone: Sequence[int], arrays: Arrays) -> Sequence[int]:
    """Return those of a step's hits and cuts that the step changed."""
    mask = step["fresh"]
    if not isinstance(mask, list):
        return everyone[:mask]
    return [v for v, new in zip(everyone, arrays.truths(mask), strict=False) if new]


def _step_of(
    step: Mapping[str, Any], versions: Sequence[int], known: dict[int, Known], source: Source
) -> dict[str, Any]:
    arrays, kept = source[0], step["kept"]
    everyone = [versions[place] for place in arrays.get(step["order"]).tolist()]
    apply_step(step, _fresh(step, everyone, arrays), known, source)
    reasons = [reason for reason, count in step["cuts"] for _ in range(count)]
    return {
        "name": step["name"],
        "seconds": step["seconds"],
        "hits": [known[version].row for version in everyone[:kept]],
        "cuts": [
            [version, reason, known[version].score, known[version].terms]
            for version, reason in zip(everyone[kept:], reasons, strict=True)
        ],
        "notes": step["notes"],
    }
