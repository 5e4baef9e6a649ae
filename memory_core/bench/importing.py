"""Import until the last vector, against the fastest encode of the same texts."""

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from memory_core import config
from memory_core.bench.corpus import Corpus, Said
from memory_core.bench.figure import Figure, Run, Target
from memory_core.bench.filling import embedder_of
from memory_core.build import open_memory
from memory_core.embed.base import Embedder
from memory_core.embed.registry import make_embedder
from memory_core.errors import InvalidSetting
from memory_core.interchange.jsonl import NAME, VERSION
from memory_core.interchange.transfer import import_records, surviving
from memory_core.journal.lexical import indexed
from memory_core.manager import MemoryManager

TARGET = Target("ratio", 0.85, at_least=True)
BATCHES = (8, 16, 32, 64)
_PROBED = 256


def bench_import(run: Run) -> Iterator[Figure]:
    """Measure records a second by median; a round imports other texts, then encodes the same."""
    corpus = Corpus(run.seed)
    real = embedder_of(run)
    run.tell("looking for the fastest batch size")
    fastest, batch = _fastest(run, real, [said.text for said in corpus.take(_PROBED)])
    ours, floor = [], []
    for place in range(run.rounds):
        run.tell(f"importing {run.records:,} records, round {place + 1} of {run.rounds}")
        said = list(corpus.take(run.records))
        file = _written(run.place / f"import-{place}.jsonl", said)
        with open_memory(run.place / "import", namespace=f"r{place}", **_with(run, real)) as memory:
            ours.append(_seconds_to_import(memory, file, len(said)))
        floor.append(min(_seconds_to_encode(fastest, said), _elsewhere(fastest, said)))
    rate = [run.records / median(seconds) for seconds in (ours, floor)]
    yield Figure(
        "import", rate[0], "records/s", rate[1], run.records * run.rounds, target=TARGET,
        how=f"JSONL to last vector; floor: length-sorted encode, batches of {batch}, same texts",
    )  # fmt: skip


def _seconds_to_import(memory: MemoryManager, file: Path, count: int) -> float:
    begun = time.perf_counter()
    report = import_records(memory, surviving(file))
    left = memory.parts.catchup.drain()
    taken = time.perf_counter() - begun
    if report.stored != count or left:
        raise RuntimeError(f"{report.stored} of {count} records stored, {left} without vectors")
    return taken


def _seconds_to_encode(embedder: Embedder, said: Sequence[Said]) -> float:
    texts = sorted((indexed(one.text, one.speaker) for one in said), key=len)
    begun = time.perf_counter()
    embedder.encode_documents(texts)
    return time.perf_counter() - begun


def _elsewhere(embedder: Embedder, said: Sequence[Said]) -> float:
    """Encode in a thread of its own: on a busy machine that is often faster than in the main."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_seconds_to_encode, embedder, said).result()


def _fastest(run: Run, real: Embedder, texts: Sequence[str]) -> tuple[Embedder, str]:
    """Return the model with the batch size that encodes the texts fastest."""
    ordered = sorted(texts, key=len)
    times: dict[str, tuple[float, Embedder]] = {}
    for name, embedder in _candidates(run, real):
        embedder.encode_documents(ordered[:8])  # loads the model
        begun = time.perf_counter()
        embedder.encode_documents(ordered)
        times[name] = (time.perf_counter() - begun, embedder)
    best = min(times, key=lambda name: times[name][0])
    return times[best][1], best


def _candidates(run: Run, real: Embedder) -> Iterator[tuple[str, Embedder]]:
    settings = config.load(run.place, run.settings)
    directory = settings.models_dir.expanduser()
    for size in BATCHES:
        try:
            yield str(size), make_embedder(settings.embedder, cache_dir=directory, batch_size=size)
        except InvalidSetting:  # this kind of model has no batches
            yield "any", real
            return


def _with(run: Run, real: Embedder) -> dict[str, Any]:
    return {**run.settings, "embedder": real}


def _written(path: Path, said: Sequence[Said]) -> Path:
    with path.open("w", encoding="utf-8") as file:
        for line in ({"format": NAME, "version": VERSION}, *(one.fields for one in said)):
            file.write(json.dumps(line, default=datetime.isoformat) + "\n")
    return path
