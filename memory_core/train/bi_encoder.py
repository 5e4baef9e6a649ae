"""Tunes a bi-encoder: questions come closer to the passages that answer them, the rest moves away.

The trainer, the losses and the measure are those of sentence-transformers. What is checked before
the first step, which groups are held out and what is written beside the weights is here.
"""

import random
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from memory_core.errors import InvalidInput
from memory_core.models.resolve import resolve
from memory_core.train.card import Report, write_report
from memory_core.train.examples import Example, checked, split
from memory_core.train.lora import Lora, Weights, add_lora, merge_lora, weights
from memory_core.train.losses import Loss, make_loss

MEASURE = "held-out_cosine_ndcg@10"
DISTRACTORS = 300
"""Passages of the training part among which the held-out questions must find theirs."""
NEVER = 1_000_000  # steps

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Tuning:
    """How a bi-encoder is tuned."""

    loss: Loss = "infonce"
    lora: Lora | None = None
    """None trains every weight."""
    epochs: float = 3.0
    batch: int = 16
    negatives: int = 1
    """Hard negatives an example brings; the triplet loss takes the first."""
    learning_rate: float = 2e-5
    """Of full tuning; LoRA starts at zero and takes ten times as much."""
    warmup: float = 0.1
    """Share of the steps."""
    max_length: int = 128
    """Tokens of a text that training reads."""
    held_out: float = 0.1
    """Share of the groups (documents, sessions) that training never sees."""
    looks: int = 4
    """How often the held-out part is measured."""
    patience: int = 2
    """Looks without a better figure after which it stops; the best weights are kept."""
    seed: int = 7
    bf16: bool = True
    steps: int | None = None
    """Most steps, whatever the epochs say."""

    @property
    def rate(self) -> float:
        """The learning rate that is used."""
        return self.learning_rate * (10 if self.lora else 1)


@dataclass(frozen=True, slots=True)
class Tuned:
    """What came out, and how good it is on held-out groups."""

    path: Path
    revision: str
    """Of the new weights: what the fingerprint and the store will name."""
    examples: int
    held_out: int
    seconds: float
    ndcg_before: float
    """nDCG@10 of held-out questions among held-out passages and distractors, 0..1."""
    ndcg: float
    weights: Weights
    history: tuple[dict[str, float], ...] = field(default=(), repr=False)
    """What the trainer logged: loss and measure by step."""


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
    if out.exists() and any(out.iterdir()):
        raise InvalidInput(f"{out} is not empty; name a new directory")
    usable = checked(examples)
    train, held = split(usable, chosen.held_out, chosen.seed)
    if chosen.loss == "triplet":
        train = with_negatives(train, tell)
    elif 0 < (bare := sum(not example.negatives for example in train)) < len(train):
        tell(
            f"{bare:,} of {len(train):,} examples have no wrong passage: the others' are not used; "
            "give every example one to learn from them"
        )
    require_teaching(train, held, chosen)
    model = _start(base, chosen)
    judge = _judge(train, held, chosen)
    before = float(judge(model)[MEASURE])
    tell(f"{len(train):,} examples to learn from, {len(held):,} held out, nDCG@10 {before:.3f}")
    begun = time.monotonic()
    counted, history = _fit(model, train, judge, tuning=chosen, out=out)
    after = float(judge(model)[MEASURE])
    _keep(model, base, out)
    made = resolve(out, cache_dir=out)
    tuned = Tuned(
        out, made.revision, len(train), len(held), time.monotonic() - begun, before, after,
        counted, history,
    )  # fmt: skip
    write_report(Report("bi-encoder", "nDCG@10", tuned, train, chosen))
    return tuned


def require_teaching(train: Sequence[Example], held: Sequence[Example], tuning: Tuning) -> None:
    """Refuse examples that cannot teach or cannot be judged.

    Raises:
        InvalidInput: too few, one class only, or held-out questions that training sees as well.
    """
    if len(train) < 2 * tuning.batch or not held:
        raise InvalidInput(
            f"{len(train)} examples to learn from and {len(held)} held out are too few; give "
            f"{2 * tuning.batch} or more, of several groups (documents, sessions)"
            + (", each with neg: the triplet loss needs one" if tuning.loss == "triplet" else "")
        )
    if len({example.positive for example in train}) < 2:
        raise InvalidInput("every example has the same passage: one class teaches nothing")
    seen = {example.query.casefold() for example in train}
    if leaked := [example.query for example in held if example.query.casefold() in seen]:
        raise InvalidInput(
            f"{len(leaked)} held-out questions are in the training part as well, such as "
            f"{leaked[0][:60]!r}; give rows of one document or session the same id"
        )


def with_negatives(train: Sequence[Example], tell: Tell) -> list[Example]:
    """Return the examples that have a wrong passage, and tell how many are left out.

    Mining passes over what is nearly as near as the answer, so some questions find none.
    """
    usable = [example for example in train if example.negatives]
    if bare := len(train) - len(usable):
        tell(f"{bare:,} examples without a wrong passage are left out: the triplet loss needs one")
    return usable


def _start(base: Path, tuning: Tuning) -> Any:
    import torch
    from sentence_transformers import SentenceTransformer

    torch.manual_seed(tuning.seed)
    model = SentenceTransformer(
        str(base),
        device="cuda" if torch.cuda.is_available() else "cpu",
        trust_remote_code=False,
        local_files_only=True,
        model_kwargs={"use_safetensors": True},
    )
    model.max_seq_length = min(tuning.max_length, model.max_seq_length)
    return model


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
    """Return one row an example; those with too few wrong passages repeat theirs.

    The trainer wants the same columns for all: where one has none, none are used.
    """
    from datasets import Dataset

    columns: dict[str, list[str]] = {
        "query": [example.query for example in train],
        "positive": [example.positive for example in train],
    }
    wanted = 1 if tuning.loss == "triplet" else tuning.negatives
    if all(example.negatives for example in train):
        for place in range(wanted):
            columns[f"negative_{place}"] = [
                example.negatives[place % len(example.negatives)] for example in train
            ]
    return Dataset.from_dict(columns)


def _fit(
    model: Any, train: Sequence[Example], judge: Any, *, tuning: Tuning, out: Path
) -> tuple[Weights, tuple[dict[str, float], ...]]:
    from sentence_transformers import SentenceTransformerTrainer
    from transformers import EarlyStoppingCallback, PrinterCallback

    if tuning.lora is not None:
        add_lora(model, tuning.lora)
    counted = weights(model)
    steps = _steps(len(train), tuning)
    trainer = SentenceTransformerTrainer(
        model=model,
        args=_arguments(tuning, steps, out),
        train_dataset=_rows(train, tuning),
        loss=make_loss(tuning.loss, model),
        evaluator=judge,
        callbacks=[EarlyStoppingCallback(tuning.patience)],
    )
    trainer.remove_callback(PrinterCallback)  # what is printed belongs to the caller
    trainer.train()
    if tuning.lora is not None:
        merge_lora(model)
    shutil.rmtree(out / "steps", ignore_errors=True)
    return counted, tuple(trainer.state.log_history)


def _steps(examples: int, tuning: Tuning) -> int:
    wanted = max(1, round(tuning.epochs * examples / tuning.batch))
    return min(wanted, tuning.steps or NEVER)


def _arguments(tuning: Tuning, steps: int, out: Path) -> Any:
    import torch
    from sentence_transformers import SentenceTransformerTrainingArguments
    from sentence_transformers.base.training_args import BatchSamplers

    look = max(1, steps // tuning.looks)
    return SentenceTransformerTrainingArguments(
        output_dir=str(out / "steps"),
        max_steps=steps,
        per_device_train_batch_size=tuning.batch,
        learning_rate=tuning.rate,
        warmup_steps=tuning.warmup,
        bf16=tuning.bf16,
        use_cpu=not torch.cuda.is_available(),
        batch_sampler=BatchSamplers.NO_DUPLICATES,
        logging_steps=max(1, steps // 40),
        eval_strategy="steps",
        eval_steps=look,
        save_strategy="steps",
        save_steps=look,
        save_total_limit=1,
        load_best_model_at_end=True,
        metric_for_best_model=MEASURE,
        greater_is_better=True,
        report_to="none",
        disable_tqdm=not sys.stderr.isatty(),
        seed=tuning.seed,
    )


def _keep(model: Any, base: Path, out: Path) -> None:
    """Write the weights, reading as much of a text as the model did before."""
    from memory_core.models.layout import read_layout

    model.max_seq_length = read_layout(base).limit
    model.save_pretrained(str(out), safe_serialization=True, create_model_card=False)
