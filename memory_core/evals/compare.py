"""Two evaluations of the same questions, compared question by question.

The difference of the means is resampled over questions that both answered, so what the questions
differ in cancels out: a paired interval is far narrower than the two figures' own.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from memory_core.errors import InvalidInput
from memory_core.evals.intervals import Difference, Interval, paired
from memory_core.evals.report import HEADLINE, METRICS, figure, table
from memory_core.evals.result import OVERALL, Result, Row, by_id
from memory_core.evals.task import Level

SHOWN = "shown"
"""Name of the share of gold turns that the packed context shows whole."""
MILLISECONDS = "recall_ms"


@dataclass(frozen=True, slots=True)
class Compared:
    """One metric under A and under B."""

    level: str
    metric: str
    kind: str
    n: int
    first: float
    second: float
    difference: Difference
    better: int
    """Questions that B does better."""
    worse: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """B against A, metric by metric."""

    first: Result
    second: Result
    rows: tuple[Compared, ...]

    def as_json(self) -> dict[str, object]:
        """Return what was compared and every difference, as JSON can carry it."""
        return {
            "data": self.first.data,
            "a": _told(self.first),
            "b": _told(self.second),
            "rows": [asdict(row) for row in self.rows],
        }


def compare(first: Result, second: Result) -> Comparison:
    """Return B − A for every metric overall, and for the headline metrics by type.

    Raises:
        InvalidInput: they are of different data, or share no question.
    """
    if (first.task, first.sha256) != (second.task, second.sha256):
        raise InvalidInput(
            f"{first.task} on {first.data} ({first.sha256[:12]}) against {second.task} on "
            f"{second.data} ({second.sha256[:12]}): compare runs of one file"
        )
    here, there = by_id(first.rows), by_id(second.rows)
    shared = [(here[name], there[name]) for name in here if name in there]
    if not shared:
        raise InvalidInput("the two runs share no question; run them on the same questions")
    rows: list[Compared] = []
    for level in first.levels:
        rows += [_metric(shared, metric, level, OVERALL) for metric in METRICS[level]]
    rows += [
        _metric(shared, metric, first.main, kind)
        for kind in first.kinds()
        for metric in HEADLINE[first.main][:3]
    ]
    rows += [_field(shared, SHOWN), _field(shared, MILLISECONDS)]
    return Comparison(first, second, tuple(row for row in rows if row.n))


def markdown_of(comparison: Comparison) -> str:
    """Return the comparison as Markdown."""
    first, second = comparison.first, comparison.second
    rows = [
        [
            row.level, row.kind, row.metric, str(row.n), _number(row, row.first),
            _number(row, row.second), _number(row, row.difference.value),
            f"{_number(row, row.difference.low)} to {_number(row, row.difference.high)}",
            f"{row.difference.p:.3f}", f"{row.better} / {row.worse}",
        ]
        for row in comparison.rows
    ]  # fmt: skip
    headers = ["level", "type", "metric", "n", "A", "B", "B − A", "95 %", "p", "better / worse"]
    return (
        f"# {first.task}: {first.data}\n\nA: {_line(first)}\n\nB: {_line(second)}\n\n"
        + table(headers, rows)
        + "\n"
    )


def write(comparison: Comparison, out: Path) -> None:
    """Write `compare.json`, `compare.md` and `compare.png` into a directory.

    Raises:
        MissingExtra: matplotlib is not installed; JSON and Markdown are written before.
    """
    import json

    from memory_core.evals.plots import canvas, intervals

    out.mkdir(parents=True, exist_ok=True)
    told = json.dumps(comparison.as_json(), indent=1, ensure_ascii=False)
    (out / "compare.json").write_text(told + "\n", encoding="utf-8")
    (out / "compare.md").write_text(markdown_of(comparison), encoding="utf-8")
    main = comparison.first.main
    bars = [
        (row.metric, Interval(row.difference.value, row.difference.low, row.difference.high))
        for row in comparison.rows
        if row.level == main and row.kind == OVERALL
    ]
    with canvas(out / "compare.png") as axes:
        axes.axvline(0, color="grey", linestyle=":")
        intervals(axes, bars, f"{comparison.first.task}: B − A by {main}, paired 95 % intervals")


def _metric(shared: Sequence[tuple[Row, Row]], metric: str, level: Level, kind: str) -> Compared:
    pairs = [
        (a.places[level].found.value(metric), b.places[level].found.value(metric))
        for a, b in shared
        if level in a.places and level in b.places and kind in (OVERALL, a.kind)
    ]
    return _compared(pairs, level, metric, kind)


def _field(shared: Sequence[tuple[Row, Row]], name: str) -> Compared:
    if name == MILLISECONDS:
        took = [(a.seconds * 1000, b.seconds * 1000) for a, b in shared]
        return _compared(took, "", name, OVERALL)
    found = [(a.shown, b.shown) for a, b in shared if a.shown is not None and b.shown is not None]
    return _compared(found, "turn", name, OVERALL)


def _compared(pairs: Sequence[tuple[float, float]], level: str, metric: str, kind: str) -> Compared:
    if not pairs:
        return Compared(level, metric, kind, 0, 0.0, 0.0, Difference(0.0, 0.0, 0.0, 1.0), 0, 0)
    first, second = zip(*pairs, strict=True)
    more = sum(b > a for a, b in pairs)
    less = sum(b < a for a, b in pairs)
    better, worse = (less, more) if metric == MILLISECONDS else (more, less)
    return Compared(
        level=level,
        metric=metric,
        kind=kind,
        n=len(pairs),
        first=sum(first) / len(pairs),
        second=sum(second) / len(pairs),
        difference=paired(first, second),
        better=better,
        worse=worse,
    )


def _number(row: Compared, value: float) -> str:
    return f"{value:.1f}" if row.metric == MILLISECONDS else figure(value)


def _line(result: Result) -> str:
    settings = ", ".join(f"{name}={value}" for name, value in result.settings.items())
    pooled = ", pooled" if result.pooled else ""
    return (
        f"{result.embedder}, reranker {result.reranker or 'none'}, {settings or 'defaults'}{pooled}"
    )


def _told(result: Result) -> dict[str, object]:
    return result.model_dump(mode="json", exclude={"rows", "summary"})
