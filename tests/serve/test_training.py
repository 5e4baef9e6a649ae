"""`memory train` refuses what it cannot do before anything is loaded."""

from pathlib import Path

import pytest

from tests.serve.test_cli import run


def test_wrong_requests_are_named(tmp_path: Path) -> None:
    pytest.importorskip("datasets", reason="the extra train is not installed")
    home, out = tmp_path / "home", str(tmp_path / "out")
    assert "--recipe" in run("train", "cross-encoder", out, home=home, code=1)
    assert "--data" in run("train", "cross-encoder", out, "--recipe", "default", home=home, code=1)
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text('{"q": 1}\n')
    told = run("train", "cross-encoder", out, "--pairs", str(pairs), home=home, code=1)
    assert "pairs.jsonl:1" in told
    pairs.write_text('{"q": "who?", "pos": "she"}\n')
    for wrong, why in (
        (("--loss", "distill"), "--teacher MODEL"),
        (("--teacher", "default"), "--loss distill"),
        (("--loss", "distill", "--teacher", "off"), "names no cross-encoder"),
    ):
        told = run("train", "cross-encoder", out, "--pairs", str(pairs), *wrong, home=home, code=1)
        assert why in told
    for verb, setting in (("cross-encoder", "--epochs"), ("bi-encoder", "--learning-rate")):
        told = run("train", verb, out, "--pairs", str(pairs), setting, "nan", home=home, code=1)
        assert setting.strip("-").replace("-", " ") in told
    recipe = ("--recipe", "default", "--data", str(tmp_path))
    fixed = {"--loss": "binary", "--epochs": "2", "--layers": "3", "--learning-rate": "1e-3"}
    for wrong in fixed.items():
        told = run("train", "cross-encoder", out, *recipe, *wrong, home=home, code=1)
        assert "the recipe fixes" in told
    assert not Path(out).exists()
