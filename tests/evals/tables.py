"""The tables of the docs, generated from the results kept beside them.

    python -m tests.evals.tables

A block `<!-- results: KIND FILE -->` … `<!-- end -->` of a page is filled from `docs/results/FILE`.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from statistics import mean

from memory_core.evals import deadline, mteb, report
from memory_core.evals.result import load_result, text_of
from memory_core.evals.task import Level
from memory_core.proofs import report as proofs
from memory_core.proofs.suite import Line, read_lines
from memory_core.proofs.table import PROOFS
from tests.peers.run import markdown_of

DOCS = Path(__file__).parents[2] / "docs"
RESULTS = DOCS / "results"
BLOCK = re.compile(r"(<!-- results: (\w+) (\S+) -->\n).*?(<!-- end -->)", re.S)


def filled(page: str) -> str:
    """Return a page with its blocks generated anew."""

    def block(found: re.Match[str]) -> str:
        return f"{found[1]}{KINDS[found[2]](RESULTS / found[3]).strip()}\n{found[4]}"

    return BLOCK.sub(block, page)


def _run(path: Path) -> str:
    told = report.markdown_of(load_result(path))
    return re.sub(r"^(#+) ", r"\1## ", told, flags=re.M)


def _brief(path: Path) -> str:
    """Return the figures of a run that the targets name, in one row."""
    result = load_result(path)
    names = [f"{level}: {metric}" for level, metric in BRIEF if level in result.levels]
    values = [
        mean(result.values(metric, level)) for level, metric in BRIEF if level in result.levels
    ]
    shown, pool = (mean(result.known(get)) for get in (lambda r: r.shown, lambda r: r.pool))
    size = f"{result.memories:,} in {result.haystacks}"
    headers = ["memories in namespaces", *names, "gold shown in 1,000 tokens", "candidate pool"]
    return report.table(headers, [[size, *map(report.figure, (*values, shown, pool))]])


def _deadline(path: Path) -> str:
    told = deadline.markdown_of(deadline.Deadlines.model_validate_json(path.read_text()))
    return re.sub(r"^(#+) ", r"\1## ", told, flags=re.M)


def _mteb(path: Path) -> str:
    return mteb.markdown_of(mteb.load_judged(path))


def _peers(path: Path) -> str:
    return markdown_of(json.loads(text_of(path)))


def _proofs(path: Path) -> str:
    lines = _proven(path)
    return f"{proofs.table_of(lines)}\n\n{proofs.summary_of(lines)}"


def _bugs(path: Path) -> str:
    return proofs.bugs_of(_proven(path))


def _proven(path: Path) -> list[Line]:
    order = list(PROOFS)
    return sorted(read_lines(path), key=lambda line: order.index(line["row"]))


BRIEF: tuple[tuple[Level, str], ...] = (
    ("turn", "recall@5"), ("turn", "recall@10"), ("turn", "all@10"), ("session", "any@5"),
    ("session", "all@5"), ("session", "all@10"),
)  # fmt: skip
KINDS: dict[str, Callable[[Path], str]] = {
    "run": _run, "brief": _brief, "deadline": _deadline, "mteb": _mteb,
    "peers": _peers, "proofs": _proofs, "bugs": _bugs,
}  # fmt: skip


def main() -> None:
    """Rewrite every page that has blocks."""
    for page in sorted(DOCS.rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        if BLOCK.search(text):
            page.write_text(filled(text), encoding="utf-8")


if __name__ == "__main__":
    main()
