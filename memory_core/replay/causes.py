"""What differs between the conditions of two recalls, each difference with its undoing.

    B with every difference undone  =  A

Undoing one of them gives a third recall, whose result shows what that difference did: a
counterfactual, not an opinion. Where the question, the memories or the filter change, other
candidates come up than the recorded index and deadline know of, so all are scanned and judged.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np

from memory_core.config import DECIDING
from memory_core.filters import filter_data
from memory_core.recall.rerank import Reranker
from memory_core.replay.conditions import Conditions
from memory_core.types import from_micros

Undo = Callable[[Conditions], Conditions]


@dataclass(frozen=True, slots=True)
class Cause:
    """One difference between two recalls."""

    label: str
    """"question", "embedder", "content", "embedding", "adding", "filter", "time", "k", "budget",
    "index", "reranker", "deadline", "stage NAME", or the name of a setting."""
    detail: str
    undo: Undo = field(repr=False, compare=False, metadata={"json": False})
    """Gives the second recall's conditions this part of the first's."""


def differences(a: Conditions, b: Conditions) -> tuple[Cause, ...]:
    """Return what differs from `a` to `b`; undoing all of it in order turns `b` into `a`."""
    return (*_asked(a, b), *_seen(a, b), *_set(a, b), *_limits(a, b))


def _asked(a: Conditions, b: Conditions) -> Iterator[Cause]:
    one, two = a.query, b.query
    same_model = a.instead.digest == b.instead.digest
    same_vector = _same(one.vector, two.vector)
    if one.text == two.text and same_model and same_vector:
        return

    def undo(c: Conditions) -> Conditions:
        rows = c.extent.rows if same_model else a.extent.rows
        asked = _anew(c).asking(text=one.text, vector=one.vector)
        seen = replace(asked.extent, rows=rows)
        others = replace(asked.imagined, others=a.imagined.others)
        model = replace(asked.instead, digest=a.instead.digest)
        return replace(asked.asking(extent=seen), instead=model, imagined=others)

    if one.text != two.text:
        also = "" if same_model else ", and other vectors"
        yield Cause("question", f"{one.text!r} -> {two.text!r}{also}", undo)
    elif not same_model:
        yield Cause("embedder", f"vectors of {a.instead.digest} -> {b.instead.digest}", undo)
    else:
        missing = "had no vector" if two.vector is None else "has a vector"
        yield Cause("embedding", f"the second question {missing}", undo)


def _seen(a: Conditions, b: Conditions) -> Iterator[Cause]:
    one, two = a.query, b.query
    rows = a.extent.rows

    def earlier(c: Conditions) -> Conditions:
        moved = _anew(c)
        return moved.asking(seq=one.seq, extent=replace(moved.extent, rows=rows))

    if one.seq != two.seq:
        low, high = sorted((one.seq, two.seq))
        count = high - low
        told = f"{count:,} {'entry' if count == 1 else 'entries'}, {low + 1}..{high}"
        yield Cause("content", f"{told} {'came' if two.seq > one.seq else 'less'}", earlier)
    elif rows != b.extent.rows and a.instead.digest == b.instead.digest:
        yield Cause("embedding", f"{rows} vectors -> {b.extent.rows}", earlier)
    if a.imagined.events != b.imagined.events:
        told = f"{len(a.imagined.events)} -> {len(b.imagined.events)} memories never stored"
        yield Cause("adding", told, lambda c: replace(_anew(c), imagined=a.imagined))
    if one.where != two.where or one.for_action != two.for_action:
        told = f"{_where(a)} -> {_where(b)}"
        undo: Undo = lambda c: _anew(c).asking(where=one.where, for_action=one.for_action)  # noqa: E731
        yield Cause("filter", told, undo)
    if (one.now, one.as_of) != (two.now, two.as_of):
        told = f"{_moment(one.now)} -> {_moment(two.now)}"
        if one.as_of != two.as_of:
            told += f", as of {_moment(one.as_of)} -> {_moment(two.as_of)}"
        yield Cause("time", told, lambda c: _anew(c).asking(now=one.now, as_of=one.as_of))
    if one.k != two.k:
        yield Cause("k", f"{one.k} -> {two.k}", lambda c: _rejudged(c, one.k).asking(k=one.k))
    if one.token_budget != two.token_budget:
        told = f"{one.token_budget} -> {two.token_budget} tokens"
        yield Cause("budget", told, lambda c: c.asking(token_budget=one.token_budget))


def _set(a: Conditions, b: Conditions) -> Iterator[Cause]:
    for name in DECIDING:
        before, after = getattr(a.settings, name), getattr(b.settings, name)
        if before != after:
            yield Cause(name, f"{before} -> {after}", _setting(name, before))
    for stage in sorted(a.instead.off ^ b.instead.off):
        off = stage in a.instead.off
        yield Cause(f"stage {stage}", "off -> on" if off else "on -> off", _stage(stage, off))


def _limits(a: Conditions, b: Conditions) -> Iterator[Cause]:
    one, two = a.extent, b.extent
    if one.neighbours != two.neighbours:
        told = f"{_count(one.neighbours)} -> {_count(two.neighbours)} neighbours"

        def index(c: Conditions) -> Conditions:
            return c.asking(extent=replace(c.extent, neighbours=one.neighbours, known=one.known))

        yield Cause("index", told, index)
    if one.batches != two.batches:
        told = f"{_judged(one.batches)} -> {_judged(two.batches)} candidates judged"
        undo: Undo = lambda c: c.asking(extent=replace(c.extent, batches=one.batches))  # noqa: E731
        yield Cause("deadline", told, undo)
    if a.instead.reranker is not b.instead.reranker:
        yield Cause("reranker", f"{_judge(a)} -> {_judge(b)}", _judging(a.instead.reranker))
    if a.notes != b.notes:
        yield Cause("notes", "before the stages ran", lambda c: replace(c, notes=a.notes))


def _anew(c: Conditions) -> Conditions:
    """Return conditions under which every vector is scanned and every candidate judged."""
    return c.asking(extent=replace(c.extent, neighbours=None, batches=None))


def _rejudged(c: Conditions, k: int = 0) -> Conditions:
    """Return conditions under which every candidate is judged; scanned anew if k needs more."""
    if k > c.settings.candidates:
        return _anew(c)
    return c.asking(extent=replace(c.extent, batches=None))


def _setting(name: str, value: object) -> Undo:
    anew = _anew if name == "candidates" else _rejudged
    return lambda c: replace(anew(c), settings=c.settings.model_copy(update={name: value}))


def _stage(name: str, off: bool) -> Undo:
    def undo(c: Conditions) -> Conditions:
        stages = c.instead.off | {name} if off else c.instead.off - {name}
        return replace(_rejudged(c), instead=replace(c.instead, off=stages))

    return undo


def _judging(reranker: Reranker | None) -> Undo:
    return lambda c: replace(_rejudged(c), instead=replace(c.instead, reranker=reranker))


def _judge(c: Conditions) -> str:
    return "the memory's own" if c.instead.reranker is None else c.instead.reranker.name


def _same(one: np.ndarray | None, two: np.ndarray | None) -> bool:
    return one is two or (one is not None and two is not None and np.array_equal(one, two))


def _where(c: Conditions) -> str:
    told = "no filter" if c.query.where is None else str(filter_data(c.query.where))
    return f"{told}, to act on" if c.query.for_action else told


def _moment(micros: int | None) -> str:
    return "now" if micros is None else _short(from_micros(micros))


def _short(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"


def _count(rows: tuple[int, ...] | None) -> str:
    return "all" if rows is None else f"{len(rows):,}"


def _judged(batches: tuple[tuple[int, ...], ...] | None) -> str:
    return "all" if batches is None else f"{sum(map(len, batches)):,}"
