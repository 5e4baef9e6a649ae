"""How near each index comes to exact scan, at what latency, size and building time.

The vectors are clustered unit vectors (seeded), as texts give them; recall@10 is the share of the
ten true neighbours that an index returns. Every family is measured at several dials, so that a
line can be drawn; the floor of each is exact scan in the same run.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memory_core.bench.figure import Figure, Run, spread_of
from memory_core.errors import MissingExtra
from memory_core.figures import saved_figure
from memory_core.index.base import VectorIndex
from memory_core.index.chroma import ChromaIndex
from memory_core.index.faiss_index import Dials, FaissIndex
from memory_core.metric import similarity

DIMENSION = 384
SIZES = (10_000, 100_000)
QUERIES = 100
AT_ONCE = 50_000
"""Vectors made at a time; a million at once would take 12 GB on the way."""
K = 10
BREADTHS, PROBES, CANDIDATES, SPARE = (16, 64, 256), (1, 8, 32), (2, 10, 50), (1, 2, 4)
DIALS: dict[str, tuple[Dials, ...]] = {
    "hnsw": tuple(Dials(breadth=n) for n in BREADTHS),
    "ivf": tuple(Dials(probes=n) for n in PROBES),
    "lsh": tuple(Dials(candidates=n) for n in CANDIDATES),
    "int8": tuple(Dials(spare=n) for n in SPARE),
    "binary": tuple(Dials(candidates=n) for n in CANDIDATES),
}

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Measured:
    """One index at one dial."""

    family: str
    dial: str
    size: int
    """Vectors."""
    recall: float
    p50_ms: float
    p95_ms: float
    build_seconds: float
    bytes: int


def bench_index(run: Run) -> Iterator[Figure]:
    """Measure exact scan, Chroma and, where faiss is installed, its families."""
    sizes = SIZES if run.sizes == Run.__dataclass_fields__["sizes"].default else run.sizes
    for size in sizes:
        found = list(measured(run, size))
        exact = next(one for one in found if one.family == "exact")
        for one in found:
            yield _figure(one, exact.p50_ms)
        if run.plots is not None:
            draw(found, run.plots / f"index-{size}.png")


def measured(run: Run, size: int) -> Iterator[Measured]:
    """Yield every index at every dial, exact scan first."""
    vectors = clustered(size, run.seed)
    queries = clustered(QUERIES, run.seed + 1)
    run.tell(f"exact scan over {size:,}")
    times, truth = [], []
    for query in queries:
        begun = time.perf_counter()
        scores = similarity(vectors, query, "cosine")
        best = np.argpartition(-scores, K)[:K]
        times.append(time.perf_counter() - begun)
        truth.append(set(best.tolist()))
    spread = spread_of(times)
    yield Measured("exact", "", size, 1.0, spread["p50"], spread["p95"], 0.0, vectors.nbytes)
    place = run.place / f"chroma-{size}"
    run.tell(f"building chroma over {size:,}")
    begun = time.perf_counter()
    chroma = ChromaIndex.embedded(place, "cosine")
    chroma.add(np.arange(size), vectors)
    chroma.query(queries[0], K)
    built = time.perf_counter() - begun
    yield _asked(chroma, "", (queries, truth), built=built, size=lambda: _size_of(place))
    chroma.close()
    yield from _faiss(run, vectors, (queries, truth))


def clustered(count: int, seed: int) -> Floats:
    """Return unit vectors `(count, 384)` around 200 seeded centres, which do not change."""
    centres = np.random.default_rng(99).normal(size=(200, DIMENSION))
    chance = np.random.default_rng(seed)
    chosen = chance.integers(0, len(centres), count)
    vectors = np.empty((count, DIMENSION), dtype=np.float32)
    for first in range(0, count, AT_ONCE):
        some = centres[chosen[first : first + AT_ONCE]]
        made = some + 0.7 * chance.normal(size=some.shape)
        vectors[first : first + AT_ONCE] = made / np.linalg.norm(made, axis=1, keepdims=True)
    return vectors


def draw(found: list[Measured], path: Path) -> None:
    """Draw recall@10 against latency, and against memory, as PNG.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    with saved_figure(path, (9, 4)) as drawing:
        left, right = drawing.subplots(1, 2, sharey=True)
        for family in dict.fromkeys(one.family for one in found):
            some = [one for one in found if one.family == family]  # in the order of the dials
            recalls = [one.recall for one in some]
            left.plot([one.p50_ms for one in some], recalls, "o-", label=family)
            right.plot([one.bytes / 1e6 for one in some], recalls, "o", label=family)
        left.set_xlabel("ms a query, p50")
        right.set_xlabel("MB")
        left.set_ylabel("recall@10")
        left.set_xscale("log")
        right.set_xscale("log")
        left.set_title(f"{found[0].size:,} vectors of {DIMENSION}")
        right.legend()


def _faiss(run: Run, vectors: Floats, asked: tuple[Floats, list[set[int]]]) -> Iterator[Measured]:
    for family, dials in DIALS.items():
        run.tell(f"building {family} over {len(vectors):,}")
        begun = time.perf_counter()
        try:
            index = FaissIndex(family, DIMENSION, "cosine")  # type: ignore[arg-type]
        except MissingExtra:
            return
        index.add(np.arange(len(vectors)), vectors)
        built = time.perf_counter() - begun
        for dial in dials:
            index.dials = dial
            yield _asked(
                index,
                _told(family, dial),
                asked,
                built=built,
                size=partial(getattr, index, "bytes"),
            )
        index.close()


def _asked(
    index: VectorIndex, dial: str, asked: tuple[Floats, list[set[int]]], *, built: float,
    size: Callable[[], int],
) -> Measured:  # fmt: skip
    times, shares = [], []
    for query, true in zip(*asked, strict=True):
        begun = time.perf_counter()
        rows, _ = index.query(query, K)
        times.append(time.perf_counter() - begun)
        shares.append(len(true & set(rows.tolist())) / K)
    spread = spread_of(times)
    return Measured(
        index.name, dial, len(index.rows()), float(np.mean(shares)), spread["p50"],
        spread["p95"], built, size(),
    )  # fmt: skip


def _told(family: str, dial: Dials) -> str:
    named = {
        "hnsw": f"breadth {dial.breadth}",
        "ivf": f"probes {dial.probes}",
        "int8": f"candidates {dial.spare}",
    }
    return named.get(family, f"candidates {dial.candidates}")


def _figure(one: Measured, floor: float) -> Figure:
    name = f"index.{one.size}.{one.family}" + (f".{one.dial.replace(' ', '-')}" if one.dial else "")
    how = (
        f"recall@{K} {one.recall:.3f}, {one.bytes / 1e6:,.1f} MB, built in "
        f"{one.build_seconds:.1f} s; floor: exact scan"
    )
    return Figure(
        name, one.p50_ms, "ms", floor, QUERIES, spread={"p95": one.p95_ms, "recall": one.recall},
        how=how,
    )  # fmt: skip


def _size_of(place: Path) -> int:
    return sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
