"""`memory evals` from the shell: figures, files, comparisons, wrong requests."""

import json
from pathlib import Path

from tests.evals import files
from tests.serve.test_cli import run


def test_an_evaluation_is_told_and_kept(tmp_path: Path) -> None:
    data, home = files.locomo(tmp_path / "locomo.json"), tmp_path / "home"
    vectors = str(tmp_path / "vectors")
    given = ("evals", "locomo", "--data", str(data), "--vectors", vectors)
    a, b = tmp_path / "a", tmp_path / "b"
    told = run(*given, "--out", str(a), home=home)
    assert "| overall | 3 |" in told
    found = json.loads(
        run("--json", *given, "--set", "dense_weight=0", "--pooled", "--out", str(b), home=home)
    )
    assert found["pooled"] is True
    assert found["settings"]["dense_weight"] == "0"
    assert found["summary"]["levels"]["turn"]["overall"]["n"] == 3
    results = [str(place / "result.json") for place in (a, b)]
    assert "| turn | overall | recall@10 | 3 |" in run("evals", "compare", *results, home=home)
    roc = tmp_path / "roc.png"
    assert "locomo" in run("evals", "abstention", results[0], "--out", str(roc), home=home)
    assert roc.read_bytes().startswith(b"\x89PNG")
    assert not home.exists()


def test_wrong_requests_are_named(tmp_path: Path) -> None:
    data, home = str(files.locomo(tmp_path / "locomo.json")), tmp_path / "home"
    given = ("evals", "locomo", "--data", data)
    assert "NAME=VALUE" in run(*given, "--set", "dense_weight", home=home, code=1)
    assert "no_such" in run(*given, "--set", "no_such=1", home=home, code=1)
    missing = str(tmp_path / "nowhere.json")
    assert "nowhere.json" in run("evals", "locomo", "--data", missing, home=home, code=1)
    assert "no LongMemEval row" in run("evals", "longmemeval", "--data", data, home=home, code=1)
