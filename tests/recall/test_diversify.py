import sys
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_core.answers import Hits
from memory_core.errors import InvalidSetting
from memory_core.recall.diversify import DiversifyStage, Diversity, choose
from tests.recall.world import Said, World, ask, hit


def cosine(a, b) -> float:
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    return float(a @ b / lengths) if lengths else 0.0


def worths(vectors, scores, chosen, diversity) -> dict[int, tuple[bool, float]]:
    """MMR as the paper has it, for every place not chosen yet; duplicates count less."""
    table = {}
    for place in set(range(len(scores))) - set(chosen):
        likeness = [cosine(vectors[place], vectors[c]) for c in chosen]
        nearest = max([*likeness, 0.0])
        worth = diversity.balance * scores[place] - (1 - diversity.balance) * nearest
        table[place] = (nearest <= diversity.duplicate, worth)
    return table


@given(st.integers(1, 24), st.integers(1, 12), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_every_choice_is_the_best_by_brute_force(n, k, balance, seed):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, 6))
    vectors[rng.random(n) < 0.3] = vectors[0]  # duplicates
    scores = np.sort(rng.random(n))[::-1]
    diversity = Diversity(balance=balance)
    order = choose(vectors.astype(np.float32), scores, k, diversity)
    assert len(set(order)) == len(order) == min(k, n)
    for count, place in enumerate(order):
        table = worths(vectors, scores, order[:count], diversity)
        novel, worth = table[place]
        assert novel == max(table.values())[0]
        assert worth >= max(w for new, w in table.values() if new == novel) - 1e-5


def world(*vectors) -> World:
    return World([Said(f"text {n}", v) for n, v in enumerate(vectors)])


def test_a_near_duplicate_goes_after_everything_else():
    w = world([1, 0], [1, 0.01], [0, 1])
    hits = Hits((hit(1, score=0.9), hit(2, score=0.89), hit(3, score=0.2)))
    order = DiversifyStage(w)(ask("q", k=3), hits)
    assert [h.version for h in order] == [1, 3, 2]


@pytest.mark.parametrize("k", [1, 2, 3, 9])
def test_it_returns_min_of_k_and_candidates_even_when_all_say_the_same(k):
    w = world([1, 0], [1, 0], [1, 0])
    hits = Hits(tuple(hit(n, score=1 - n / 10) for n in (1, 2, 3)))
    answer = DiversifyStage(w)(ask("q", k=k), hits)
    assert [h.version for h in answer] == [1, 2, 3][:k]
    assert {cut.hit.version for cut in answer.cuts} == set(range(k + 1, 4))
    assert {cut.reason for cut in answer.cuts} <= {f"beyond k={k}"}


def test_k_beyond_the_pool_is_still_served():
    w = world(*([n, 1] for n in range(10)))
    hits = Hits(tuple(hit(n, score=1 - n / 100) for n in range(1, 11)))
    answer = DiversifyStage(w, pool=4)(ask("q", k=7), hits)
    assert len(answer) == 7 and len(answer.cuts) == 3


def test_balance_1_is_the_order_by_score():
    w = world([1, 0], [0.9, 0.3], [0, 1])
    hits = Hits(tuple(hit(n, score=1 - n / 10) for n in (1, 2, 3)))
    order = DiversifyStage(w, Diversity(balance=1.0))(ask("q", k=3), hits)
    assert [h.version for h in order] == [1, 2, 3]


def test_only_the_chosen_ones_are_penalised_against():
    # 2 and 3 resemble each other, neither resembles 1: 2 must not suffer for 3
    w = world([1, 0, 0], [0, 1, 0], [0, 0.9, 0.4])
    hits = Hits((hit(1, score=1.0), hit(2, score=0.5), hit(3, score=0.49)))
    order = DiversifyStage(w, Diversity(balance=0.7))(ask("q", k=2), hits)
    assert [h.version for h in order] == [1, 2]


def test_it_works_without_vectors_and_without_hits():
    assert DiversifyStage(None)(ask("q", k=1), Hits((hit(1), hit(2)))).items == (hit(1),)
    assert DiversifyStage(None)(ask("q"), Hits()).items == ()


@pytest.mark.skipif(sys.gettrace() is not None, reason="tracing slows it")
def test_64_candidates_cost_less_than_a_millisecond():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(64, 384)).astype(np.float32)
    scores = np.sort(rng.random(64))[::-1].copy()
    choose(vectors, scores, 8, Diversity())

    def once() -> float:
        begun = time.process_time()
        choose(vectors, scores, 8, Diversity())
        return time.process_time() - begun

    def floor() -> float:
        begun = time.process_time()
        vectors @ vectors.T
        return time.process_time() - begun

    slow_machine = 30 * min(floor() for _ in range(30))  # all similarities, thirty times
    assert min(once() for _ in range(30)) < max(0.001, slow_machine)


def test_a_balance_outside_0_and_1_is_refused():
    with pytest.raises(InvalidSetting, match=r"0\.\.1"):
        Diversity(balance=1.5)
