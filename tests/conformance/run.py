"""Runs suites that nobody here wrote against our adapters: `make conformance`.

Each suite is fetched with pip at a pinned version, never kept here, and run unchanged by pytest in
a process of its own. A failure that is not listed in `EXPECTED` with its reason fails the run, and
so does an expected failure that passes.
"""

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
TOOLS = ("pytest-mock==3.15.1", "vcrpy==8.1.1", "syrupy==5.1.0", "langchain-tests==1.1.9")
EXPECTED: Mapping[str, str] = {}
"""Test id -> why it cannot pass. Empty: all pass."""


@dataclass(frozen=True, slots=True)
class Suite:
    """One outside suite."""

    name: str
    tests: str
    """The file with the tests, relative to the unpacked source or to this directory."""
    source: str | None = None
    """The source distribution that has it; None for a file of ours that subclasses the suite."""
    options: Sequence[str] = field(default_factory=tuple)


SUITES = (
    Suite(
        "LangGraph store (langgraph-checkpoint 4.3.2)",
        "tests/test_store.py",
        "langgraph-checkpoint==4.3.2",
        ("-p", "langgraph_plugin"),
    ),
    Suite("LangChain vector store and retriever (langchain-tests 1.1.9)", "langchain_suite.py"),
    Suite("Claude SessionStore contracts (claude-agent-sdk)", "claude_suite.py"),
)


def main() -> int:
    """Run every suite, print one line each, and return 1 if one has an unexpected result."""
    wrong = 0
    with tempfile.TemporaryDirectory() as place:
        tools = Path(place) / "tools"
        pip("install", "--quiet", "--no-deps", "--target", str(tools), *TOOLS)
        for suite in SUITES:
            counts, surprises = run(suite, Path(place), tools)
            wrong += len(surprises)
            print(f"{suite.name}: {json.dumps(counts)}", *surprises, sep="\n  ")
    return 1 if wrong else 0


def run(suite: Suite, place: Path, tools: Path) -> tuple[dict[str, int], list[str]]:
    """Return the counts of a suite, and what was not expected."""
    base = HERE if suite.source is None else fetched(suite.source, place)
    report = place / "report.xml"
    paths = [ROOT, ROOT / "adapters", HERE, tools, base, base / "tests"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    settings = ("-o", "asyncio_mode=auto", "-c", os.devnull, "-p", "no:cacheprovider")
    command = [
        sys.executable, "-m", "pytest", "-q", str(base / suite.tests), f"--rootdir={base}",
        f"--junitxml={report}", *settings, *suite.options,
    ]  # fmt: skip
    done = subprocess.run(command, env=environment, cwd=base, capture_output=True, text=True)
    if not report.exists():
        return {}, [f"no result: {done.stdout[-2000:]}{done.stderr[-2000:]}"]
    failed, passed, skipped = set(), set(), 0
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        if case.find("failure") is not None or case.find("error") is not None:
            failed.add(name)
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed.add(name)
    report.unlink()
    surprises = [f"FAILED {name}" for name in sorted(failed - EXPECTED.keys())]
    surprises += [f"passes, though expected to fail: {name}" for name in passed & EXPECTED.keys()]
    if not passed:
        surprises.append(f"nothing passed: {done.stdout[-2000:]}")
    return {"passed": len(passed), "failed": len(failed), "skipped": skipped}, surprises


def fetched(requirement: str, place: Path) -> Path:
    """Return the directory of an unpacked source distribution."""
    pip("download", "--quiet", "--no-deps", "--no-binary", ":all:", "-d", str(place), requirement)
    (archive,) = place.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(place, filter="data")
    archive.unlink()
    return next(path for path in place.iterdir() if path.name == archive.name[: -len(".tar.gz")])


def pip(*arguments: str) -> None:
    """Run pip, showing what it says only if it fails."""
    command = [sys.executable, "-m", "pip", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")


if __name__ == "__main__":
    sys.exit(main())
