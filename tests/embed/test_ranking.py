"""Sparse and late-interaction models rank a namespace; tiny ones are made here."""

from pathlib import Path

import numpy as np
import pytest

from memory_core import open_memory
from memory_core.embed.sentence_transformers_ranking import TextRanker
from memory_core.errors import EmbeddingFailed, ModelRejected
from memory_core.models.resolve import resolve
from memory_core.space import similar
from tests.embed.bodies import made

TEXTS = ["my cat sleeps all day", "the bank raised its rate", "a green tea in the garden"]


@pytest.fixture(scope="module")
def bodies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("bodies"))


@pytest.mark.parametrize("shape", ["sparse", "late"])
def test_the_scores_are_those_of_the_model(bodies: Path, tmp_path: Path, shape: str) -> None:
    from sentence_transformers import MultiVectorEncoder, SparseEncoder

    ranker = TextRanker(resolve(bodies / shape, cache_dir=tmp_path), shape)  # type: ignore[arg-type]
    found = ranker.scores("green tea", TEXTS)
    if shape == "sparse":
        model = SparseEncoder(str(bodies / shape), device="cpu")
        query, rows = (
            np.asarray(vectors.to_dense()) for vectors in (
                model.encode_query(["green tea"]), model.encode_document(TEXTS))
        )  # fmt: skip
        true = (rows @ query[0]).tolist()
    else:
        late = MultiVectorEncoder(str(bodies / shape), device="cpu")
        query = np.asarray(late.encode_query(["green tea"])[0])
        true = [
            float((query @ np.asarray(tokens).T).max(axis=1).sum())
            for tokens in late.encode_document(TEXTS)
        ]
    assert found.tolist() == pytest.approx(true, rel=1e-3)
    assert ranker.scores("tea", []).shape == (0,)


@pytest.mark.parametrize("shape", ["sparse", "late"])
def test_a_namespace_is_ranked_by_them(bodies: Path, tmp_path: Path, shape: str) -> None:
    ranker = TextRanker(resolve(bodies / shape, cache_dir=tmp_path), shape)  # type: ignore[arg-type]
    with open_memory(tmp_path / "home", embedder="hash:64") as memory:
        memory.store_many(TEXTS)
        found = similar(memory, TEXTS[2], k=2, by=ranker)
        scores = ranker.scores(TEXTS[2], TEXTS)
        assert [one.memory.text for one in found] == [TEXTS[n] for n in np.argsort(-scores)[:2]]
        assert found[0].similarity == pytest.approx(float(scores.max()), rel=1e-4)
        own = memory.list()[0]
        assert own.id not in [one.memory.id for one in similar(memory, own.id, by=ranker)]


def test_other_files_are_refused(bodies: Path, tmp_path: Path) -> None:
    wrong = TextRanker(resolve(bodies / "late", cache_dir=tmp_path), "sparse")
    with pytest.raises(EmbeddingFailed, match="sparse"):
        wrong.scores("tea", TEXTS)
    folder = tmp_path / "pickled"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(ModelRejected):
        resolve(folder, cache_dir=tmp_path)
