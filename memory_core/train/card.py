"""What is written beside tuned weights: a card with data, settings and figures, and the curves."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from memory_core.errors import MissingExtra
from memory_core.figures import saved_figure
from memory_core.train.examples import Example
from memory_core.train.fitting import History, Pace
from memory_core.train.lora import Weights

CARD, LOG, CURVES = "README.md", "training.json", "curves.png"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came out of a training."""

    path: Path
    revision: str
    """Of the new weights: what fingerprint, store and recordings will name."""
    examples: int
    held_out: int
    seconds: float
    weights: Weights
    history: History = field(default=(), repr=False)

    def plain(self) -> dict[str, Any]:
        """Return it as JSON takes it, without what the trainer logged."""
        told = {**asdict(self), "path": str(self.path)}
        del told["history"]
        return told


@dataclass(frozen=True, slots=True)
class Report:
    """A training to be written about."""

    about: str
    """Title of the card, and what the model reads and gives."""
    measure: str
    figures: tuple[float, float]
    """Of the held-out part, before and after."""
    outcome: Outcome
    train: Sequence[Example]
    settings: Pace


def write_report(report: Report) -> None:
    """Write the card, the log and, where matplotlib is there, the curves beside the weights."""
    done = report.outcome
    (done.path / LOG).write_text(json.dumps({"log": list(done.history)}, indent=1))
    (done.path / CARD).write_text(_card(report), encoding="utf-8")
    try:
        draw_curves(done.history, done.path / CURVES, report.measure)
    except MissingExtra:
        return


def draw_curves(history: Sequence[Mapping[str, float]], path: Path, measure: str) -> None:
    """Draw loss and measure by step as PNG.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    with saved_figure(path, (7, 3.5), dpi=110) as figure:
        left = figure.add_subplot()
        losses = [(row["step"], row["loss"]) for row in history if "loss" in row]
        ending = measure.lower()
        name = next((key for row in history for key in row if key.endswith(ending)), "")
        looks = [(row["step"], row[name]) for row in history if name and name in row]
        left.plot(*zip(*losses, strict=True), color="tab:blue") if losses else None
        left.set_xlabel("step")
        left.set_ylabel("training loss", color="tab:blue")
        right = left.twinx()
        right.plot(*zip(*looks, strict=True), "o-", color="tab:orange") if looks else None
        right.set_ylabel(f"held-out {measure}", color="tab:orange")


def _card(report: Report) -> str:
    done = report.outcome
    before, after = report.figures
    sources = Counter(example.source or "unnamed" for example in report.train)
    counted = "\n".join(f"| {name} | {number:,} |" for name, number in sorted(sources.items()))
    named = {**asdict(report.settings), "learning_rate": report.settings.rate}
    settings = "\n".join(f"| {name} | {value} |" for name, value in named.items())
    return f"""# {report.about}

Held-out {report.measure}: {before:.3f} before, {after:.3f} after
{done.seconds / 60:.1f} minutes on {done.examples:,} examples; {done.held_out:,} were held out.
{done.weights.trained:,} of {done.weights.all:,} weights were trained ({done.weights.share:.1%}).
Revision {done.revision} (start of the weights' sha256).

| source | examples |
|---|---|
{counted}

| setting | value |
|---|---|
{settings}
"""
