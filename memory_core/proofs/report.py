"""The tables of a run of proofs, for the terminal and for the docs."""

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

from memory_core.proofs.suite import Line

UNITS = {"s": "s", "ms": "ms", "mb": "MB"}
"""Last part of a measured name -> unit."""


def table_of(lines: Iterable[Line]) -> str:
    """Return the Markdown table of some results, one row each."""
    head = "| row | cases | injected | failures | seconds | measured |\n|---|---|---|---|---|---|"
    return "\n".join([head, *(_row(line) for line in lines)])


def summary_of(lines: Sequence[Line]) -> str:
    """Return what a whole run came to, in a few sentences."""
    tried = [line for line in lines if not line.get("skipped")]
    failures = sum(line["failures"] for line in tried)
    minutes = math.ceil(sum(line["seconds"] for line in lines) / 60)
    told = [f"{len(tried)} rows tried, {failures} failures, {minutes} minutes."]
    told += [f"Not tried: {line['row']} ({line['skipped']})." for line in lines if line["skipped"]]
    seeds = sorted({line["seed"] for line in lines})
    told.append(f"Seed {', '.join(map(str, seeds))}; {_versions(tried)}.")
    return " ".join(told)


def failures_of(lines: Iterable[Line]) -> list[str]:
    """Return what each broken promise looked like, at most five a row."""
    return [f"{line['row']}: {told}" for line in lines for told in line["first_failures"]]


def bugs_of(lines: Iterable[Line]) -> str:
    """Return the Markdown table of the planted bugs and of what their rows made of them."""
    planted: dict[str, dict[str, Any]] = next(
        (line["details"] for line in lines if line["row"] == "D5"), {}
    )
    rows = [
        f"| `{bug['row']}` | {bug['bug']} | {_noticed(bug['found'])} |" for bug in planted.values()
    ]
    return "\n".join(["| row | bug | failures that it caused |", "|---|---|---|", *rows])


def _noticed(found: int | None) -> str:
    return "not tried" if found is None else f"{found:,}" if found else "**not noticed**"


def _row(line: Line) -> str:
    if line.get("skipped"):
        return f"| `{line['row']}` | – | – | not tried | – | {line['skipped']} |"
    measured = ", ".join(_told(*item) for item in line["measured"].items())
    return (
        f"| `{line['row']}` | {line['n']:,} | {line['injected']:,} | {line['failures']:,}"
        f" | {line['seconds']} | {measured} |"
    )


def _told(name: str, value: object) -> str:
    """Return a figure in words: `worst_open_s` 0.1 is "worst open 0.1 s"."""
    unit = ""
    if found := re.fullmatch(r"(.+)_(s|ms|mb)", name):
        name, unit = found[1], f" {UNITS[found[2]]}"
    shown = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    return f"{name.replace('_', ' ')} {shown}{unit}"


def _versions(lines: Sequence[Line]) -> str:
    versions = {
        f"{name} {number}" for line in lines for name, number in line.get("versions", {}).items()
    }
    cores = {f"{line['cores']} cores" for line in lines if line.get("cores")}
    return ", ".join([*sorted(versions), *sorted(cores)])
