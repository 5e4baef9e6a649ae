"""How a training runs, whatever it trains: its steps, its looks at the held-out part, its end.

The loop is the trainer's of sentence-transformers. A training is measured `looks` times on groups
that it never sees, stops after `patience` looks without a better figure, and keeps the best
weights.
"""

import logging
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from memory_core.errors import InvalidInput
from memory_core.models.quiet import no_bars

NEVER = 1_000_000  # steps
RATE = 5e-5

Tell = Callable[[str], None]
History = tuple[dict[str, float], ...]
"""What the trainer logged: loss and measure by step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Settings that every training has."""

    epochs: float = 1.0
    """Passes over the examples."""
    batch: int = 16
    """Examples a step."""
    learning_rate: float | None = None
    """Highest; it rises over the warm-up and then falls to zero. `usual_rate` when None."""
    warmup: float = 0.1
    """Share of the steps over which the rate rises."""
    max_length: int = 128
    """Tokens of an input that training reads."""
    held_out: float = 0.05
    """Share of the groups (documents, sessions) that training never sees."""
    looks: int = 4
    """How often the held-out part is measured."""
    patience: int = 2
    """Looks without a better figure after which it stops; the best weights are kept."""
    seed: int = 7
    """Fixes split, order and start."""
    bf16: bool = True
    """Half-precision products; two to three times as fast where the processor has them."""
    steps: int | None = None
    """Most steps, whatever the epochs say."""

    def __post_init__(self) -> None:
        for name, value, least, most in (
            ("epochs", self.epochs, 0, 1e6),
            ("batch", self.batch, 1, 1e6),
            ("learning rate", self.rate, 0, 1),
            ("max length", self.max_length, 1, 1e6),
        ):
            if not least < value < most:
                raise InvalidInput(f"{name} {value:g} is not between {least} and {most:g}")

    @property
    def usual_rate(self) -> float:
        """The learning rate where none is named."""
        return RATE

    @property
    def rate(self) -> float:
        """The learning rate that is used."""
        return self.usual_rate if self.learning_rate is None else self.learning_rate


P = TypeVar("P", bound=Pace)


def to_try(pace: P) -> P:
    """Return the settings with two small steps, to see that they work."""
    return replace(pace, steps=2, batch=4, max_length=32, looks=1)


def device() -> str:
    """Return where torch trains."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


@contextmanager
def hushed() -> Iterator[None]:
    """Keep what the libraries tell of loading and saving from the terminal; errors stay."""
    talkers = [logging.getLogger(name) for name in ("transformers", "sentence_transformers")]
    before = [talker.level for talker in talkers]
    for talker in talkers:
        talker.setLevel(logging.ERROR)
    try:
        with no_bars():
            yield
    finally:
        for talker, level in zip(talkers, before, strict=True):
            talker.setLevel(level)


def without_examples(model: Any) -> Any:
    """Return the model, told not to seek examples, under a bar, for a card that is not written."""
    model.model_card_data.widget = [{"text": ""}]
    return model


def steps_of(examples: int, pace: Pace) -> int:
    """Return how many steps a training takes."""
    wanted = max(1, round(pace.epochs * examples / pace.batch))
    return min(wanted, pace.steps or NEVER)


def arguments(
    kind: Callable[..., Any], pace: Pace, steps: int, *, out: Path, measure: str, **more: Any
) -> Any:
    """Return the trainer's arguments.

    Args:
        kind: sentence-transformers' class of them.
        pace: the settings.
        steps: how many there are.
        out: where the model will lie; checkpoints lie there meanwhile.
        measure: what the judge returns, greater is better.
        more: what this training alone has.
    """
    look = max(1, steps // pace.looks)
    return kind(
        output_dir=str(out / "steps"),
        max_steps=steps,
        per_device_train_batch_size=pace.batch,
        learning_rate=pace.rate,
        warmup_steps=pace.warmup,
        bf16=pace.bf16,
        use_cpu=device() == "cpu",
        logging_steps=max(1, steps // 40),
        eval_strategy="steps",
        eval_steps=look,
        save_strategy="steps",
        save_steps=look,
        save_total_limit=1,
        load_best_model_at_end=True,
        metric_for_best_model=measure,
        greater_is_better=True,
        report_to="none",
        disable_tqdm=not sys.stderr.isatty(),
        seed=pace.seed,
        **more,
    )


def run(trainer: Any, pace: Pace, out: Path) -> History:
    """Train to the end, leave the best weights in the model, and return what was logged."""
    from transformers import EarlyStoppingCallback, PrinterCallback

    trainer.add_callback(EarlyStoppingCallback(pace.patience))
    trainer.remove_callback(PrinterCallback)  # what is printed belongs to the caller
    trainer.train()
    shutil.rmtree(out / "steps", ignore_errors=True)
    return tuple(trainer.state.log_history)
