"""Everything except retrieval and the reranker stays within 2 ms for 256 candidates."""

import sys
import time

import numpy as np
import pytest

from memory_core.answers import Hit, Hits
from memory_core.recall.diversify import DiversifyStage
from memory_core.recall.fuse import FuseStage
from memory_core.recall.pack import pack
from memory_core.recall.rerank import RerankStage
from memory_core.recall.retrieve import DenseStage, LexicalStage
from memory_core.recall.score import ScoreStage
from tests.recall.world import Said, World, ask

BUDGET = 0.002  # seconds


@pytest.mark.skipif(sys.gettrace() is not None, reason="tracing slows it")
def test_the_stages_after_retrieval_cost_under_two_milliseconds():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(256, 384)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    world = World([Said(f"Lisbon note {n}", row) for n, row in enumerate(rows)])
    table = rows[:, :]
    world.matrix = lambda docs: table[docs - 1]
    q = ask("Lisbon", world, vector=rows[0], token_budget=800)
    reader = world.reader
    found = LexicalStage(reader, 256)(q, DenseStage(world, reader, 128)(q, Hits()))
    assert len(found) == 256
    stages = [FuseStage(world, reader), RerankStage(None), ScoreStage(), DiversifyStage(world)]
    world.loads.clear()

    def once() -> float:
        begun = time.process_time()
        hits = found
        for stage in stages:
            hits = stage(q, hits)
        pack(hits.items, q.token_budget, lambda text: len(text) // 4, q.text)
        return time.process_time() - begun

    def floor() -> float:
        begun = time.process_time()
        for h in found:
            Hit(h.version, h.facts, h.origin, 0.0, h.signals, h.terms, h.span, h.reasons)
        return time.process_time() - begun

    once()
    fastest = min(once() for _ in range(60))
    slow_machine = 12 * min(floor() for _ in range(60))  # building the hits once, twelve times
    assert set(world.loads) <= {h.version for h in found} and len(set(world.loads)) == 8
    assert fastest < max(BUDGET, slow_machine)
