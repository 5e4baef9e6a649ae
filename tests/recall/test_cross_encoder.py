import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest

from memory_core.errors import ModelNotFound, ModelRejected
from memory_core.recall.rerank_torch import CrossEncoderReranker

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "ana", "lives", "in", "lisbon", "where"]


def save_model(path, labels=1, spread=0.02, words=0):
    """Save a cross-encoder of two tiny layers with weights from a fixed seed."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    path.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(3)
    config = transformers.BertConfig(
        vocab_size=max(words, len(WORDS)),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        num_labels=labels,
        initializer_range=spread,
    )
    transformers.BertForSequenceClassification(config).save_pretrained(path)
    vocabulary = [*WORDS, *(f"w{n}" for n in range(words - len(WORDS)))]
    (path / "vocab.txt").write_text("\n".join(vocabulary))
    tokenizer = transformers.BertTokenizerFast(str(path / "vocab.txt"), model_max_length=64)
    tokenizer.save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("models") / "tiny")


def test_it_gives_float32_logits_in_the_order_of_the_passages(model):
    reranker = CrossEncoderReranker(model, revision="7")
    passages = ["ana lives in lisbon", "where", "in in in in in in"]
    together = reranker.score("where lives ana", passages)
    alone = [reranker.score("where lives ana", [p])[0] for p in passages]
    assert together.dtype == np.float32 and together.shape == (3,)
    assert together == pytest.approx(alone, abs=1e-5)
    assert len(set(together.tolist())) == 3
    assert (reranker.name, reranker.revision) == ("tiny", "7")


def test_no_passages_no_model(tmp_path):
    assert CrossEncoderReranker(tmp_path / "absent").score("q", []).shape == (0,)


def test_a_missing_model_says_where_and_what_to_do(tmp_path):
    with pytest.raises(ModelNotFound, match=r"absent.*memory models pull"):
        CrossEncoderReranker(tmp_path / "absent").score("q", ["p"])


def test_pickled_weights_are_refused(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(ModelRejected, match="safetensors"):
        CrossEncoderReranker(tmp_path).score("q", ["p"])


def test_broken_weights_are_refused(tmp_path):
    path = save_model(tmp_path / "broken")
    (path / "model.safetensors").write_bytes(b"not safetensors")
    with pytest.raises(ModelRejected, match="does not load"):
        CrossEncoderReranker(path).score("q", ["p"])


def test_a_model_with_several_labels_is_refused(tmp_path):
    path = save_model(tmp_path / "three", labels=3)
    with pytest.raises(ModelRejected, match="3 scores per pair"):
        CrossEncoderReranker(path).score("q", ["p"])
