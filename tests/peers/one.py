"""One system in a process of its own: fill it, ask it, write what came back as JSON.

python -m tests.peers.one NAME FILE OUT [--conversations N]
"""

import argparse
import importlib
import json
import resource
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from memory_core.evals.locomo import locomo
from memory_core.evals.metrics import found
from memory_core.evals.task import Haystack
from memory_core.journal.lexical import indexed
from memory_core.models.resolve import DEFAULT, resolve
from tests.peers.peer import Place, Turn

PEERS = {
    "memory-core": ("tests.peers.ours", "Ours", ()),
    "chroma": ("tests.peers.raw_chroma", "RawChroma", ("chromadb",)),
    "mem0": ("tests.peers.mem0_oss", "Mem0", ("mem0ai",)),
    "langgraph": ("tests.peers.langgraph_store", "LangGraphStore", ("langgraph-checkpoint",)),
    "llama-index": ("tests.peers.llama_index_memory", "LlamaIndexMemory", ("llama-index-core",)),
    "mempalace": ("tests.peers.mempalace_drawers", "MemPalace", ("mempalace",)),
}
"""Name -> module, class, distributions whose versions are told."""
K = 20
METRICS = ("recall@5", "recall@10", "recall@20", "all@10", "ndcg@10", "mrr")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=PEERS)
    parser.add_argument("file", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--conversations", type=int)
    given = parser.parse_args()
    haystacks = list(islice(locomo(given.file).haystacks(), given.conversations))
    with tempfile.TemporaryDirectory() as home:
        told = measured(given.name, haystacks, Path(home))
    given.out.write_text(json.dumps(told, indent=1) + "\n")


def measured(name: str, haystacks: list[Haystack], home: Path) -> dict[str, Any]:
    module, attribute, distributions = PEERS[name]
    model = resolve(DEFAULT, cache_dir=home / "models").path
    peer = getattr(importlib.import_module(module), attribute)(Place(home, Path(model)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    storing, asking, rows = 0.0, [], []
    for haystack in haystacks:
        turns = list(turns_of(haystack))
        begun = time.perf_counter()
        peer.store(haystack.name, turns)
        storing += time.perf_counter() - begun
        questions = [question for question in haystack.questions if question.answerable]
        peer.recall(haystack.name, questions[0].text, K)  # loads what is loaded at first use
        for question in questions:
            begun = time.perf_counter()
            keys = peer.recall(haystack.name, question.text, K)
            asking.append(time.perf_counter() - begun)
            rows.append(found(list(dict.fromkeys(keys)), question.gold["turn"]))
    p50, p95 = np.percentile(asking, (50, 95)) * 1000
    memories = sum(len(haystack.drafts) for haystack in haystacks)
    return {
        "name": name, "settings": peer.settings, "versions": _versions(distributions),
        "questions": len(rows), "memories": memories,
        "quality": {m: float(np.mean([row.value(m) for row in rows])) for m in METRICS},
        "rows": [{"ranks": row.ranks, "gold": row.gold} for row in rows],
        "store_ms_a_text": storing / memories * 1000, "recall_p50_ms": float(p50),
        "recall_p95_ms": float(p95), "started_mib": before / 1024,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }  # fmt: skip


def turns_of(haystack: Haystack) -> Iterator[Turn]:
    """Yield the drafts as every system gets them."""
    for draft in haystack.drafts:
        yield Turn(
            key=draft.key or "",
            text=indexed(draft.text, draft.speaker),
            speaker=draft.speaker or "",
            said=draft.text,
            session=draft.session or "",
            at=draft.occurred_at.isoformat() if draft.occurred_at else "",
        )


def _versions(distributions: tuple[str, ...]) -> str:
    from importlib.metadata import version

    from memory_core import __version__

    told = [f"{name} {version(name)}" for name in distributions]
    return ", ".join(told) or f"memory-core {__version__}"


if __name__ == "__main__":
    main()
