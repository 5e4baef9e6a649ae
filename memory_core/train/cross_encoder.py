"""Trains a cross-encoder: the answer against hard wrong passages of the same question.

The start is a bi-encoder of the same family: its layers know what texts mean, and its head is new;
or a cross-encoder, which learns on. Batches hold passages of similar length, so that little is
padded.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memory_core.errors import InvalidInput
from memory_core.models.layout import require_new
from memory_core.models.resolve import resolve
from memory_core.train.card import Outcome, Report, write_report
from memory_core.train.examples import NEEDS_WRONG, Example, checked, require_teaching, split
from memory_core.train.fitting import (
    History,
    Pace,
    Tell,
    arguments,
    device,
    hushed,
    run,
    steps_of,
    without_examples,
)
from memory_core.train.lora import weights
from memory_core.train.losses import SURE, ListLoss, make_list_loss

ABOUT = """A cross-encoder for memory recall

Reads a question and one dated passage, `[8 May 2023] Nora: text`, and gives one logit.\
"""
MEASURE = "held-out_mrr"

Teacher = Callable[[str, Sequence[str]], NDArray[np.float32]]
"""Gives one logit a passage, as a reranker's `score`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule(Pace):
    """How a cross-encoder is trained; the defaults take about an hour on two cores.

    A batch counts questions, each with its answer and its negatives.
    """

    loss: ListLoss = "listwise"
    layers: tuple[int, ...] = ()
    """Which layers of the base are kept, from 0; all when empty."""
    freeze_words: bool = False
    """Whether the word vectors stay as they are: half of a small model's weights, half of the
    optimiser's time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained(Outcome):
    """What came out, and how good it is on held-out groups."""

    mrr_before: float
    """Mean reciprocal rank of the answer among its list, on held-out groups, 0..1."""
    mrr: float


@hushed()
def train_cross_encoder(
    base: Path,
    examples: Sequence[Example],
    out: Path,
    *,
    schedule: Schedule | None = None,
    held: Sequence[Example] = (),
    teacher: Teacher | None = None,
    tell: Tell = lambda text: None,
) -> Trained:
    """Train on the examples and write the model, its curves and its card to `out`.

    Args:
        base: directory of the model to start from; safetensors.
        examples: each with at least one negative; those without are left out.
        out: a directory that does not exist yet, or is empty.
        schedule: how; the defaults when None.
        held: what it is judged by; a share of the examples, whole groups, when empty.
        teacher: whose logits are learnt, for the loss `distill` and no other.
        tell: told how far it is.

    Raises:
        InvalidInput: the examples cannot teach, a teacher is missing or not wanted, or `out`
            holds something; nothing was trained.
    """
    chosen = schedule or Schedule()
    if (chosen.loss == "distill") != (teacher is not None):
        raise InvalidInput("the loss distill, and no other, learns from a teacher; name both")
    require_new(out)
    train, judged = _parts(examples, held, chosen)
    model = _start(base, chosen)
    before = mean_reciprocal_rank(model, judged)
    tell(f"{len(train):,} lists to learn from, {len(judged):,} held out, MRR {before:.3f}")
    begun = time.monotonic()
    labels = _labels(train, teacher)
    history = _fit(model, train, labels, held=judged, schedule=chosen, out=out)
    after = mean_reciprocal_rank(model, judged)
    model.save_pretrained(str(out), safe_serialization=True, create_model_card=False)
    trained = Trained(
        path=out,
        revision=resolve(out, cache_dir=out).revision,
        examples=len(train),
        held_out=len(judged),
        seconds=time.monotonic() - begun,
        weights=weights(model),
        history=history,
        mrr_before=before,
        mrr=after,
    )
    write_report(Report(ABOUT, "MRR", (before, after), trained, train, chosen))
    return trained


def _parts(
    examples: Sequence[Example], held: Sequence[Example], schedule: Schedule
) -> tuple[list[Example], list[Example]]:
    """Return what is learnt from and what is held out.

    Raises:
        InvalidInput: the examples cannot teach.
    """
    train = [example for example in checked(examples) if example.negatives]
    judged = [example for example in held if example.negatives]
    if not held:
        train, judged = split(train, schedule.held_out, schedule.seed)
    require_teaching(
        train, judged, 2 * schedule.batch,
        same=pair_of, called="held-out questions with their answers", each=NEEDS_WRONG,
    )  # fmt: skip
    return train, judged


def mean_reciprocal_rank(model: Any, examples: Sequence[Example]) -> float:
    """Return the mean reciprocal rank of the answers, 0..1."""
    return float(reciprocal_ranks(model, examples).mean()) if examples else 0.0


def reciprocal_ranks(model: Any, examples: Sequence[Example]) -> NDArray[np.float64]:
    """Return the `(n,)` reciprocal ranks of the answers in their lists, 0..1.

    Ties count against the model. The evaluator of sentence-transformers counts them for it: one
    that says the same of every passage would be perfect.
    """
    lists = [_list(example) for example in examples]
    pairs = [
        (example.query, text)
        for example, texts in zip(examples, lists, strict=True)
        for text in texts
    ]
    every = np.asarray(model.predict(pairs, show_progress_bar=False))
    parts = np.split(every, np.cumsum([len(texts) for texts in lists])[:-1])
    return np.array([1 / (1 + np.count_nonzero(part[1:] >= part[0])) for part in parts])


def _list(example: Example) -> list[str]:
    """Return the passages of an example, the answer first."""
    return [example.positive, *example.negatives]


def pair_of(example: Example) -> str:
    """Return what must not be in both parts: question and answer, by their words."""
    return " ".join(
        "".join(c if c.isalnum() else " " for c in f"{example.query} | {example.positive}")
        .casefold()
        .split()
    )


def _labels(train: Sequence[Example], teacher: Teacher | None) -> list[list[float]]:
    """Return one label a passage, the answer's first.

    Raises:
        InvalidInput: the teacher gives NaN or infinity.
    """
    if teacher is None:
        return [[SURE] + [0.0] * len(example.negatives) for example in train]
    labels = [np.asarray(teacher(example.query, _list(example)), float) for example in train]
    if not all(np.isfinite(scores).all() for scores in labels):
        raise InvalidInput("the teacher gives NaN or infinity; take another")
    return [scores.tolist() for scores in labels]


def _start(base: Path, schedule: Schedule) -> Any:
    import torch
    from sentence_transformers import CrossEncoder

    torch.manual_seed(schedule.seed)
    model = CrossEncoder(
        str(base),
        num_labels=1,
        max_length=schedule.max_length,
        device=device(),
        trust_remote_code=False,
        local_files_only=True,
        model_kwargs={"use_safetensors": True},
    )
    body = model.model.base_model
    if schedule.layers:
        there = len(body.encoder.layer)
        if not all(0 <= number < there for number in schedule.layers):
            raise InvalidInput(f"layers {schedule.layers}: the base has 0 to {there - 1}")
        kept = [body.encoder.layer[number] for number in schedule.layers]
        body.encoder.layer = torch.nn.ModuleList(kept)
        model.config.num_hidden_layers = len(kept)
    if schedule.freeze_words:
        body.embeddings.word_embeddings.weight.requires_grad = False
    return without_examples(model)


def _rows(
    train: Sequence[Example], labels: Sequence[Sequence[float]], *, pairs: bool
) -> tuple[Any, list[int]]:
    """Return the rows, a list each or a pair each, and their lengths in characters."""
    from datasets import Dataset

    if not pairs:
        lists = [_list(example) for example in train]
        columns = {"query": [e.query for e in train], "passages": lists, "labels": list(labels)}
        return Dataset.from_dict(columns), [max(map(len, texts)) for texts in lists]
    apart = [
        (example.query, text, float(place == 0))
        for example in train
        for place, text in enumerate(_list(example))
    ]
    queries, texts, truth = zip(*apart, strict=True)
    columns = {"query": list(queries), "passage": list(texts), "label": list(truth)}
    return Dataset.from_dict(columns), [len(text) for text in texts]


def _fit(
    model: Any,
    train: Sequence[Example],
    labels: Sequence[Sequence[float]],
    *,
    held: Sequence[Example],
    schedule: Schedule,
    out: Path,
) -> History:
    from sentence_transformers.cross_encoder import (
        CrossEncoderTrainer,
        CrossEncoderTrainingArguments,
    )

    pairs = schedule.loss == "binary"
    rows, lengths = _rows(train, labels, pairs=pairs)
    each = len(rows) / len(train)  # pairs where the rows are pairs, so that a step reads as much
    steps = steps_of(len(train), schedule)
    given = replace(schedule, batch=round(schedule.batch * each))
    trainer = CrossEncoderTrainer(
        model=model,
        args=arguments(
            CrossEncoderTrainingArguments, given, steps,
            out=out, measure=MEASURE, batch_sampler=partial(_alike, lengths=lengths),
        ),
        train_dataset=rows,
        loss=make_list_loss(schedule.loss, model, train),
        evaluator=_judge(held),
    )  # fmt: skip
    return run(trainer, given, out)


def _judge(held: Sequence[Example]) -> Any:
    """Return what measures a model on the held-out lists."""
    from sentence_transformers.base.evaluation import BaseEvaluator

    class Judge(BaseEvaluator):  # type: ignore[misc]
        def __call__(self, model: Any, *where: Any, **more: Any) -> dict[str, float]:
            return {MEASURE: mean_reciprocal_rank(model, held)}

    judge = Judge()
    judge.primary_metric = MEASURE
    return judge


def _alike(rows: Any, *, lengths: Sequence[int], **given: Any) -> Any:
    """Return a batch sampler that puts rows of similar length together, in random order."""
    from sentence_transformers.base.sampler import DefaultBatchSampler

    class Alike(DefaultBatchSampler):  # type: ignore[misc]
        def __iter__(self) -> Iterator[list[int]]:
            chance = random.Random(self.seed + self.epoch)
            order = sorted(range(len(lengths)), key=lambda n: lengths[n] + 24 * chance.random())
            size = self.batch_size
            batches = [order[n : n + size] for n in range(0, len(order), size)]
            chance.shuffle(batches)
            yield from batches

    return Alike(rows, **given)
