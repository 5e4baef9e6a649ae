"""A run of many proofs: what is kept, what is tried again, and what the tables say of it."""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

from memory_core.errors import InvalidInput
from memory_core.proofs.report import failures_of, summary_of, table_of
from memory_core.proofs.row import Findings, Proof, Run, carry_out
from memory_core.proofs.suite import Plan, attempt, read_lines, run_plan

ROOT = Path(__file__).parents[2]


def holding(run: Run, findings: Findings) -> None:
    findings.injected += run.size
    for _ in range(run.size):
        findings.check(True, "")
    findings.measured["worst_open_s"] = 0.5


def breaking(run: Run, findings: Findings) -> None:
    findings.check(False, f"lost {run.random.randrange(10)}")


def raising(run: Run, findings: Findings) -> None:
    raise OSError("no such disk")


HELD = Proof("X1", "it holds", 3, 1, holding)
BROKEN = Proof("X2", "it breaks", 2, 1, breaking)
LACKING = Proof("X3", "it cannot be tried", 2, 1, raising, lambda: "no such tool")
DOWN = Proof("X4", "it breaks down", 2, 1, raising)


def test_results_are_kept_and_not_run_again(tmp_path: Path) -> None:
    out = tmp_path / "results" / "all.jsonl"
    plan = Plan([HELD, BROKEN, LACKING, DOWN])
    first = list(run_plan(plan, out))
    assert [line["failures"] for line in first] == [0, 1, 0, 1]
    assert read_lines(out) == first
    assert list(run_plan(plan, out)) == first  # what failed is not tried until it holds
    again = list(run_plan(plan, out, afresh=True))
    assert [line["failures"] for line in again] == [0, 1, 0, 1]


def test_a_row_of_another_seed_size_or_code_is_run_again(tmp_path: Path) -> None:
    out, counted = tmp_path / "all.jsonl", []
    seen = replace(HELD, prove=lambda run, findings: counted.append(run.size))
    list(run_plan(Plan([seen, BROKEN]), out))
    list(run_plan(Plan([seen]), out))
    list(run_plan(Plan([seen], seed=2), out))
    list(run_plan(Plan([seen], seed=2, short=True), out))
    assert counted == [3, 3, 1]
    assert [line["row"] for line in read_lines(out)] == ["X2", "X1"]  # other rows stay
    out.write_text("".join(json.dumps({**x, "code": "old"}) + "\n" for x in read_lines(out)))
    list(run_plan(Plan([seen], seed=2, short=True), out))
    assert counted == [3, 3, 1, 1]


def test_a_run_that_was_killed_goes_on_after_its_last_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "all.jsonl"
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code = (
        "import sys, time; from pathlib import Path\n"
        "from memory_core.proofs.row import Proof\n"
        "from memory_core.proofs.suite import Plan, run_plan\n"
        "from tests.reliability.test_suite import HELD\n"
        "slow = Proof('X5', 'slow', 1, 1, lambda run, findings: time.sleep(60))\n"
        "list(run_plan(Plan([HELD, slow]), Path(sys.argv[1])))"
    )
    killed = subprocess.Popen([sys.executable, "-c", code, str(out)], cwd=ROOT)
    until = time.monotonic() + 30
    while time.monotonic() < until and not (out.exists() and b"X1" in out.read_bytes()):
        time.sleep(0.01)
    while time.monotonic() < until and not list(tmp_path.glob("memory-prove-*")):
        time.sleep(0.01)
    with pytest.raises(InvalidInput, match="another run"):
        list(run_plan(Plan([HELD]), out))
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert len(list(tmp_path.glob("memory-prove-*"))) == 1
    with out.open("a") as file:
        file.write('{"row": "X5", "fail')  # the kill fell into a line
    quick = replace(HELD, row="X5")
    lines = list(run_plan(Plan([replace(HELD, prove=raising), quick]), out))
    assert [(line["row"], line["failures"]) for line in lines] == [("X1", 0), ("X5", 0)]
    assert read_lines(out) == lines
    assert not list(tmp_path.glob("memory-prove-*"))  # what the killed run left is gone as well


def test_a_file_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "notes.txt"
    out.write_text("buy milk\n")
    with pytest.raises(InvalidInput, match=r"notes.txt:1 is no result"):
        list(run_plan(Plan([HELD]), out))
    assert out.read_text() == "buy milk\n"


def test_the_tables_say_what_was_not_tried_and_what_broke() -> None:
    lines = [attempt(one, seed=1, size=1) for one in (HELD, BROKEN, LACKING, DOWN)]
    told = table_of(lines).splitlines()
    assert told[2].startswith("| `X1` | 1 | 1 | 0 |")
    assert told[2].endswith("| worst open 0.5 s |")
    assert told[4] == "| `X3` | – | – | not tried | – | no such tool |"
    assert "3 rows tried, 2 failures" in summary_of(lines)
    assert "Not tried: X3 (no such tool)." in summary_of(lines)
    lost = random.Random(1).randrange(10)
    assert failures_of(lines)[0] == f"X2: lost {lost}"
    assert failures_of(lines)[1] == "X4: the row broke down: OSError: no such disk"


@pytest.mark.parametrize(("home", "code"), [("", 0), ("/nowhere", 4)])
def test_the_exit_code_tells_rows_that_could_not_be_tried(home: str, code: int) -> None:
    """Without the tools on the path, a row that needs them is skipped and says so."""
    environment = {**os.environ, **({"PATH": home} if home else {})}
    command = [sys.executable, "-c", "from memory_core.serve.cli import main; main()"]
    row = ["prove", "D12"] if not home else ["prove", "D6"]
    done = subprocess.run([*command, *row], env=environment, capture_output=True, text=True)
    assert done.returncode == code
    line = json.loads(done.stdout)
    assert (line["skipped"] is None) == (code == 0)


def test_a_row_says_with_what_it_was_run(tmp_path: Path) -> None:
    line = carry_out(HELD, tmp_path, seed=5, size=2)
    assert (line["size"], line["seed"], line["n"], line["skipped"]) == (2, 5, 2, None)
