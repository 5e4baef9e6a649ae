"""Evaluations as pictures; needs the extra `evals`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from memory_core.evals.abstention import Curve, curve_of
from memory_core.evals.intervals import Interval
from memory_core.evals.result import OVERALL, Result
from memory_core.figures import saved_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Bars = Sequence[tuple[str, Interval]]
ROC = (5.0, 6.0)  # inches: a square, and its legend below


def draw(result: Result, out: Path) -> None:
    """Write `recall.png`, `types.png` and, where it can be told, `abstention.png`.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    from memory_core.evals.report import HEADLINE, interval_of

    with canvas(out / "recall.png") as axes:
        _curves(axes, result)
    metric = HEADLINE[result.main][1]
    bars = [
        (f"{kind} ({len(values)})", interval_of(result, metric, result.main, kind))
        for kind in (OVERALL, *result.kinds())
        if (values := result.values(metric, result.main, kind))
    ]
    with canvas(out / "types.png") as axes:
        intervals(axes, bars, f"{result.task}: {metric} by {result.main}, 95 % intervals")
        axes.set_xlim(0, 1.02)
    if {row.answerable for row in result.rows} == {True, False}:
        with canvas(out / "abstention.png", ROC) as axes:
            roc(axes, [(result.task, curve_of(result))])


@contextmanager
def canvas(path: Path, size: tuple[float, float] = (7, 4)) -> Iterator["Axes"]:
    """Lend axes that become a PNG.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    with saved_figure(path, size, extra="evals") as figure:
        axes = figure.add_subplot()
        yield axes
        axes.grid(alpha=0.3)


def intervals(axes: "Axes", bars: Bars, title: str) -> None:
    """Draw figures with their intervals, the first on top."""
    for place, (_, interval) in enumerate(reversed(bars)):
        axes.plot([interval.low, interval.high], [place, place], color="tab:blue", linewidth=2)
        axes.plot(interval.value, place, "o", color="tab:blue")
    axes.set_yticks(range(len(bars)), [name for name, _ in reversed(bars)])
    axes.set_title(title, fontsize=10)


def roc(axes: "Axes", curves: Sequence[tuple[str, Curve]]) -> None:
    """Draw what is refused over what is lost, named, with the threshold in force marked on each."""
    for name, curve in curves:
        told = f"{name}: area {curve.area:.3f}, {curve.unanswerable} against {curve.answerable}"
        (line,) = axes.plot(curve.lost, curve.refused, label=told)
        refused, lost = curve.at_default
        mark = f"{name}: threshold {curve.default:g}, refused {refused:.3f}, lost {lost:.3f}"
        axes.plot(lost, refused, "o", color=line.get_color(), label=mark)
    axes.plot([0, 1], [0, 1], linestyle=":", color="grey", label="by chance")
    axes.set_xlabel("share of answerable questions lost")
    axes.set_ylabel("share of unanswerable questions refused")
    axes.set_title("Refusing what cannot be answered", fontsize=10)
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.12), fontsize=8, frameon=False)


def _curves(axes: "Axes", result: Result) -> None:
    cutoffs = range(1, result.k + 1)
    for metric in ("any", "recall", "all"):
        means = []
        for cutoff in cutoffs:
            values = result.values(f"{metric}@{cutoff}", result.main)
            means.append(sum(values) / max(len(values), 1))
        axes.plot(cutoffs, means, label=f"{metric}@k", marker=".")
    axes.set_xlabel("k")
    axes.set_ylim(0, 1.02)
    axes.set_title(f"{result.task}, by {result.main}: {result.data}", fontsize=10)
    axes.legend(loc="lower right")
