"""What tuning and the cross-encoder do on SciFact: nDCG@10 on its test part.

    python -m tests.quality.scifact pairs ../shared/data/ir/scifact pairs.jsonl
    memory train bi-encoder tuned --pairs pairs.jsonl
    python -m tests.quality.scifact test ../shared/data/ir/scifact all-MiniLM-L6-v2 tuned
    python -m tests.quality.scifact recall ../shared/data/ir/scifact off default

The last stores the corpus in a memory and asks it, with each of the cross-encoders. Hard negatives
are mined with the base model; the interval is a paired bootstrap over the 300 test questions.
Nothing of the test part is in the pairs.
"""

import argparse
import json
import tempfile
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memory_core.build import open_memory
from memory_core.embed.base import Embedder
from memory_core.embed.registry import make_embedder
from memory_core.evals.intervals import paired
from memory_core.evals.ir_data import Retrieval, read_retrieval
from memory_core.evals.metrics import Found
from memory_core.types import Draft

BASE = "all-MiniLM-L6-v2"
DAY = datetime(2026, 1, 1, tzinfo=UTC)
CACHE = Path("~/.cache/memory-core/models").expanduser()
MARGIN = 0.95
NEGATIVES = 4


def texts_of(found: Retrieval) -> dict[str, str]:
    """Return what is embedded of each document."""
    return {doc: f"{title} {text}".strip() for doc, (title, text) in found.corpus.items()}


def ndcg(ranked: Sequence[str], relevant: Collection[str]) -> float:
    """Return nDCG@10 of a ranking."""
    ranks = tuple(rank for rank, doc in enumerate(ranked, 1) if doc in relevant)
    return Found(ranks, len(relevant)).ndcg_at(10)


def write_pairs(place: Path, out: Path, embedder: Embedder) -> None:
    read = read_retrieval(place, "train")
    corpus = texts_of(read)
    ids = list(corpus)
    table = embedder.encode_documents([corpus[doc] for doc in ids])
    where = {doc: n for n, doc in enumerate(ids)}
    with out.open("w", encoding="utf-8") as stream:
        for number, docs in sorted(read.qrels.items()):
            scores = table @ embedder.encode_query(read.queries[number])
            limit = max(scores[where[doc]] for doc in docs) * MARGIN
            best = [n for n in np.argsort(-scores)[:60] if ids[n] not in docs]
            wrong = [corpus[ids[n]] for n in best if scores[n] < limit][:NEGATIVES]
            for doc in sorted(docs):
                row = {"q": read.queries[number], "pos": corpus[doc], "neg": wrong, "id": number}
                stream.write(json.dumps({**row, "src": "scifact"}) + "\n")


def scores_of(place: Path, embedder: Embedder) -> NDArray[np.float64]:
    read = read_retrieval(place)
    corpus = texts_of(read)
    ids = list(corpus)
    table = embedder.encode_documents([corpus[doc] for doc in ids])
    found = []
    for number, docs in sorted(read.qrels.items()):
        best = np.argsort(-(table @ embedder.encode_query(read.queries[number])))[:10]
        found.append(ndcg([ids[n] for n in best], docs))
    return np.array(found)


def recalled(place: Path, cache: Path, rerankers: list[str]) -> list[NDArray[np.float64]]:
    """Return by reranker what a memory that holds the corpus reaches, by question."""
    read = read_retrieval(place)
    corpus = texts_of(read)
    drafts = [Draft(text=text, key=doc, occurred_at=DAY) for doc, text in corpus.items()]
    found = []
    with tempfile.TemporaryDirectory() as home:
        for reranker in rerankers:
            with open_memory(
                home, embedder=BASE, reranker=reranker, runtime="onnx", models_dir=cache,
                min_relevance=0,
            ) as memory:  # fmt: skip
                stored = memory.store_many(drafts).stored  # the second time as they are
                memory.parts.catchup.drain()
                ids = {one.id: doc for one, doc in zip(stored, corpus, strict=True)}
                values = []
                for number, docs in sorted(read.qrels.items()):
                    hits = memory.recall(read.queries[number], k=10, record=False).hits
                    values.append(ndcg([ids[hit.id] for hit in hits], docs))
            found.append(np.array(values))
    return found


def against(first: NDArray[np.float64], second: NDArray[np.float64]) -> str:
    """Tell how much more the second reaches on the same questions."""
    gain = paired(first.tolist(), second.tolist())
    return f"{gain.value:+.4f}, 95 % interval {gain.low:+.4f} to {gain.high:+.4f}"


def report(scored: Iterable[tuple[str, NDArray[np.float64]]]) -> None:
    """Tell what each reaches, and how much more than each of those before it."""
    before: dict[str, NDArray[np.float64]] = {}
    for name, scores in scored:
        print(f"{name}: nDCG@10 {scores.mean():.4f}", flush=True)
        for other, theirs in before.items():
            print(f"  against {other}: {against(theirs, scores)}", flush=True)
        before[name] = scores


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("pairs", "test", "recall"))
    parser.add_argument("place", type=Path)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--runtime", default="auto")
    parser.add_argument("--cache", type=Path, default=CACHE)
    options = parser.parse_args()

    def made(name: str) -> Embedder:
        return make_embedder(name, cache_dir=options.cache, runtime=options.runtime)

    if options.what == "pairs":
        write_pairs(options.place, Path(options.names[0]), made(BASE))
    elif options.what == "test":
        report((name, scores_of(options.place, made(name))) for name in options.names)
    else:
        found = recalled(options.place, options.cache, options.names)
        bare = (BASE, scores_of(options.place, made(BASE)))
        told = [f"recall, reranker {name}" for name in options.names]
        report([bare, *zip(told, found, strict=True)])


if __name__ == "__main__":
    main()
