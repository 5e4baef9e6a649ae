"""Trains a cross-encoder listwise: the answer against hard wrong passages of the same question.

The loss is ListNet's cross entropy over the list (Cao et al. 2007). The start is a bi-encoder of
the same family: its layers know what texts mean, and its head is new. Batches hold passages of
similar length, so that little is padded.
"""

import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from memory_core.errors import InvalidInput
from memory_core.train.examples import Example, checked, split

HELD_OUT = 0.05
SURE = 10.0
"""Label of the answer; the loss takes the softmax of a list's labels, so 1 would leave the answer
two fifths of the certainty among five."""
CARD = "README.md"


@dataclass(frozen=True, slots=True)
class Schedule:
    """How a cross-encoder is trained; the defaults take about an hour on two cores."""

    epochs: float = 1.0
    queries: int = 16
    """Questions a step; each brings its answer and its negatives."""
    learning_rate: float = 5e-5
    warmup: float = 0.1
    """Share of the steps."""
    max_length: int = 128
    """Tokens of question and passage together that training reads."""
    seed: int = 7
    layers: tuple[int, ...] = ()
    """Which layers of the base are kept, from 0; all when empty."""
    freeze_words: bool = False
    """Whether the word vectors stay as they are: half of a small model's weights, half of the
    optimiser's time."""
    bf16: bool = True
    """Half-precision products; two to three times as fast where the processor has them."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What came out, and how good it is on held-out groups."""

    path: Path
    examples: int
    seconds: float
    loss: float
    mrr: float
    """Mean reciprocal rank of the answer among its list, on held-out groups."""
    mrr_before: float


def train_cross_encoder(
    base: Path,
    examples: Sequence[Example],
    out: Path,
    *,
    schedule: Schedule | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> Trained:
    """Train on the examples and write the model with its card to `out`.

    Args:
        base: directory of the model to start from; safetensors.
        examples: each with at least one negative.
        out: a directory that does not exist yet, or is empty.
        schedule: how; the default recipe's when None.
        tell: told how far it is.

    Raises:
        InvalidInput: nothing to learn from, or `out` holds something.
    """
    chosen = schedule or Schedule()
    usable = [example for example in checked(examples) if example.negatives]
    if len(usable) < 2 * chosen.queries:
        raise InvalidInput(
            f"{len(usable)} examples with negatives are too few; give {2 * chosen.queries} or more"
        )
    if out.exists() and any(out.iterdir()):
        raise InvalidInput(f"{out} is not empty; name a new directory")
    train, held = split(usable, HELD_OUT, chosen.seed)
    model = _start(base, chosen)
    before = mean_reciprocal_rank(model, held)
    tell(f"{len(train):,} lists to train on, {len(held):,} held out, MRR before {before:.3f}")
    begun = time.monotonic()
    loss = _fit(model, train, chosen, out)
    after = mean_reciprocal_rank(model, held)
    model.save_pretrained(str(out), safe_serialization=True)
    trained = Trained(out, len(train), time.monotonic() - begun, loss, after, before)
    _card(trained, train, chosen)
    return trained


def mean_reciprocal_rank(model: Any, examples: Sequence[Example]) -> float:
    """Return the mean reciprocal rank of the answers, 0..1; ties count against the model."""
    lists = [[example.positive, *example.negatives] for example in examples]
    pairs = [
        (example.query, text)
        for example, texts in zip(examples, lists, strict=True)
        for text in texts
    ]
    if not pairs:
        return 0.0
    every = np.asarray(model.predict(pairs, show_progress_bar=False))
    ranks = [
        1 + int(np.count_nonzero(scores[1:] >= scores[0]))
        for scores in np.split(every, np.cumsum([len(texts) for texts in lists])[:-1])
    ]
    return float(np.mean([1 / rank for rank in ranks]))


def _start(base: Path, schedule: Schedule) -> Any:
    import torch
    from sentence_transformers import CrossEncoder

    torch.manual_seed(schedule.seed)
    model = CrossEncoder(
        str(base),
        num_labels=1,
        max_length=schedule.max_length,
        device="cuda" if torch.cuda.is_available() else "cpu",
        trust_remote_code=False,
        local_files_only=True,
        model_kwargs={"use_safetensors": True},
    )
    body = model.model.base_model
    if schedule.layers:
        kept = [body.encoder.layer[number] for number in schedule.layers]
        body.encoder.layer = torch.nn.ModuleList(kept)
        model.config.num_hidden_layers = len(kept)
    if schedule.freeze_words:
        body.embeddings.word_embeddings.weight.requires_grad = False
    return model


def _fit(model: Any, train: Sequence[Example], schedule: Schedule, out: Path) -> float:
    import torch
    from datasets import Dataset
    from sentence_transformers.cross_encoder import (
        CrossEncoderTrainer,
        CrossEncoderTrainingArguments,
    )
    from sentence_transformers.cross_encoder.losses import ListNetLoss

    rows = Dataset.from_dict(
        {
            "query": [example.query for example in train],
            "passages": [[example.positive, *example.negatives] for example in train],
            "labels": [[SURE] + [0.0] * len(example.negatives) for example in train],
        }
    )
    arguments = CrossEncoderTrainingArguments(
        output_dir=str(out / "steps"),
        num_train_epochs=schedule.epochs,
        per_device_train_batch_size=schedule.queries,
        learning_rate=schedule.learning_rate,
        warmup_steps=schedule.warmup,
        bf16=schedule.bf16,
        use_cpu=not torch.cuda.is_available(),
        logging_steps=10,
        save_strategy="no",
        report_to="none",
        seed=schedule.seed,
        batch_sampler=_alike(train),
    )
    trainer = CrossEncoderTrainer(
        model=model, args=arguments, train_dataset=rows, loss=ListNetLoss(model)
    )
    result = trainer.train()
    history = {"log": trainer.state.log_history}
    out.mkdir(parents=True, exist_ok=True)
    (out / "training.json").write_text(json.dumps(history, indent=1))
    return float(result.training_loss)


def _alike(train: Sequence[Example]) -> Any:
    """Return a batch sampler that puts lists of similar length together, in random order."""
    from sentence_transformers.base.sampler import DefaultBatchSampler

    lengths = [max(map(len, (e.positive, *e.negatives))) for e in train]

    class Alike(DefaultBatchSampler):  # type: ignore[misc]
        def __iter__(self) -> Iterator[list[int]]:
            chance = random.Random(self.seed + self.epoch)
            order = sorted(range(len(lengths)), key=lambda n: lengths[n] + 24 * chance.random())
            size = self.batch_size
            batches = [order[n : n + size] for n in range(0, len(order), size)]
            chance.shuffle(batches)
            yield from batches

    return Alike


def _card(trained: Trained, train: Sequence[Example], schedule: Schedule) -> None:
    sources: dict[str, int] = {}
    for example in train:
        sources[example.source] = sources.get(example.source, 0) + 1
    counted = "\n".join(f"| {name} | {number:,} |" for name, number in sorted(sources.items()))
    settings = "\n".join(f"| {name} | {value} |" for name, value in asdict(schedule).items())
    text = f"""# A cross-encoder for memory recall

Reads a question and one dated passage, `[8 May 2023] Nora: text`, and gives one logit.

Held-out mean reciprocal rank: {trained.mrr_before:.3f} before, {trained.mrr:.3f} after
{trained.seconds / 60:.0f} minutes on {trained.examples:,} lists.

| source | lists |
|---|---|
{counted}

| setting | value |
|---|---|
{settings}
"""
    (trained.path / CARD).write_text(text, encoding="utf-8")
