"""Contradictions by a local NLI cross-encoder: a tiny real one, trained here on a closed world."""

import json
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from memory_core import open_memory
from memory_core.errors import InvalidSetting, ModelNotFound, ModelRejected
from memory_core.lifecycle.nli import NliDetector, detector_of, labels_of
from memory_core.lifecycle.review import accept, proposals, propose
from memory_core.models.export import can_export, export
from memory_core.models.resolve import resolve

LABELS = ("entailment", "neutral", "Contradiction")
COLOURS = ("blue", "green", "red")
THINGS = ("door", "boat")
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "is", "painted", *COLOURS, *THINGS]


def said(thing: str, colour: str) -> str:
    return f"The {thing} is painted {colour}"


def trained(folder: Path) -> Path:
    """Train one layer to say what two sentences on painted things are to each other."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(5)
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    tokenizer = transformers.BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=64)
    shape = transformers.BertConfig(
        vocab_size=len(WORDS), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=64, max_position_embeddings=64, num_labels=3,
        id2label=dict(enumerate(LABELS)), hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0, initializer_range=0.2,
    )  # fmt: skip
    model = transformers.BertForSequenceClassification(shape)
    world = [(thing, colour) for thing in THINGS for colour in COLOURS]
    pairs = [(one, two) for one in world for two in world]
    rows = tokenizer([said(*a) for a, _ in pairs], [said(*b) for _, b in pairs],
                     padding=True, return_tensors="pt")  # fmt: skip
    gold = torch.tensor([1 if a[0] != b[0] else 0 if a == b else 2 for a, b in pairs])
    steps = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(150):
        loss = torch.nn.functional.cross_entropy(model(**rows).logits, gold)
        steps.zero_grad()
        loss.backward()
        steps.step()
    torch.set_num_threads(before)
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("models") / "tiny-nli")


def test_the_setting_names_the_judge_and_review_confirms(model: Path, tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash", conflicts=f"nli:{model}") as memory:
        old = memory.store(said("door", "blue"), speaker="Ana", occurred_at="2026-01-01")
        memory.store(said("boat", "red"), speaker="Ana", occurred_at="2026-01-02")
        new = memory.store(said("door", "green"), speaker="Ana", occurred_at="2026-02-01")
        memory.store("Is the door painted red?", speaker="Ana", occurred_at="2026-02-02")
        (found,) = propose(memory)
        assert (found.rule, found.earlier.id, found.later.id) == ("nli", old.id, new.id)
        closed = accept(memory, found.id)
        assert (closed.state, closed.valid_to) == ("superseded", new.occurred_at)
        assert proposals(memory) == propose(memory) == ()
    with open_memory(tmp_path, embedder="hash") as memory:  # the rules know nothing of colours
        assert propose(memory) == ()


def test_both_directions_must_contradict_and_labels_come_from_the_config(model: Path) -> None:
    found = resolve(model, cache_dir=model)
    assert labels_of(found) == ["entailment", "neutral", "contradiction"]
    judge = NliDetector(found, model)
    assert judge.probability(said("boat", "red"), said("boat", "blue")) > 0.9
    assert judge.probability(said("boat", "red"), said("boat", "red")) < 0.1
    assert judge.probability(said("boat", "red"), said("door", "blue")) < 0.1


@pytest.mark.skipif(not can_export(), reason="the extra `onnx` is not installed")
def test_onnxruntime_gives_the_same(model: Path, tmp_path: Path) -> None:
    found = resolve(model, cache_dir=tmp_path)
    pair = said("boat", "red"), said("boat", "blue")
    torch = NliDetector(found, tmp_path).probability(*pair)
    export(found, cache_dir=tmp_path)
    assert NliDetector(found, tmp_path).probability(*pair) == pytest.approx(torch, abs=1e-4)


@pytest.mark.parametrize(
    "labels", [{"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"}, {"0": "a", "2": "b"}, [1], None]
)
def test_a_model_without_such_a_label_is_refused(
    model: Path, tmp_path: Path, labels: object
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for file in model.iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps({**config, "id2label": labels}))
    with open_memory(tmp_path / "home", embedder="hash", conflicts=f"nli:{other}") as memory:
        memory.store(said("door", "blue"))
        with pytest.raises(ModelRejected, match=r"other.*(language inference|get the model again)"):
            propose(memory)
        assert memory.journal.head.seq == 1


def test_a_name_that_means_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="conflicts"):
        open_memory(tmp_path, embedder="hash", conflicts="nli")
    with open_memory(tmp_path, embedder="hash", conflicts="nli:no-such-model") as memory:
        memory.store("a")
        with pytest.raises(ModelNotFound, match="no-such-model"):
            propose(memory)
        assert memory.parts.wiring is not None
        with pytest.raises(ModelNotFound):
            detector_of(memory.parts.wiring.settings)
