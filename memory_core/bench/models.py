"""How fast a local model runs on torch and on onnxruntime, and what int8 loses, in one run."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import numpy as np

from memory_core import config
from memory_core.bench.corpus import Corpus
from memory_core.bench.figure import Figure, Run, Target, spread_of
from memory_core.embed.base import Embedder
from memory_core.embed.runtime import Runtime, local_embedder
from memory_core.models.export import can_export, export
from memory_core.models.onnx_file import PRECISIONS, exported
from memory_core.models.resolve import ResolvedModel, resolve

TEXTS = 256
RUNTIMES: tuple[Runtime, ...] = ("torch", "onnx", "onnx-int8")


def bench_models(run: Run) -> Iterator[Figure]:
    """Measure texts per second and one query on every runtime, in turns with torch."""
    settings = config.load(run.place, run.settings)
    if settings.embedder.partition(":")[0] in ("hash", "openai"):
        return
    model = resolve(settings.embedder, cache_dir=settings.models_dir.expanduser())
    served = _served(run, model, settings.models_dir.expanduser())
    texts = [said.text for said in Corpus(run.seed).take(TEXTS)]
    for name, embedder in served.items():
        run.tell(f"loading {name}")
        embedder.encode_documents(texts[:8])
    batch = _timed(run, served, lambda one: one.encode_documents(texts), run.rounds)
    query = _timed(run, served, lambda one: one.encode_query(texts[0]), run.recalls)
    floor = TEXTS / float(np.median(batch["torch"]))
    for name, seconds in batch.items():
        yield _speed(name, TEXTS / float(np.median(seconds)), floor, len(seconds))
    for name, seconds in query.items():
        yield _latency(name, seconds, spread_of(query["torch"])["p50"])
    if {"onnx", "onnx-int8"} <= served.keys():
        yield _loss(served, texts)


def _served(run: Run, model: ResolvedModel, cache: Path) -> dict[str, Embedder]:
    """Return the runtimes there are; what is not exported is exported beside, if possible."""
    if exported(model, cache) != PRECISIONS and can_export():
        run.tell(f"exporting {model.name}")
        cache = run.place / "models"
        export(model, cache_dir=cache, precision="int8")
    there = {"torch", *("onnx" if p == "float32" else "onnx-int8" for p in exported(model, cache))}
    return {name: local_embedder(model, cache, name) for name in RUNTIMES if name in there}


def _timed(
    run: Run, served: dict[str, Embedder], work: Callable[[Embedder], object], count: int
) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in served}
    for place in range(count):
        run.tell(f"round {place + 1} of {count}")
        for name, embedder in served.items():
            begun = time.perf_counter()
            work(embedder)
            times[name].append(time.perf_counter() - begun)
    return times


def _speed(name: str, rate: float, torch: float, n: int) -> Figure:
    how = f"{TEXTS} short texts in one call on {name}; floor: torch"
    floor, target = (None, None) if name == "torch" else (torch, Target("ratio", 1, at_least=True))
    return Figure(f"models.texts.{name}", rate, "texts/s", floor, n, target=target, how=how)


def _latency(name: str, seconds: list[float], torch: float) -> Figure:
    spread = spread_of(seconds)
    value = spread.pop("p50")
    floor, target = (None, None) if name == "torch" else (torch, Target("ratio", 1))
    return Figure(
        f"models.query.{name}", value, "ms", floor, len(seconds), target=target, spread=spread,
        how=f"one query on {name}; floor: torch",
    )  # fmt: skip


def _loss(served: dict[str, Embedder], texts: list[str]) -> Figure:
    exact, int8 = (served[name].encode_documents(texts) for name in ("onnx", "onnx-int8"))
    cosine = cast("list[float]", (exact * int8).sum(axis=1).tolist())
    return Figure(
        "models.loss.onnx-int8", float(np.mean(cosine)), "cosine", None, len(cosine),
        spread={"worst": min(cosine)}, how="cosine of int8 and float32 vectors of a text",
    )  # fmt: skip
