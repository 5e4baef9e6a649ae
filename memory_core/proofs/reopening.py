"""C3: the ordinary tests pass when every memory is closed and opened again after each call.

A pinned part of the test suite is run twice, with Python's development mode and a hash seed of its
own: as it is, and with `memory_core.proofs.torture`, which also removes the derived files at every
fourth opening. Each test that passes plainly must pass then. Needs a checkout: an installed
package has no tests.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import memory_core
from memory_core.proofs import needs
from memory_core.proofs.row import Findings, Proof, Run

ROOT = Path(memory_core.__file__).parents[1]
FILES = (
    "tests/lifecycle/test_provenance.py", "tests/test_manager.py", "tests/test_bad_input.py",
    "tests/lifecycle/test_truth.py", "tests/lifecycle/test_erasing.py",
    "tests/lifecycle/test_policies.py", "tests/lifecycle/test_consolidation.py",
    "tests/interchange/test_transfer.py", "tests/adapters/test_shelf.py", "tests/hooks",
    "tests/test_aio.py",
)  # fmt: skip
LAZY = "reads a result's texts after the call, from the opening that answered it"
LEFT_OUT = {
    f"tests/hooks/test_hooks.py::{name}": LAZY
    for name in (
        "test_a_conversation_keeps_its_bytes_from_turn_to_turn",
        "test_a_tool_loop_keeps_the_section_of_its_turn",
        "test_what_the_conversation_says_already_is_not_injected",
        "test_nothing_of_it_comes_back_in_fifty_turns",
    )
}
"""Test -> why it cannot run so."""


def prove_torture(run: Run, findings: Findings) -> None:
    """Run the first `run.size` files of tests plainly and under torture."""
    files = FILES[: run.size]
    plain, tortured = (_told(mode, files, run) for mode in ("plain", "reopen"))
    findings.check(bool(plain["outcomes"]), "no test was run")
    for test, outcome in plain["outcomes"].items():
        findings.check(outcome != "failed", f"{test} fails without torture")
        if outcome == "passed":
            found = tortured["outcomes"].get(test, "missing")
            findings.check(found == "passed", f"{test} under torture: {found}")
    passed = [sum(x == "passed" for x in told["outcomes"].values()) for told in (plain, tortured)]
    findings.injected = tortured["reopened"]
    findings.measured |= {
        "passed_plainly": passed[0], "passed_under_torture": passed[1],
        "reopened": tortured["reopened"], "derived_files_lost": tortured["lost"],
    }  # fmt: skip
    findings.details |= LEFT_OUT


def _told(mode: str, files: tuple[str, ...], run: Run) -> dict[str, Any]:
    run.place.mkdir(parents=True, exist_ok=True)
    report = run.place / f"{mode}.json"
    number = run.random.randrange(1 << 30)
    environment = {
        **os.environ, "TORTURE": mode, "TORTURE_REPORT": str(report), "TORTURE_SEED": str(number),
        "TORTURE_PLANT": run.planted or "", "PYTHONHASHSEED": str(number),
        "PYTHONPATH": os.pathsep.join(
            [str(ROOT), str(ROOT / "adapters"), os.environ.get("PYTHONPATH", "")]
        ),
    }  # fmt: skip
    command = [
        sys.executable, "-X", "dev", "-m", "pytest", "-q", "-p", "memory_core.proofs.torture",
        "-p", "no:cacheprovider", "--basetemp", str(run.place / mode), "--tb=no",
        *(word for test in LEFT_OUT for word in ("--deselect", test)), *files,
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if not report.exists():
        raise OSError(f"pytest ended with {done.returncode}: {(done.stdout + done.stderr)[-500:]}")
    return dict(json.loads(report.read_text(encoding="utf-8")))


PROOFS = (
    Proof("C3", "the tests pass when every call is followed by a new opening", len(FILES), 1,
          prove_torture, needs.checkout),
)  # fmt: skip
