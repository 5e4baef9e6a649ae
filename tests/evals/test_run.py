"""Evaluations on made-up files: what is counted, what is refused, what is kept."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from memory_core.embed.base import Fingerprint, Vectors
from memory_core.embed.hashing import HashEmbedder
from memory_core.errors import InvalidInput, LabelLeak
from memory_core.evals import compare as comparing
from memory_core.evals import report
from memory_core.evals.abstention import curve_of
from memory_core.evals.leaks import Labels
from memory_core.evals.locomo import locomo, realtalk
from memory_core.evals.longmemeval import longmemeval
from memory_core.evals.pool import pooled
from memory_core.evals.result import Result, load_result
from memory_core.evals.run import Plan, evaluate, shown_texts
from memory_core.evals.sample import sample
from memory_core.evals.task import Haystack
from memory_core.evals.vectors import KeptVectors
from memory_core.interchange import detect, read
from tests.evals import files

HASH = Plan(settings={"embedder": "hash"})


@pytest.fixture(scope="module")
def sampled() -> Result:
    return evaluate(sample(), HASH)


def test_locomo_counts_turns_and_leaves_the_unanswerable_out(tmp_path: Path) -> None:
    result = evaluate(locomo(files.locomo(tmp_path / "locomo.json")), HASH)
    assert [(row.kind, row.answerable) for row in result.rows] == [
        ("single-hop", True), ("single-hop", True), ("multi-hop", True), ("adversarial", False),
    ]  # fmt: skip
    assert result.memories == 6
    assert result.rows[2].places["turn"].gold == 2
    assert result.rows[2].places["session"].gold == 1
    assert result.rows[3].places == {}
    assert result.values("any@5", "turn") == [1.0, 1.0, 1.0]
    assert all(row.shown == float(row.status != "empty") for row in result.answerable())
    assert sum(row.shown or 0.0 for row in result.rows) >= 2
    assert all(row.pool == 1.0 for row in result.answerable())
    assert all(row.tokens <= 1000 for row in result.rows)
    small = evaluate(locomo(tmp_path / "locomo.json"), replace(HASH, token_budget=60, limit=2))
    assert len(small.rows) == 2
    assert all(row.tokens <= 60 for row in small.rows)


def test_longmemeval_counts_sessions_and_hides_the_answer_key(tmp_path: Path) -> None:
    task = longmemeval(files.longmemeval(tmp_path / "rows.jsonl"))
    result = evaluate(task, HASH)
    assert [row.answerable for row in result.rows] == [True, True, False]
    assert result.values("any@1", "session") == [1.0, 1.0]
    assert result.values("any@1", "turn") == [1.0, 1.0]
    assert result.haystacks == 3
    assert "2 answerable questions counted, 1 unanswerable ones left out" in report.markdown_of(
        result
    )


def test_pooling_keeps_a_shared_session_once_as_its_question_has_it(tmp_path: Path) -> None:
    task = longmemeval(files.longmemeval(tmp_path / "rows.jsonl"))
    whole = pooled(task.haystacks())
    texts = [draft.text for draft in whole.drafts]
    assert sorted(texts) == sorted(set(texts))
    goats = next(draft for draft in whole.drafts if "goats" in draft.text)
    assert goats.occurred_at is not None
    assert goats.occurred_at.year == 2023  # not the early date that the other haystack gives it
    keys = {draft.key for draft in whole.drafts}
    sessions = {draft.session for draft in whole.drafts}
    for question in whole.questions:
        assert question.gold["turn"] <= keys
        assert question.gold["session"] <= sessions
    result = evaluate(task, replace(HASH, pooled=True, limit=2))
    assert (result.haystacks, result.memories, len(result.rows)) == (1, 5, 2)
    assert result.values("any@5", "session") == [1.0, 1.0]


def test_realtalk_is_read_by_the_turn(tmp_path: Path) -> None:
    path = files.realtalk(tmp_path / "chat.json")
    assert detect(path) == "realtalk"
    texts = [record.draft.text for record in read(path) if record.draft]
    assert texts == ["I start at the bakery on Monday.", "[shares a loaf of bread]"]
    times = [record.draft.occurred_at for record in read(path) if record.draft]
    assert [at and at.isoformat() for at in times] == [
        "2023-12-29T16:01:50+00:00", "2023-12-29T16:03:00+00:00",
    ]  # fmt: skip
    result = evaluate(realtalk(path), HASH)
    assert result.values("recall@1", "turn") == [1.0]


@pytest.mark.parametrize(
    "planted",
    ["as in D2:1", "see answer_4be1b6b4_2", "has_answer", "this is conv-1", "locomo:conv-1:D1:2"],
)
def test_a_label_in_an_indexed_text_fails_the_run(planted: str, tmp_path: Path) -> None:
    turns = (*files.TURNS[:5], ("Ben", f"My old bicycle was stolen, {planted}."))
    with pytest.raises(LabelLeak, match=r"turn 5 of 'conv-1'"):
        evaluate(locomo(files.locomo(tmp_path / "locomo.json", turns)), HASH)


def test_a_session_name_in_the_index_would_be_found(tmp_path: Path) -> None:
    task = longmemeval(files.longmemeval(tmp_path / "rows.jsonl"))

    def leaking(path: Path) -> list[Haystack]:
        return [
            replace(
                haystack,
                drafts=tuple(
                    draft.model_copy(update={"speaker": haystack.published[draft.session or ""]})
                    for draft in haystack.drafts
                ),
            )
            for haystack in task.read(path)
        ]

    with pytest.raises(LabelLeak, match="f00dcafe_1"):
        evaluate(replace(task, read=lambda path: iter(leaking(path))), HASH)


def test_words_that_only_look_like_labels_are_none() -> None:
    labels = Labels(["D1:3", "2023", "a1", "conversation", "gpt4_2655b836"])
    assert labels.within("In 2023 the a1 conversation had D1:30 and xD1:3") is None
    assert labels.within("gpt4_2655b836 said so") == "gpt4_2655b836"


def test_the_files_hold_every_figure(sampled: Result, tmp_path: Path) -> None:
    told = report.write(sampled, tmp_path / "out")
    again = load_result(tmp_path / "out" / "result.json")
    assert again == told
    summary = json.loads((tmp_path / "out" / "result.json").read_text())["summary"]
    overall = summary["levels"]["turn"]["overall"]
    assert overall["n"] == len(sampled.answerable()) == 36
    assert overall["recall@10"]["value"] == pytest.approx(
        sum(sampled.values("recall@10", "turn")) / 36
    )
    assert overall["any@10"]["low"] < overall["any@10"]["value"]
    text = (tmp_path / "out" / "report.md").read_text()
    assert f"| overall | 36 | {report.figure(overall['any@5']['value'])} |" in text
    for name in ("recall.png", "types.png", "abstention.png"):
        assert (tmp_path / "out" / name).read_bytes().startswith(b"\x89PNG")


def test_a_comparison_is_of_the_same_questions(sampled: Result, tmp_path: Path) -> None:
    words = evaluate(sample(), Plan(settings={"embedder": "hash", "dense_weight": 0}))
    found = comparing.compare(sampled, words)
    (row,) = [r for r in found.rows if (r.metric, r.level, r.kind) == ("mrr", "turn", "overall")]
    first, second = sampled.values("mrr", "turn"), words.values("mrr", "turn")
    assert row.difference.value == pytest.approx(np.mean(second) - np.mean(first))
    assert row.better == sum(b > a for a, b in zip(first, second, strict=True))
    comparing.write(found, tmp_path)
    assert (tmp_path / "compare.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((tmp_path / "compare.json").read_text())["rows"]
    other = evaluate(locomo(files.locomo(tmp_path / "locomo.json")), HASH)
    with pytest.raises(InvalidInput, match="compare runs of one file"):
        comparing.compare(sampled, other)


def test_the_roc_is_that_of_every_pair(sampled: Result) -> None:
    curve = curve_of(sampled)
    no = [row.relevance for row in sampled.rows if not row.answerable]
    yes = [row.relevance for row in sampled.rows if row.answerable]
    wins = sum((a < b) + (a == b) / 2 for a in no for b in yes)
    assert curve.area == pytest.approx(wins / (len(no) * len(yes)))
    assert (curve.refused[0], curve.lost[0]) == (0.0, 0.0)
    assert (curve.refused[-1], curve.lost[-1]) == (1.0, 1.0)
    refused = sum(row.status == "empty" for row in sampled.rows if not row.answerable)
    assert curve.at_default[0] == pytest.approx(refused / len(no))
    assert curve.best_within(0.0)[2] == 0.0


def test_what_a_context_shows_is_read_back() -> None:
    line = json.dumps({"id": "1", "text": 'he said "no"\n<b>', "near": [{"text": "before"}]})
    assert 'he said "no"\n<b>' in shown_texts(line.replace("<", "\\u003c"))
    assert "before" in shown_texts(line)
    assert shown_texts("plain text") == ["plain text"]


class Counting:
    """An embedder that counts what it encodes."""

    def __init__(self) -> None:
        self._own = HashEmbedder()
        self.encoded = 0
        self.fingerprint: Fingerprint = self._own.fingerprint
        self.limit = self._own.limit

    def count(self, text: str) -> int:
        return self._own.count(text)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        self.encoded += len(texts)
        return self._own.encode_documents(texts)

    def encode_query(self, text: str) -> Vectors:
        return self._own.encode_query(text)


def test_vectors_are_kept_and_a_torn_file_loses_its_last_row_only(tmp_path: Path) -> None:
    texts = [f"text number {n}" for n in range(20)]
    model = Counting()
    first = KeptVectors(model, tmp_path).encode_documents([*texts, texts[0]])
    assert model.encoded == 20
    assert np.array_equal(first[0], first[20])
    assert np.array_equal(KeptVectors(model, tmp_path).encode_documents(texts), first[:20])
    assert model.encoded == 20
    (rows,) = tmp_path.glob("*.rows")
    rows.write_bytes(rows.read_bytes()[:-3])
    again = KeptVectors(model, tmp_path)
    assert np.array_equal(again.encode_documents(texts), first[:20])
    assert model.encoded == 21
    assert np.array_equal(KeptVectors(model, tmp_path).encode_documents(texts), first[:20])


def test_a_file_without_questions_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.json"
    path.write_text(json.dumps([{"sample_id": "conv-1", "conversation": {}, "qa": []}]))
    with pytest.raises(InvalidInput, match="no questions"):
        evaluate(locomo(path), HASH)
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(InvalidInput, match=r"bad\.json"):
        load_result(tmp_path / "bad.json")
