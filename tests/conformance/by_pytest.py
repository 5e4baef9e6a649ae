"""Suites that are pytest files, run unchanged in a process and, if need be, a venv of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from tests.conformance.fetching import ROOT, environment, installed, source_of
from tests.conformance.suite import Expected, Result, judged

HERE = Path(__file__).parent
TOOLS = ("pytest-mock==3.15.1", "vcrpy==8.1.1", "syrupy==5.1.0", "langchain-tests==1.1.9")


@dataclass(frozen=True)
class PytestSuite:
    """Where the tests are and what they need."""

    tests: Sequence[str]
    """Files or directories, relative to the unpacked source."""
    source: str | None = None
    """The source distribution that has them."""
    ours: Sequence[str] = ()
    """Files of ours to run beside them, relative to the project."""
    venv: Sequence[str] = ()
    """What a virtual environment of its own has; the shared one is used where empty."""
    plugin: str | None = None
    """Module of this package that puts our part in the place of theirs."""
    options: Sequence[str] = ()
    expected: Expected = field(default_factory=dict)

    def __call__(self, place: Path) -> Result:
        """Run them."""
        base = ROOT if self.source is None else source_of(self.source, place / "source")
        if self.venv:
            python, tools = environment(self.venv, place / "venv"), ()
        else:
            python, tools = Path(sys.executable), (installed(TOOLS, place / "tools"),)
        files = [*(base / each for each in self.tests), *(ROOT / each for each in self.ours)]
        report = place / "report.xml"
        command = [
            str(python), "-m", "pytest", "-q", *map(str, files), f"--rootdir={base}",
            f"--junitxml={report}", "-o", "asyncio_mode=auto", "-c", os.devnull,
            "-p", "no:cacheprovider", "--import-mode=importlib", *self.options,
        ]  # fmt: skip
        paths = [*tools, base, HERE, ROOT / "adapters", ROOT]  # theirs is the package `tests`
        if self.plugin is not None:
            command += ["-p", self.plugin]
        done = subprocess.run(
            command, env=environ_with(paths), cwd=place, capture_output=True, text=True
        )
        said = f"{done.stdout[-3000:]}{done.stderr[-3000:]}"
        if not report.exists():
            return Result(0, surprises=(f"no result: {said}",))
        passed, failed, skipped = read_report(report)
        return judged(passed, failed, self.expected, skipped=skipped)


def environ_with(paths: Sequence[Path]) -> Mapping[str, str]:
    """Return the environment of a process that finds modules there, and has no keys."""
    kept = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY")}
    return {**kept, "PYTHONPATH": os.pathsep.join(map(str, paths)), "HF_HUB_OFFLINE": "1"}


def read_report(report: Path) -> tuple[list[str], list[str], int]:
    """Return the names of the passed, those of the failed, and how many were skipped."""
    passed, failed, skipped = [], [], 0
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        if case.find("failure") is not None or case.find("error") is not None:
            failed.append(name)
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed.append(name)
    return passed, failed, skipped
