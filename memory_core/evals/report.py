"""An evaluation for people: its figures with intervals, as a mapping and as Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import mean

import numpy as np

from memory_core.evals.abstention import curve_of
from memory_core.evals.intervals import Interval, bootstrap, wilson
from memory_core.evals.result import OVERALL, Result, Row
from memory_core.evals.task import Level
from memory_core.wording import counted

METRICS: Mapping[Level, tuple[str, ...]] = {
    "turn": (
        "any@5", "any@10", "all@5", "all@10",
        "recall@1", "recall@5", "recall@10", "recall@20", "ndcg@10", "mrr",
    ),
    "session": (
        "any@1", "any@5", "any@10", "all@5", "all@10", "recall@5", "recall@10", "ndcg@5", "mrr",
    ),
}  # fmt: skip
"""What is told at each level. `any` and `all` are counts of questions: Wilson's interval."""
COUNTS = ("any", "all")
HEADLINE: Mapping[Level, tuple[str, ...]] = {
    "turn": ("recall@5", "recall@10", "all@10", "ndcg@10", "mrr"),
    "session": ("any@5", "all@5", "recall@5", "ndcg@5", "mrr"),
}


def summary_of(result: Result) -> dict[str, object]:
    """Return every figure: by level and type, context, latency, abstention."""
    return {
        "questions": len(result.rows),
        "answerable": len(result.answerable()),
        "levels": {
            level: {kind: _figures(result, level, kind) for kind in (OVERALL, *result.kinds())}
            for level in result.levels
            if result.values("mrr", level)
        },
        "context": {kind: context_of(result, kind) for kind in (OVERALL, *result.kinds())},
        "latency_ms": latency_of(result.rows),
        "abstention": _abstention(result),
    }


def interval_of(result: Result, metric: str, level: Level, kind: str = OVERALL) -> Interval:
    """Return a figure with its interval; the level must have gold."""
    values = result.values(metric, level, kind)
    if metric.partition("@")[0] in COUNTS:
        return wilson(sum(values), len(values))
    return bootstrap(values)


def context_of(result: Result, kind: str = OVERALL) -> dict[str, float | None]:
    """Return the tokens of the packed context, and what gold the pool and the context hold."""
    shown = result.known(lambda row: row.shown, kind)
    pool = result.known(lambda row: row.pool, kind)
    rows = result.answerable(kind)
    return {
        "tokens": mean(row.tokens for row in rows) if rows else None,
        "shown": mean(shown) if shown else None,
        "shown_any": mean(value > 0 for value in shown) if shown else None,
        "pool": mean(pool) if pool else None,
    }


def latency_of(rows: Sequence[Row]) -> dict[str, float]:
    """Return p50, p95 and p99 of the recalls in milliseconds."""
    p50, p95, p99 = np.percentile([row.seconds * 1000 for row in rows], (50, 95, 99))
    return {"p50": float(p50), "p95": float(p95), "p99": float(p99)}


def markdown_of(result: Result) -> str:
    """Return the evaluation as Markdown, every table generated from the rows."""
    parts = [_head(result)]
    parts += [_level(result, level) for level in result.levels if result.values("mrr", level)]
    parts += [_context(result), _refusals(result)]
    return "\n\n".join(part for part in parts if part) + "\n"


def write(result: Result, out: Path) -> Result:
    """Write `result.json`, `report.md` and the plots into a directory, made if need be.

    Returns:
        The result with its summary.

    Raises:
        MissingExtra: matplotlib is not installed; JSON and Markdown are written before.
    """
    from memory_core.evals import plots

    out.mkdir(parents=True, exist_ok=True)
    told = result.model_copy(update={"summary": summary_of(result)})
    (out / "result.json").write_text(told.model_dump_json(indent=1) + "\n", encoding="utf-8")
    (out / "report.md").write_text(markdown_of(result), encoding="utf-8")
    plots.draw(result, out)
    return told


def figure(value: float | None) -> str:
    """Return a share for people: `.740`, `1.000`."""
    if value is None:
        return ""
    return f"{value:.3f}".removeprefix("0") if value >= 0 else f"−{figure(-value)}"


def bounds(interval: Interval) -> str:
    """Return a figure with its interval: `.740 (.711–.768)`."""
    return f"{figure(interval.value)} ({figure(interval.low)}–{figure(interval.high)})"


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _figures(result: Result, level: Level, kind: str) -> dict[str, object]:
    count = len(result.values("mrr", level, kind))
    if not count:
        return {"n": 0}
    return {
        "n": count,
        **{metric: asdict(interval_of(result, metric, level, kind)) for metric in METRICS[level]},
    }


def _head(result: Result) -> str:
    asked, answerable = len(result.rows), len(result.answerable())
    kept = f"{answerable} answerable questions counted"
    if asked > answerable:
        kept += f", {asked - answerable} unanswerable ones left out (abstention below)"
    settings = ", ".join(f"{name}={value}" for name, value in result.settings.items())
    lines = [
        f"# {result.task}: {result.data}{', pooled' if result.pooled else ''}",
        f"{kept}; {counted(result.memories)} in "
        f"{counted(result.haystacks, 'namespace', 'namespaces')}.",
        f"Embedder {result.embedder}; reranker {result.reranker or 'none'}; "
        f"settings: {settings or 'defaults'}; k={result.k}, "
        f"deadline {f'{result.deadline_ms:g} ms' if result.deadline_ms else 'none'}; "
        f"memory-core {result.version}; data sha256 {result.sha256[:12]}….",
    ]
    if result.limit is not None:
        lines.append(f"**Only the first {result.limit} questions were asked.**")
    return "\n\n".join(lines)


def _level(result: Result, level: Level) -> str:
    metrics = METRICS[level]
    rows = [
        [kind, str(len(result.values("mrr", level, kind)))]
        + [figure(interval_of(result, metric, level, kind).value) for metric in metrics]
        for kind in (OVERALL, *result.kinds())
        if result.values("mrr", level, kind)
    ]
    sure = [
        [metric, _count(result, metric, level), bounds(interval_of(result, metric, level))]
        for metric in metrics
    ]
    return "\n\n".join(
        [
            f"## By {level}",
            table(["", "n", *metrics], rows),
            table(["overall", "questions", "95 % interval"], sure),
        ]
    )


def _count(result: Result, metric: str, level: Level) -> str:
    values = result.values(metric, level)
    if metric.partition("@")[0] in COUNTS:
        return f"{sum(values):.0f} of {len(values)}"
    return str(len(values))


def _context(result: Result) -> str:
    rows = []
    for kind in (OVERALL, *result.kinds()):
        of = context_of(result, kind)
        tokens = "" if of["tokens"] is None else f"{of['tokens']:.0f}"
        rows.append(
            [kind, tokens, figure(of["shown"]), figure(of["shown_any"]), figure(of["pool"])]
        )
    latency = latency_of(result.rows)
    budget = f"gold turns whole in {result.token_budget:,} tokens"
    headers = ["", "tokens packed", budget, "any of them", "candidate pool"]
    return (
        "## Context and latency\n\n"
        + table(headers, rows)
        + "\n\n"
        + f"A recall takes {latency['p50']:.1f} ms at the median, {latency['p95']:.1f} ms at p95 "
        f"({result.processors} logical processors)."
    )


def _abstention(result: Result) -> dict[str, float] | None:
    if all(row.answerable for row in result.rows) or not result.answerable():
        return None
    curve = curve_of(result)
    refused, lost = curve.at_default
    return {
        "area": curve.area, "threshold": curve.default, "refused": refused, "lost": lost,
        "unanswerable": curve.unanswerable, "answerable": curve.answerable,
    }  # fmt: skip


def _refusals(result: Result) -> str:
    if (told := _abstention(result)) is None:
        return ""
    curve = curve_of(result)
    offers = [(share, *curve.best_within(share)) for share in (0.01, 0.05, 0.10)]
    rows = [
        [f"{share:.0%}", figure(threshold), figure(refused), figure(lost)]
        for share, threshold, refused, lost in offers
    ]
    return (
        "## Abstention\n\n"
        f"Area under the ROC {figure(told['area'])} ({told['unanswerable']:.0f} unanswerable, "
        f"{told['answerable']:.0f} answerable; .5 tells nothing apart). At the threshold in force, "
        f"{told['threshold']:g}, {figure(told['refused'])} of the unanswerable are refused and "
        f"{figure(told['lost'])} of the answerable are lost.\n\n"
        + table(["may be lost", "threshold", "refused", "lost"], rows)
    )
