"""Runs suites that nobody here wrote against our adapters and servers: `make conformance`.

    python tests/conformance/run.py [NAME …]     all of them without a name

Each is fetched at a pinned version, never kept here, and run unchanged in a directory of its own.
A failure that is not listed with its reason fails the run, and so does a listed one that passes.
"""

import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[2] / "adapters")]

from tests.conformance.suite import Result, Suite  # noqa: E402 - a script finds its package first
from tests.conformance.suites import SUITES  # noqa: E402


def main(names: list[str]) -> int:
    """Run the suites, print a table, and return 1 if one has an unexpected result."""
    if unknown := set(names) - {suite.name for suite in SUITES}:
        raise SystemExit(
            f"no suite {', '.join(sorted(unknown))}; there are {', '.join(s.name for s in SUITES)}"
        )
    chosen = [suite for suite in SUITES if not names or suite.name in names]
    results = [(suite, *timed(suite)) for suite in chosen]
    print("\n| suite | passed | expected failures | skipped | seconds |\n|---|---|---|---|---|")
    for suite, result, seconds in results:
        counts = f"{result.passed} | {result.failed} | {result.skipped} | {seconds:.0f}"
        print(f"| {suite.title} | {counts} |")
    return 1 if any(result.surprises for _, result, _ in results) else 0


def timed(suite: Suite) -> tuple[Result, float]:
    """Run one suite and tell what it gave, and how long it took with what it fetched."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        result = suite.run(Path(place))
    print(f"{suite.name}: {result.passed} passed", *result.surprises, sep="\n  ", flush=True)
    return result, time.monotonic() - begun


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
