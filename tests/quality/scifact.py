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
import csv
import gzip
import json
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memory_core.build import open_memory
from memory_core.embed.base import Embedder
from memory_core.embed.registry import make_embedder
from memory_core.types import Draft

BASE = "all-MiniLM-L6-v2"
DAY = datetime(2026, 1, 1, tzinfo=UTC)
CACHE = Path("~/.cache/memory-core/models").expanduser()
MARGIN = 0.95
NEGATIVES = 4


def corpus_of(place: Path) -> dict[str, str]:
    with gzip.open(place / "corpus.jsonl.gz", "rt", encoding="utf-8") as stream:
        rows = [json.loads(line) for line in stream]
    return {row["_id"]: f"{row.get('title', '')} {row['text']}".strip() for row in rows}


def queries_of(place: Path) -> dict[str, str]:
    rows = map(json.loads, (place / "queries.jsonl").read_text(encoding="utf-8").splitlines())
    return {row["_id"]: row["text"] for row in rows}


def qrels_of(place: Path, part: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    with (place / "qrels" / f"{part}.tsv").open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream, delimiter="\t"):
            if int(row["score"]) > 0:
                found.setdefault(row["query-id"], set()).add(row["corpus-id"])
    return found


def ndcg(ranked: list[str], relevant: set[str], k: int = 10) -> float:
    gained = sum(1 / np.log2(n + 2) for n, doc in enumerate(ranked[:k]) if doc in relevant)
    best = sum(1 / np.log2(n + 2) for n in range(min(k, len(relevant))))
    return float(gained / best)


def write_pairs(place: Path, out: Path, embedder: Embedder) -> None:
    corpus, queries, train = corpus_of(place), queries_of(place), qrels_of(place, "train")
    ids = list(corpus)
    table = embedder.encode_documents([corpus[doc] for doc in ids])
    where = {doc: n for n, doc in enumerate(ids)}
    with out.open("w", encoding="utf-8") as stream:
        for number, docs in sorted(train.items()):
            scores = table @ embedder.encode_query(queries[number])
            limit = max(scores[where[doc]] for doc in docs) * MARGIN
            best = [n for n in np.argsort(-scores)[:60] if ids[n] not in docs]
            wrong = [corpus[ids[n]] for n in best if scores[n] < limit][:NEGATIVES]
            for doc in sorted(docs):
                row = {"q": queries[number], "pos": corpus[doc], "neg": wrong, "src": "scifact"}
                stream.write(json.dumps({**row, "id": number}) + "\n")


def scores_of(place: Path, embedder: Embedder) -> NDArray[np.float64]:
    corpus, queries, test = corpus_of(place), queries_of(place), qrels_of(place, "test")
    ids = list(corpus)
    table = embedder.encode_documents([corpus[doc] for doc in ids])
    found = []
    for number, docs in sorted(test.items()):
        best = np.argsort(-(table @ embedder.encode_query(queries[number])))[:10]
        found.append(ndcg([ids[n] for n in best], docs))
    return np.array(found)


def recalled(place: Path, cache: Path, rerankers: list[str]) -> list[NDArray[np.float64]]:
    """Return by reranker what a memory that holds the corpus reaches, by question."""
    corpus, queries, test = corpus_of(place), queries_of(place), qrels_of(place, "test")
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
                for number, docs in sorted(test.items()):
                    hits = memory.recall(queries[number], k=10, record=False).hits
                    values.append(ndcg([ids[hit.id] for hit in hits], docs))
            found.append(np.array(values))
    return found


def interval(differences: NDArray[np.float64]) -> tuple[float, float]:
    draws = np.random.default_rng(1).choice(differences, (10_000, len(differences)))
    low, high = np.percentile(draws.mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def report(scored: Iterable[tuple[str, NDArray[np.float64]]]) -> None:
    first = None
    for name, scores in scored:
        print(f"{name}: nDCG@10 {scores.mean():.4f}", flush=True)
        if first is None:
            first = scores
            continue
        low, high = interval(scores - first)
        print(f"  {(scores - first).mean():+.4f}, 95 % interval {low:+.4f} to {high:+.4f}")


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
