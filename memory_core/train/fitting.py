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
from pathlib import Path
from typing import Any, Protocol

from memory_core.models.quiet import no_bars

NEVER = 1_000_000  # steps

Tell = Callable[[str], None]
History = tuple[dict[str, float], ...]
"""What the trainer logged: loss and measure by step."""


class Paced(Protocol):
    """Settings that every training has."""

    @property
    def epochs(self) -> float:
        """Passes over the examples."""
        ...

    @property
    def batch(self) -> int:
        """Examples a step."""
        ...

    @property
    def rate(self) -> float:
        """Highest learning rate; it rises over the warm-up and then falls to zero."""
        ...

    @property
    def warmup(self) -> float:
        """Share of the steps over which the rate rises."""
        ...

    @property
    def looks(self) -> int:
        """How often the held-out part is measured."""
        ...

    @property
    def patience(self) -> int:
        """Looks without a better figure after which it stops."""
        ...

    @property
    def seed(self) -> int:
        """Fixes order and start."""
        ...

    @property
    def bf16(self) -> bool:
        """Half-precision products; two to three times as fast where the processor has them."""
        ...

    @property
    def steps(self) -> int | None:
        """Most steps, whatever the epochs say."""
        ...


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


def steps_of(examples: int, pace: Paced) -> int:
    """Return how many steps a training takes."""
    wanted = max(1, round(pace.epochs * examples / pace.batch))
    return min(wanted, pace.steps or NEVER)


def arguments(
    kind: Callable[..., Any], pace: Paced, steps: int, *, out: Path, measure: str, **more: Any
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


def run(trainer: Any, pace: Paced, out: Path) -> History:
    """Train to the end, leave the best weights in the model, and return what was logged."""
    from transformers import EarlyStoppingCallback, PrinterCallback

    trainer.add_callback(EarlyStoppingCallback(pace.patience))
    trainer.remove_callback(PrinterCallback)  # what is printed belongs to the caller
    trainer.train()
    shutil.rmtree(out / "steps", ignore_errors=True)
    return tuple(trainer.state.log_history)
