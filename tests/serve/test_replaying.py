"""`memory replay` on a real store, through the command's own entry."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from memory_core.serve.cli.app import app


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for text in ("Ana drinks green tea", "Bo drinks coffee", "The gate code is 4471"):
        assert run(tmp_path, "store", text).exit_code == 0
    assert run(tmp_path, "recall", "what does Ana drink", "--k", "1").exit_code == 0
    return tmp_path


def run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["--home", str(home), "--embedder", "hash", *words])


def answer(home: Path, *words: str) -> dict:
    done = run(home, "--json", "replay", *words)
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def test_list_and_show(home: Path) -> None:
    (listed,) = answer(home, "list")
    shown = answer(home, "show")
    assert listed["id"] == shown["id"] and listed["text"] == "what does Ana drink"
    assert "Ana drinks green tea" in run(home, "replay", "show", listed["id"]).output


def test_reexecute_after_changes(home: Path) -> None:
    (listed,) = answer(home, "list")
    assert run(home, "forget", listed["hits"][0]).exit_code == 0
    again = answer(home, "reexecute")
    assert again["verdict"] == "exact" and [h["id"] for h in again["hits"]] == listed["hits"]


def test_why_and_what_if(home: Path) -> None:
    (listed,) = answer(home, "list")
    assert answer(home, "why", listed["hits"][0])["stage"] == "recalled"
    assert answer(home, "why-not", "coffee", listed["id"])["stage"] == "fusion"
    wider = answer(home, "what-if", "--k", "3", "--set", "lexical_weight=0.5")
    assert len(wider["moves"]) == 3 and wider["changes"] == {"k": 3, "lexical_weight": 0.5}
    with_one = answer(home, "what-if", "--with", "what does Ana drink: rain", "--off", "context")
    assert with_one["moves"][0]["before"] is None and len(with_one["hits"]) == 1
    told = run(home, "replay", "what-if", "--with", "what does Ana drink: rain").output
    assert "never stored: what does Ana drink: rain" in told
    without = answer(home, "what-if", "--without", listed["hits"][0])
    assert without["hits"][0]["id"] != listed["hits"][0]


def test_diff(home: Path) -> None:
    wider = answer(home, "diff", "last", "--k", "3")
    assert [cause["label"] for cause in wider["causes"]] == ["k"] and len(wider["shifts"]) == 2
    assert run(home, "store", "Ana drinks what does Ana drink").exit_code == 0
    assert run(home, "recall", "what does Ana drink", "--k", "1").exit_code == 0
    newer, older = answer(home, "list")
    found = answer(home, "diff", older["id"], newer["id"])
    assert "content" in [cause["label"] for cause in found["causes"]]
    assert "takes the move back" in run(home, "replay", "diff", older["id"], newer["id"]).output


def test_bisect(home: Path) -> None:
    (listed,) = answer(home, "list")
    found = answer(home, "bisect", "--expect", listed["hits"][0])
    assert found["held"] and found["complete"] and found["cause"]["event"] == "stored"
    told = run(home, "replay", "bisect", "last", "--expect-not", listed["hits"][0]).output
    assert "fails from here" in told and "Ana drinks green tea" in told


def test_export_and_gate(home: Path, tmp_path: Path) -> None:
    (listed,) = answer(home, "list")
    folder = tmp_path / "frozen"
    found = answer(home, "export", "--pytest", str(folder), "--expect", listed["hits"][0])
    assert Path(found["test"]).is_file() and Path(found["data"]).is_file()
    assert answer(home, "gate", "--latency", "1000")["passed"] is True
    shut = run(home, "replay", "gate", "--set", "lexical_weight=0", "--k", "3", "--jaccard", "1")
    assert shut.exit_code == 3 and "failed" in shut.output


def test_wrong_use_is_told(home: Path, tmp_path: Path) -> None:
    for words in (("what-if", "--set", "nonsense"), ("what-if", "--set", "k2=1"), ("show", "none")):
        assert run(home, "replay", *words).exit_code != 0
    empty = tmp_path / "empty"
    assert run(empty, "replay", "list").exit_code != 0, "there is no store"
    assert run(empty, "store", "Ana drinks tea").exit_code == 0
    assert "no recall is recorded" in run(empty, "replay", "list").output
