"""A pytest plugin: every memory is closed and opened again after each call, its index often lost.

    python -m pytest -p memory_core.proofs.torture tests/test_manager.py

Nothing that a call leaves in memory, or in a derived file, may be needed by a later one. A call
that runs inside another (a policy, a hook) does not reopen. Environment: `TORTURE` is
"plain" (only report) or "reopen", `TORTURE_REPORT` where the outcomes go as JSON,
`TORTURE_SEED` which indexes are lost, `TORTURE_PLANT` a bug to plant.
"""

import json
import os
import random
import shutil
import threading
import weakref
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from memory_core import build
from memory_core.manager import MemoryManager
from memory_core.proofs.plants import planted

VERBS = (
    "store", "store_many", "recall", "get", "list", "history", "links", "revise", "supersede",
    "invalidate", "expire", "reinforce", "link", "forget", "erase", "outcome", "run",
)  # fmt: skip
LOSS = 0.25
"""Share of the reopenings before which all derived files are removed."""


class Torture:
    """What happened, and how to open each memory again."""

    def __init__(self) -> None:
        self.outcomes: dict[str, str] = {}
        self.reopened = self.lost = 0
        self._chance = random.Random(int(os.environ.get("TORTURE_SEED", "1")))
        self._openings: weakref.WeakKeyDictionary[MemoryManager, Any] = weakref.WeakKeyDictionary()
        self._turn = threading.RLock()
        self._depth = 0

    def begin(self) -> None:
        """Replace the verbs of every memory by ones that reopen it."""
        self._wire = build._wire
        build._wire = self._wired
        for name in VERBS:
            setattr(MemoryManager, name, self._reopening(getattr(MemoryManager, name)))

    def _wired(self, journal: Any, settings: Any, how: Any) -> MemoryManager:
        manager = self._wire(journal, settings, how)
        self._openings[manager] = journal.home, settings, how
        return manager

    def _reopening(self, verb: Callable[..., Any]) -> Callable[..., Any]:
        def call(memory: MemoryManager, *arguments: Any, **named: Any) -> Any:
            with self._turn:  # another thread's call must not find the memory closed
                self._depth += 1
                try:
                    returned = verb(memory, *arguments, **named)
                finally:
                    self._depth -= 1
                if not self._depth and memory in self._openings:
                    self._reopen(memory)
            return returned

        call.__doc__, call.__name__ = verb.__doc__, verb.__name__
        return call

    def _reopen(self, memory: MemoryManager) -> None:
        home, settings, how = self._openings[memory]
        memory.close()
        if not how.readonly and self._chance.random() < LOSS:
            shutil.rmtree(home / "derived", ignore_errors=True)
            self.lost += 1
        fresh = build.opened(home, settings, how)
        memory.parts, memory.journal = fresh.parts, fresh.journal
        self.reopened += 1

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the worst outcome of a test's phases."""
        before = self.outcomes.get(report.nodeid, "passed")
        if before == "passed":
            self.outcomes[report.nodeid] = report.outcome

    @pytest.hookimpl
    def pytest_sessionfinish(self) -> None:
        """Write what happened."""
        if path := os.environ.get("TORTURE_REPORT"):
            told = {"outcomes": self.outcomes, "reopened": self.reopened, "lost": self.lost}
            Path(path).write_text(json.dumps(told), encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    """Begin, unless only a report is wanted."""
    bug = ExitStack()
    bug.enter_context(planted(os.environ.get("TORTURE_PLANT") or None))
    config.add_cleanup(bug.close)
    torture = Torture()
    config.pluginmanager.register(torture)
    if os.environ.get("TORTURE", "reopen") == "reopen":
        torture.begin()
