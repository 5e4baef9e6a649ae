"""MTEB-type tasks: files read, figures of the library, differences item by item."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from memory_core.errors import InvalidInput
from memory_core.evals import mteb
from memory_core.evals.ir_data import read_labelled, read_pairs, read_retrieval

WORDS = ("goat", "bicycle", "dentist", "cello", "river", "walnut", "station", "bakery")


def folder(path: Path) -> Path:
    """Eight documents, one a word, with questions, pairs and intents about them."""
    (path / "scifact" / "qrels").mkdir(parents=True)
    rows = [{"_id": f"d{n}", "title": w, "text": f"all about the {w}"} for n, w in enumerate(WORDS)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (path / "scifact" / "corpus.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    asked = [{"_id": f"q{n}", "text": f"what is a {w}"} for n, w in enumerate(WORDS)]
    (path / "scifact" / "queries.jsonl").write_text("".join(json.dumps(r) + "\n" for r in asked))
    qrels = "query-id\tcorpus-id\tscore\n" + "".join(f"q{n}\td{n}\t1\n" for n in range(6))
    (path / "scifact" / "qrels" / "test.tsv").write_text(qrels)
    (path / "stsb").mkdir()
    pairs = [(f"a {w} here", f"a {w} there", 5 - n / 2) for n, w in enumerate(WORDS)]
    pairs += [(f"a {w}", "something quite different", 0.5) for w in WORDS]
    told = "".join(f"g\tf\ty\t{n}\t{s}\t{a}\t{b}\n" for n, (a, b, s) in enumerate(pairs))
    (path / "stsb" / "sts-test.csv").write_text(told)
    (path / "banking77").mkdir()
    for split, count in (("train", 10), ("test", 4)):
        lines = "text,category\n" + "".join(
            f'"the {w}, number {n} {split}",{w}\n' for w in WORDS for n in range(count)
        )
        (path / "banking77" / f"{split}.csv").write_text(lines)
    return path


def test_files_are_read_and_bad_ones_named(tmp_path: Path) -> None:
    data = folder(tmp_path)
    retrieval = read_retrieval(data / "scifact")
    assert (len(retrieval.corpus), len(retrieval.queries), len(retrieval.qrels)) == (8, 6, 6)
    assert read_pairs(data / "stsb").scores[:2] == (5.0, 4.5)
    assert read_labelled(data / "banking77", "test").labels[:4] == ("goat",) * 4
    with pytest.raises(InvalidInput, match="sts-test"):
        read_pairs(data / "scifact")
    (data / "scifact" / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\tno\t1\n")
    with pytest.raises(InvalidInput, match=r"test\.tsv:2"):
        read_retrieval(data / "scifact")
    sts = data / "stsb" / "sts-test.csv"
    for score in ("nan", "high", "inf"):
        sts.write_text(f"a\tb\tc\td\t{score}\tone\ttwo\n")
        with pytest.raises(InvalidInput, match=rf"sts-test\.csv:1: the score '{score}'"):
            read_pairs(data / "stsb")
    for score in ("nan", "high", "inf", "1.5"):
        (data / "scifact" / "qrels" / "test.tsv").write_text(f"q1\td1\t{score}\n")
        with pytest.raises(InvalidInput, match=rf"test\.tsv:1: the score '{score}'"):
            read_retrieval(data / "scifact")
    sts.write_text("")
    with pytest.raises(InvalidInput, match="is empty"):
        read_pairs(data / "stsb")
    for field in ("title", "text"):
        row = json.dumps({"_id": "d1", "title": "t", "text": "x", field: float("nan")})
        (data / "scifact" / "corpus.jsonl").write_text(row + "\n")
        with pytest.raises(InvalidInput, match=rf"corpus\.jsonl:1: no {field}"):
            read_retrieval(data / "scifact")
    with pytest.raises(InvalidInput, match="no task nonsense"):
        mteb.judge(mteb.Trial(data, {"embedder": "hash"}, ("nonsense",)))


def test_a_difference_is_paired(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    gold = rng.random(300)
    good, bad = gold + rng.normal(0, 0.1, 300), gold + rng.normal(0, 0.4, 300)
    first, second = (
        mteb.Score(task="stsb", metric="Spearman", value=0.0, statistic="spearman",
                   items=tuple(values.tolist()), gold=tuple(gold.tolist()))
        for values in (bad, good)
    )  # fmt: skip
    delta = mteb.difference(first, second)
    assert delta.low > 0
    assert mteb.difference(second, first).value == pytest.approx(-delta.value)
    same = mteb.difference(first, first)
    assert (same.value, same.low, same.high, same.p) == (0.0, 0.0, 0.0, 1.0)
    other = first.model_copy(update={"items": first.items[:10], "gold": first.gold[:10]})
    with pytest.raises(InvalidInput, match="same items"):
        mteb.difference(first, other)


@pytest.mark.slow
def test_the_library_and_our_items_agree(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    if "slow" not in str(pytestconfig.getoption("markexpr")):
        pytest.skip("importing mteb alone takes seconds: run with -m slow")
    pytest.importorskip("mteb", reason="the extra evals is not installed")
    data = folder(tmp_path)
    done = mteb.judge(mteb.Trial(data, {"embedder": "hash"}))
    scores = {score.task: score for score in done.scores}
    assert set(scores) == set(mteb.TASKS) - {"scifact-rerank"}
    for name in ("scifact", "banking77", "banking77-clusters"):
        assert np.mean(scores[name].items) == pytest.approx(scores[name].value, abs=1e-4)
    assert scores["scifact"].value > 0.9
    mteb.write(done, tmp_path / "out", done)
    again = mteb.load_judged(tmp_path / "out" / "mteb.json")
    assert again == done
    assert "| stsb | Spearman |" in mteb.markdown_of(again)
