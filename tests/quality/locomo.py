"""Recall on LoCoMo's answerable questions in a few lines, for trying a setting.

    python -m tests.quality.locomo ../shared/data/eval/locomo_dev5.json [--set lexical_weight=1.2]

The same run as `memory evals locomo`, which tells it all, without the unanswerable questions.
"""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from statistics import mean, median
from typing import Any

from memory_core.evals.locomo import locomo
from memory_core.evals.result import Result
from memory_core.evals.run import Plan, evaluate
from memory_core.evals.task import Haystack

CUTOFFS = (1, 5, 10, 20)


def measured(path: Path, settings: Mapping[str, Any], conversations: int | None = None) -> Result:
    """Return the run over the first conversations, or all."""
    task = locomo(path)

    def read(path: Path) -> Iterator[Haystack]:
        for haystack in islice(task.read(path), conversations):
            asked = tuple(q for q in haystack.questions if q.answerable)
            yield replace(haystack, questions=asked)

    return evaluate(replace(task, read=read), Plan(settings=settings))


def told(result: Result) -> str:
    """Return the figures as lines."""
    rows = [f"{len(result.rows)} questions"]
    rows += [f"recall@{k:<3} {mean(result.values(f'recall@{k}', 'turn')):.4f}" for k in CUTOFFS]
    rows.append(f"pool       {mean(result.known(lambda row: row.pool)):.4f}")
    rows.append(f"shown      {mean(result.known(lambda row: row.shown)):.4f} in 1,000 tokens")
    for kind in result.kinds():
        values = result.values("recall@10", "turn", kind)
        rows.append(f"{kind}: recall@10 {mean(values):.4f} ({len(values)} questions)")
    rows.append(f"p50        {median(row.seconds for row in result.rows) * 1000:.1f} ms a recall")
    return "\n".join(rows)


def main() -> None:
    """Print the figures for a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    given = parser.parse_args()
    print(told(measured(given.path, dict(pair.split("=", 1) for pair in given.set))))


if __name__ == "__main__":
    main()
