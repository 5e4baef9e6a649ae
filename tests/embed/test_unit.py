"""Any function may embed, whatever the length of its vectors."""

from pathlib import Path

import numpy as np
import pytest

from memory_core import open_memory
from memory_core.embed.function import FunctionEmbedder


def counts(texts):
    letters = "abcdefghijklmnopqrstuvwxyz"
    return np.array([[text.lower().count(c) + 0.1 for c in letters] for text in texts])


@pytest.mark.parametrize("metric", ["cosine", "dot", "l2"])
def test_long_vectors_are_recalled_with_every_metric(tmp_path: Path, metric: str) -> None:
    embedder = FunctionEmbedder(counts, name="letters", dimension=26)
    with open_memory(tmp_path, embedder=embedder, metric=metric) as memory:
        memory.store_many([{"text": "zebra pizza jazz"}, {"text": "mellow moonlit evening"}])
        result = memory.recall("zebra pizza jazz")
        assert result.status == "ok"
        assert "dense" in result.hits[0].signals
        assert result.hits[0].memory.text == "zebra pizza jazz"
