"""The command line as a shell sees it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


def run(*words: str, home: Path, code: int = 0, stdin: str | None = None) -> str:
    command = [sys.executable, "-c", "from memory_core.serve.cli import main; main()",
               "--home", str(home), "--embedder", "hash", *words]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, input=stdin)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stdout + done.stderr


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def test_store_recall_show_history_forget_erase(home: Path) -> None:
    stored = json.loads(run("--json", "store", "Ana likes tea", "--session", "s1", home=home))
    answer = json.loads(run("--json", "recall", "tea", "--explain", home=home))
    assert answer["hits"][0]["memory"]["id"] == stored["id"]
    assert {step["stage"] for step in answer["trace"]} >= {"dense", "lexical", "pack"}
    assert json.loads(run("--json", "show", stored["id"], home=home))["session"] == "s1"
    run("forget", stored["id"], home=home)
    events = [c["event"] for c in json.loads(run("--json", "history", stored["id"], home=home))]
    assert events == ["stored", "forgotten"]
    assert json.loads(run("--json", "erase", stored["id"], home=home))["residue"] == 0
    assert "NotFound" in run("show", stored["id"], home=home, code=1)


def test_standard_input_and_plain_text(home: Path) -> None:
    run("store", "-", home=home, stdin="from a pipe\nwith two lines")
    assert "from a pipe with two lines" in run("list", home=home)
    assert "from a pipe" in run("recall", "pipe", home=home)


def test_import_export_stats_verify_rebuild_doctor(home: Path, tmp_path: Path) -> None:
    chat = tmp_path / "chat.json"
    messages = [{"role": "user", "content": f"fact number {n}"} for n in range(5)]
    chat.write_text(json.dumps({"messages": messages}))
    assert json.loads(run("--json", "import", str(chat), home=home))["stored"] == 5
    assert json.loads(run("--json", "import", str(chat), home=home))["repeated"] == 5
    out = tmp_path / "out.jsonl"
    run("export", str(out), home=home)
    assert len(out.read_text().splitlines()) == 6
    assert json.loads(run("--json", "stats", home=home))["memories"] == 5
    assert json.loads(run("--json", "verify", home=home)) == {"entries": 5, "faults": []}
    assert json.loads(run("--json", "rebuild", home=home))["entries"] == 5
    assert run("doctor", home=home).rstrip().endswith("All is well: nothing to do.")


def test_errors_are_one_line_and_codes_differ(home: Path) -> None:
    assert run("store", "", home=home, code=1).startswith("memory: InvalidText: ")
    run("recall", "x", "--k", "0", home=home, code=1)
    run("nonsense", home=home, code=2)


def test_a_changed_journal_is_told_with_code_3(home: Path) -> None:
    run("store", "a fact about tea", home=home)
    code = (
        "import apsw, sys; c = apsw.Connection(sys.argv[1]);"
        "c.execute(\"UPDATE content SET body = CAST(replace(body, 'tea', 'ale') AS BLOB)\")"
    )
    subprocess.run([sys.executable, "-c", code, str(home / "journal.db")], check=True)
    assert "the body of entry 1 was changed" in run("verify", home=home, code=3)
    assert "restore the last backup" in run("doctor", home=home, code=3)


def test_doctor_fails_where_the_store_cannot_be_opened(tmp_path: Path) -> None:
    home = tmp_path / "file"
    home.write_text("not a directory")
    assert "choose another home" in run("doctor", home=home, code=1)


def test_nothing_is_coloured_in_a_pipe(home: Path) -> None:
    run("store", "a [bold]fact[/bold] about tea", home=home)
    shown = run("recall", "tea", "--explain", home=home)
    assert "\x1b" not in shown
    assert "[bold]fact[/bold]" in shown


def test_demo_shows_what_it_did_and_leaves_nothing(home: Path) -> None:
    shown = json.loads(run("--json", "demo", home=home))
    assert shown["stored"]["turns"] == shown["journal_entries"] >= 200
    assert shown["journal_faults"] == 0
    assert 0 < shown["answered_first"] <= shown["answered_among_10"] <= shown["questions"]
    for answer in shown["recalled"]:
        for hit in answer["hits"]:
            assert sum(hit["terms"].values()) == pytest.approx(hit["score"])
    assert not home.exists()
