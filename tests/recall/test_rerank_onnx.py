import threading

import numpy as np
import pytest

from memory_core.errors import ModelRejected
from memory_core.models.export import can_export, export
from memory_core.models.onnx_file import OnnxPlace
from memory_core.models.resolve import resolve
from memory_core.recall.rerank import Warmed
from memory_core.recall.rerank_onnx import OnnxReranker, local_reranker
from memory_core.recall.rerank_torch import CrossEncoderReranker
from tests.recall.test_cross_encoder import save_model

pytestmark = pytest.mark.skipif(not can_export(), reason="the extra `onnx` is not installed")

QUERY = "where lives ana"
PASSAGES = ["ana lives in lisbon", "where", "in in in in in in", "lisbon " * 100, "ana ana"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = save_model(tmp_path_factory.mktemp("models") / "tiny", spread=0.3)
    return resolve(folder, cache_dir=folder)


@pytest.fixture(scope="module")
def cache(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    export(model, cache_dir=folder, precision="int8")
    return folder


@pytest.fixture(scope="module")
def torch(model):
    return CrossEncoderReranker(model.path, name=model.name, revision=model.revision)


def test_its_logits_are_those_of_torch(model, cache, torch):
    ours = OnnxReranker(model, cache)
    want = torch.score(QUERY, PASSAGES)
    got = ours.score(QUERY, PASSAGES)
    assert got.dtype == np.float32 and got.shape == want.shape
    assert np.abs(got - want).max() <= 1e-4
    assert len(set(np.round(got, 4).tolist())) == len(PASSAGES)
    assert (ours.name, ours.revision) == (torch.name, torch.revision)


def test_int8_is_near_and_says_so(model, cache, torch):
    ours = OnnxReranker(model, cache, precision="int8")
    assert (
        np.abs(ours.score(QUERY, PASSAGES) - torch.score(QUERY, PASSAGES)).max() <= 0.1
    )  # of a range of 0.9
    alone = [ours.score(QUERY, [passage])[0] for passage in PASSAGES]
    assert ours.score(QUERY, PASSAGES) == pytest.approx(alone, abs=1e-6)
    assert ours.revision == f"{model.revision}-int8"


def test_it_loads_beside_other_work(model, cache, tmp_path):
    ours = OnnxReranker(model, cache)
    ours.warm()
    for thread in threading.enumerate():
        if thread.name == "reranker":
            thread.join()
    assert isinstance(ours, Warmed) and isinstance(ours._judge, tuple)
    missing = OnnxReranker(model, tmp_path)
    missing.warm()
    assert "reranker" not in {thread.name for thread in threading.enumerate()}


def test_a_fault_of_loading_shows_at_the_judging(model, tmp_path):
    path = export(model, cache_dir=tmp_path)
    path.write_bytes(path.read_bytes()[:-9])
    ours = OnnxReranker(model, tmp_path, otherwise=Refusing())
    ours.warm()
    with pytest.raises(ModelRejected, match="never asked"):
        ours.score(QUERY, PASSAGES)


class Refusing:
    name = revision = ""

    def logits(self, query, passages):
        raise ModelRejected("never asked in vain")

    score = logits


def test_auto_takes_the_file_if_there_is_one(model, cache, tmp_path):
    assert isinstance(local_reranker(model, cache), OnnxReranker)
    assert isinstance(local_reranker(model, tmp_path), CrossEncoderReranker)
    assert isinstance(local_reranker(model, cache, "torch"), CrossEncoderReranker)


def test_a_damaged_file_leaves_the_judging_to_torch(model, tmp_path, torch):
    path = export(model, cache_dir=tmp_path)
    path.write_bytes(path.read_bytes()[:-9])
    auto = local_reranker(model, tmp_path)
    assert auto.score(QUERY, PASSAGES) == pytest.approx(torch.score(QUERY, PASSAGES))


def test_a_damaged_file_is_exported_anew_when_onnx_is_asked_for(model, tmp_path, torch):
    path = export(model, cache_dir=tmp_path)
    path.write_bytes(path.read_bytes()[:-9])
    again = local_reranker(model, tmp_path, "onnx")
    assert again.score(QUERY, PASSAGES) == pytest.approx(torch.score(QUERY, PASSAGES), abs=1e-4)
    assert OnnxPlace(model, tmp_path).read()


def test_a_model_with_several_labels_is_refused(tmp_path):
    folder = save_model(tmp_path / "three", labels=3)
    three = resolve(folder, cache_dir=tmp_path)
    with pytest.raises(ModelRejected, match="3 scores per pair"):
        local_reranker(three, tmp_path, "onnx").score("q", ["p"])


def test_no_passages_no_model(model, tmp_path):
    assert OnnxReranker(model, tmp_path).score("q", []).shape == (0,)
