import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_core.answers import Hits
from memory_core.errors import InvalidSetting
from memory_core.recall.fuse import Weights
from memory_core.recall.relevance import Calibration, relevance_of, smoothstep
from memory_core.recall.rerank import Blend
from memory_core.recall.score import HALF_LIVES, Boosts, ScoreStage, recency
from tests.recall.world import ask, hit


def fused(version, similarity, words, **facts):
    terms = Weights().terms({"dense": similarity, "lexical": words})
    return hit(version, terms=terms, score=sum(terms.values()), **facts)


def reranked(version, logit, **facts):
    terms = {"dense": 0.4, "lexical": 0.3, "rerank": Blend().of(logit)}
    score = sum(terms.values())
    return hit(version, terms=terms, signals={"rerank": logit}, score=score, **facts)


def first_wins(pairs) -> int:
    """Count the pairs whose first hit comes first."""
    stage, q = ScoreStage(), ask("q")
    return sum(stage(q, Hits(pair))[0].version == 1 for pair in pairs)


def test_of_100_old_and_new_on_one_subject_the_newer_comes_first():
    rng = random.Random(7)

    def pair():
        # statements that differ in one word: measured standard deviation of the difference 0.054
        meaning, words = rng.uniform(0.4, 0.7), rng.uniform(0.2, 0.5)
        new = fused(1, meaning, words, days_ago=rng.uniform(0, 20))
        old = fused(2, meaning + rng.gauss(0, 0.054), words, days_ago=rng.uniform(90, 400))
        return old, new

    assert first_wins([pair() for _ in range(100)]) >= 95


def test_of_100_equally_relevant_the_important_comes_first():
    rng = random.Random(8)

    def pair():
        meaning, days = rng.uniform(0.45, 0.75), rng.uniform(0, 200)
        dear = fused(1, meaning, 0.3, importance=rng.uniform(0.8, 1.0), days_ago=days)
        idle = fused(2, meaning, 0.3, importance=rng.uniform(0.1, 0.5), days_ago=days)
        return idle, dear

    assert first_wins([pair() for _ in range(100)]) >= 95


def test_the_same_holds_behind_a_cross_encoder():
    rng = random.Random(9)

    def pair():
        logit = rng.uniform(2, 6)
        new = reranked(1, logit, days_ago=rng.uniform(0, 20), importance=0.9)
        old = reranked(2, logit + rng.gauss(0, 0.3), days_ago=rng.uniform(90, 400), importance=0.2)
        return old, new

    assert first_wins([pair() for _ in range(100)]) >= 95


@pytest.mark.parametrize("judged", [False, True])
def test_1000_recent_important_irrelevant_memories_put_none_into_the_top_k(judged):
    rng = random.Random(10)

    def noise(n):
        facts = {"days_ago": 0.0, "importance": 1.0, "reinforced": 50}
        if judged:
            return reranked(n, rng.uniform(-9, -2), **facts)
        return fused(n, rng.uniform(-0.1, 0.25), rng.uniform(0, 0.1), **facts)  # fused 0.40 at most

    def answer(n):
        facts = {"days_ago": 700.0, "importance": 0.0}
        if judged:
            return reranked(n, rng.uniform(-1, 5), **facts)
        return fused(n, rng.uniform(0.35, 0.7), rng.uniform(0, 0.5), **facts)

    noises = [noise(n) for n in range(100, 1100)]
    ranked = ScoreStage()(ask("q"), Hits((*noises, *(answer(n) for n in range(8)))))
    assert {h.version for h in ranked[:8]} == set(range(8))


def test_score_is_exactly_the_sum_of_its_terms():
    stage = ScoreStage(Boosts(recency=0.1, importance=0.2, reinforced=0.05))
    h = hit(
        1, terms={"dense": 0.9, "rerank": 0.5}, signals={"rerank": 9.0},
        days_ago=60, importance=0.5, reinforced=10,
    )  # fmt: skip
    (scored,) = stage(ask("q"), Hits((h,)))
    assert scored.terms == {
        "dense": 0.9,
        "rerank": 0.5,
        "recency": pytest.approx(0.1 * 0.5 ** (60 / HALF_LIVES["episodic"])),
        "importance": pytest.approx(0.2 * 0.5),
        "reinforced": pytest.approx(0.05),
    }
    assert scored.score == sum(scored.terms.values())
    assert scored.signals == {"rerank": 9.0, "relevance": Calibration().of(0.9, 9.0)}


def test_an_event_of_the_future_counts_as_now():
    facts = hit(1, days_ago=-30).facts
    assert recency(facts, ask("q").now, HALF_LIVES) == 1.0


@given(st.floats(-5, 5), st.floats(-5, 5))
def test_relevance_is_within_0_and_1_and_rises_with_the_score(a, b):
    low, high = sorted((Calibration().of(a), Calibration().of(b)))
    assert 0 <= low <= high <= 1
    assert (Calibration().of(max(a, b))) == high


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_gate_never_turns_an_order_of_irrelevant_ones(days, importance):
    boosts = Boosts()
    terms = boosts.terms(hit(1, days_ago=days, importance=importance).facts, boosts.gate_low, 0)
    assert set(terms.values()) == {0.0}


def test_a_pinned_hit_is_as_relevant_as_its_activation():
    pinned = hit(1, terms={"dense": 0.01}, signals={"link": 0.4, "rerank": -9.0})
    assert relevance_of(pinned, Calibration()) == 0.4


def test_nothing_relevant_is_noted_and_keeps_the_ranked_hits():
    stage = ScoreStage(min_relevance=0.5)
    hits = stage(ask("q"), Hits((reranked(1, -4.0), reranked(2, -3.0))))
    assert [h.version for h in hits] == [2, 1]
    assert [note.code for note in hits.notes] == ["below_threshold"]
    assert "best relevance 0.275 is below 0.5" in hits.notes[0].text
    assert stage(ask("q"), Hits((reranked(1, 4.0), reranked(2, -3.0)))).notes == ()


def test_ties_are_broken_by_id():
    hits = ScoreStage()(ask("q"), Hits((reranked(3, 1.0), reranked(1, 1.0), reranked(2, 1.0))))
    assert [h.version for h in hits] == [1, 2, 3]


def test_smoothstep_has_its_ends_and_middle():
    assert [smoothstep(x, 0.2, 0.6) for x in (0.1, 0.2, 0.4, 0.6, 0.9)] == [
        0.0, 0.0, pytest.approx(0.5), 1.0, 1.0,
    ]  # fmt: skip


@pytest.mark.parametrize("wrong", [{"gate_low": 0.7}, {"half_lives": {"episodic": 0.0}}])
def test_contradictory_boosts_are_refused(wrong):
    with pytest.raises(InvalidSetting):
        Boosts(**wrong)
