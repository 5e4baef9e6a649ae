"""Tunes a bi-encoder: questions come closer to the passages that answer them, the rest moves away.

The trainer, the losses and the measure are those of sentence-transformers. What is checked before
the first step, which groups are held out and what is written beside the weights is here.
"""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

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
from memory_core.train.lora import Lora, Weights, add_lora, merge_lora, trainer_of_added, weights
from memory_core.train.losses import Loss, make_loss

ABOUT = "A bi-encoder tuned for memory recall"
MEASURE = "held-out_cosine_ndcg@10"
TRIES = 50
RATE = 2e-4
LORA_RATE = 5e-4
"""What is added starts at zero."""
DISTRACTORS = 300
"""Passages of the training part among which the held-out questions must find theirs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning(Pace):
    """How a bi-encoder is tuned."""

    loss: Loss = "infonce"
    lora: Lora | None = None
    """None trains every weight."""
    negatives: int = 1
    """Hard negatives an example brings; the triplet loss takes the first."""
    epochs: float = 3.0
    held_out: float = 0.1

    @property
    def usual_rate(self) -> float:
        """How both were chosen stands in docs/tuning.md."""
        return LORA_RATE if self.lora else RATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned(Outcome):
    """What came out, and how good it is on held-out groups."""

    ndcg_before: float
    """nDCG@10 of held-out questions among held-out passages and distractors, 0..1."""
    ndcg: float


@hushed()
def train_bi_encoder(
    base: Path,
    examples: Sequence[Example],
    out: Path,
    *,
    tuning: Tuning | None = None,
    tell: Tell = lambda text: None,
) -> Tuned:
    """Tune on the examples and write the model, its curves and its card to `out`.

    Args:
        base: directory of the model to start from; safetensors.
        examples: questions with passages that answer them, and hard wrong ones.
        out: a directory that does not exist yet, or is empty.
        tuning: how; the defaults when None.
        tell: told how far it is.

    Raises:
        InvalidInput: the examples cannot teach, or `out` holds something; nothing was trained.
        MissingExtra: LoRA without peft.
    """
    chosen = tuning or Tuning()
    require_new(out)
    train, held = _parts(examples, chosen, tell)
    model = _start(base, chosen)
    judge = _judge(train, held, chosen)
    before = float(judge(model)[MEASURE])
    tell(f"{len(train):,} examples to learn from, {len(held):,} held out, nDCG@10 {before:.3f}")
    begun = time.monotonic()
    counted, history = _fit(model, train, judge, tuning=chosen, out=out)
    after = float(judge(model)[MEASURE])
    _keep(model, base, out)
    tuned = Tuned(
        path=out,
        revision=resolve(out, cache_dir=out).revision,
        examples=len(train),
        held_out=len(held),
        seconds=time.monotonic() - begun,
        weights=counted,
        history=history,
        ndcg_before=before,
        ndcg=after,
    )
    write_report(Report(ABOUT, "nDCG@10", (before, after), tuned, train, chosen))
    return tuned


def _parts(
    examples: Sequence[Example], tuning: Tuning, tell: Tell
) -> tuple[list[Example], list[Example]]:
    """Return what is learnt from, with wrong passages as the loss wants them, and the held out.

    Raises:
        InvalidInput: the examples cannot teach.
    """
    train, held = split(checked(examples), tuning.held_out, tuning.seed)
    triplet = tuning.loss == "triplet"
    if triplet:
        train = with_negatives(train, tell)
    require_teaching(
        train, held, 2 * tuning.batch,
        same=lambda example: example.query.casefold(), called="held-out questions",
        each=NEEDS_WRONG if triplet else "",
    )  # fmt: skip
    return train if triplet else filled(train, tuning, tell), held


def with_negatives(train: Sequence[Example], tell: Tell) -> list[Example]:
    """Return the examples that have a wrong passage, and tell how many are left out.

    Mining passes over what is nearly as near as the answer, so some questions find none.
    """
    usable = [example for example in train if example.negatives]
    if bare := len(train) - len(usable):
        tell(f"{bare:,} examples without a wrong passage are left out: the triplet loss needs one")
    return usable


def filled(train: Sequence[Example], tuning: Tuning, tell: Tell) -> list[Example]:
    """Return the examples with as many wrong passages each as the trainer is to see.

    It wants the same number for all. Where one has too few, answers of other groups, taken at
    random, stand in: the loss compares with those of its batch anyway. Without a wrong passage
    anywhere nothing is added.
    """
    if not tuning.negatives or not any(example.negatives for example in train):
        return [replace(example, negatives=()) for example in train]
    chance = random.Random(tuning.seed)
    short = sum(len(example.negatives) < tuning.negatives for example in train)
    if short:
        tell(
            f"{short:,} of {len(train):,} examples have fewer than {tuning.negatives} wrong "
            "passages; answers of others, taken at random, stand in"
        )
    done: list[Example] = []
    for example in train:
        wrong = list(example.negatives[: tuning.negatives])
        wrong += [_another(example, train, chance) for _ in range(tuning.negatives - len(wrong))]
        done.append(replace(example, negatives=tuple(wrong)))
    return done


def _another(example: Example, train: Sequence[Example], chance: random.Random) -> str:
    """Return an answer of another group; where none is found, one of its own group."""
    for _ in range(TRIES):
        other = chance.choice(train)
        if other.group != example.group and other.positive != example.positive:
            return other.positive
    return next(one.positive for one in train if one.positive != example.positive)


def _start(base: Path, tuning: Tuning) -> Any:
    import torch
    from sentence_transformers import SentenceTransformer

    torch.manual_seed(tuning.seed)
    model = SentenceTransformer(
        str(base),
        device=device(),
        trust_remote_code=False,
        local_files_only=True,
        model_kwargs={"use_safetensors": True},
    )
    model.max_seq_length = min(tuning.max_length, model.max_seq_length)
    return without_examples(model)


def _judge(train: Sequence[Example], held: Sequence[Example], tuning: Tuning) -> Any:
    """Return what measures a model on the held-out questions."""
    from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator

    others = sorted({example.positive for example in train})
    random.Random(tuning.seed).shuffle(others)
    passages = {text for example in held for text in (example.positive, *example.negatives)}
    corpus = sorted({*passages, *others[:DISTRACTORS]})
    place = {text: str(number) for number, text in enumerate(corpus)}
    answers: dict[str, set[str]] = {}
    for example in held:
        answers.setdefault(example.query, set()).add(place[example.positive])
    queries = {str(number): text for number, text in enumerate(sorted(answers))}
    return InformationRetrievalEvaluator(
        queries=queries,
        corpus={number: text for text, number in place.items()},
        relevant_docs={number: answers[text] for number, text in queries.items()},
        name="held-out",
        main_score_function="cosine",
        write_csv=False,
    )


def _rows(train: Sequence[Example], tuning: Tuning) -> Any:
    """Return one row an example: question, answer and its wrong passages, the same number each."""
    from datasets import Dataset

    wrong = 1 if tuning.loss == "triplet" else len(train[0].negatives)
    columns: dict[str, list[str]] = {
        "query": [example.query for example in train],
        "positive": [example.positive for example in train],
        **{f"negative_{n}": [example.negatives[n] for example in train] for n in range(wrong)},
    }
    return Dataset.from_dict(columns)


def _fit(
    model: Any, train: Sequence[Example], judge: Any, *, tuning: Tuning, out: Path
) -> tuple[Weights, History]:
    from sentence_transformers import (
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.base.training_args import BatchSamplers

    kind = SentenceTransformerTrainer
    if tuning.lora is not None:
        add_lora(model, tuning.lora)
        kind = trainer_of_added(kind)
    counted = weights(model)
    trainer = kind(
        model=model,
        args=arguments(
            SentenceTransformerTrainingArguments, tuning, steps_of(len(train), tuning),
            out=out, measure=MEASURE, batch_sampler=BatchSamplers.NO_DUPLICATES,
        ),
        train_dataset=_rows(train, tuning),
        loss=make_loss(tuning.loss, model),
        evaluator=judge,
    )  # fmt: skip
    history = run(trainer, tuning, out)
    if tuning.lora is not None:
        merge_lora(model)
    return counted, history


def _keep(model: Any, base: Path, out: Path) -> None:
    """Write the weights, reading as much of a text as the model did before."""
    from memory_core.models.layout import read_layout

    model.max_seq_length = read_layout(base).limit
    model.save_pretrained(str(out), safe_serialization=True, create_model_card=False)
