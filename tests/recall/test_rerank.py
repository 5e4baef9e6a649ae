import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_core.answers import Hits
from memory_core.recall.batching import Cost, Pair, bucketed
from memory_core.recall.passages import passage
from memory_core.recall.relevance import Calibration, relevance_of, sigmoid
from memory_core.recall.rerank import RESERVE, UNJUDGED, Blend, RerankStage
from memory_core.types import Span
from tests.recall.world import Said, World, ask, hit


class Clock:
    """Seconds that pass only when the reranker works."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Numbers:
    """A reranker that reads its logit from the passage, at a known cost per padded character."""

    name, revision = "numbers", "1"

    def __init__(self, clock: Clock | None = None, cost: float = 1e-5) -> None:
        self.clock = clock
        self.cost = cost
        self.batches: list[list[str]] = []

    def score(self, query, passages):
        self.batches.append(list(passages))
        if self.clock:
            longest = max(map(len, passages)) + 64
            self.clock.now += self.cost * len(passages) * longest
        return np.array([float(p.split()[-1]) for p in passages], dtype=np.float32)


def found(*logits: float, filler: str = "x") -> tuple[World, Hits]:
    """Return hits best first by fused score, whose texts end in their logits."""
    world = World([Said(f"{filler} {logit}") for logit in logits])
    terms = ({"dense": 0.9 - n / 100, "lexical": 0.1} for n in range(len(logits)))
    items = tuple(hit(n, world).scored(t) for n, t in enumerate(terms, start=1))
    return world, Hits(items)


def test_the_cross_encoder_adds_what_it_says():
    _, hits = found(-2.0, 3.0, 0.0)
    ranked = RerankStage(Numbers())(ask("q"), hits)
    assert [h.version for h in ranked] == [2, 3, 1]
    assert ranked[0].terms == {
        "dense": pytest.approx(0.89), "lexical": 0.1, "rerank": pytest.approx(0.5 * sigmoid(1.5))
    }  # fmt: skip
    assert ranked[0].score == sum(ranked[0].terms.values())
    assert ranked[0].signals["rerank"] == 3.0
    assert [n.text for n in ranked.notes] == ["numbers judged 3 of 3 candidates in 1 batches"]
    assert not ranked.notes[0].degraded


def test_logits_are_calibrated():
    _, hits = found(1.0)
    (h,) = RerankStage(Numbers(), blend=Blend(0.8, a=2.0, b=-1.0))(ask("q"), hits)
    assert h.terms["rerank"] == pytest.approx(0.8 * sigmoid(1.0))


def test_what_is_beyond_the_count_keeps_its_order_below():
    _, hits = found(-9.0, 0.0, 5.0, 6.0)
    ranked = RerankStage(Numbers(), count=2)(ask("q"), hits)
    assert [h.version for h in ranked] == [2, 1, 3, 4]
    assert ranked[2].terms["unjudged"] == UNJUDGED
    assert "beyond its 2" in ranked[2].reasons[0]
    assert ranked[2].score == sum(ranked[2].terms.values())


def test_pinned_hits_are_judged_wherever_they_stand_and_keep_their_link():
    world, hits = found(0.0, 0.0, -9.0)
    linked = hit(3, world, reasons=("pinned by link",)).scored({"dense": 0.1, "link": 0.2})
    ranked = RerankStage(Numbers(), count=1)(ask("q"), Hits((*hits[:2], linked)))
    pinned = next(h for h in ranked if h.version == 3)
    assert pinned.terms["link"] == 0.2 and "rerank" in pinned.terms
    assert [h.version for h in ranked] == [1, 3, 2]


def test_equal_texts_keep_their_own_scores():
    world = World([Said("same 1.0"), Said("same 1.0")])
    hits = Hits((hit(1, world).scored({"dense": 0.9}), hit(2, world).scored({"dense": 0.8})))
    ranked = RerankStage(Numbers())(ask("q"), hits)
    assert [h.version for h in ranked] == [1, 2]
    assert len({h.version for h in ranked}) == 2


def test_without_a_reranker_a_plain_note():
    _, hits = found(1.0)
    answer = RerankStage(None)(ask("q"), hits)
    assert answer.items == hits.items
    (note,) = answer.notes
    assert note.text == "no cross-encoder configured: ranked by bi-encoder and BM25"
    assert not note.degraded


@pytest.mark.parametrize("budget", [0.0, 0.02, 0.05, 0.1, 0.3, 10.0])
@pytest.mark.parametrize("warm", [False, True])
def test_the_deadline_is_overrun_by_one_batch_at_most(budget, warm):
    clock = Clock()
    reranker = Numbers(clock)
    stage = RerankStage(reranker, batch=4, clock=clock)
    if warm:
        stage(ask("q"), found(*range(8))[1])
    reranker.batches.clear()
    begun = clock.now
    _, hits = found(*range(40), filler="long text " * 20)
    answer = stage(ask("q", deadline=begun + budget + RESERVE), hits)
    slowest = 4 * 350 * reranker.cost
    assert clock.now - begun <= budget + slowest
    assert len(answer) == 40
    judged = [h for h in answer if "rerank" in h.signals]
    if budget >= 10:
        assert len(judged) == 40
    elif not judged:
        assert answer.items == hits.items
    if len(judged) < 40:
        assert [n.code for n in answer.notes] == ["deadline"] and answer.notes[0].degraded
    if budget >= 0.1:
        assert {h.version for h in judged} >= {1, 2, 3, 4}  # best first


def test_a_warm_stage_uses_its_time():
    clock = Clock()
    reranker = Numbers(clock)
    stage = RerankStage(reranker, batch=4, clock=clock)
    _, hits = found(*range(40), filler="long text " * 20)
    stage(ask("q"), hits)
    begun = clock.now
    stage(ask("q", deadline=begun + 0.06 + RESERVE), hits)
    assert 0.04 <= clock.now - begun <= 0.06


@given(st.lists(st.integers(0, 500), min_size=1, max_size=70), st.integers(1, 20))
def test_buckets_hold_everybody_once_with_little_padding(lengths, batch):
    pairs = [Pair(n, "x" * length) for n, length in enumerate(lengths)]
    batches = bucketed(pairs, batch)
    assert sorted(p.version for b in batches for p in b) == list(range(len(pairs)))
    assert all(len(b) <= batch for b in batches)
    assert any(p.version == 0 for p in batches[0])

    def padded(groups):
        return sum(len(g) * max(p.length for p in g) for g in groups)

    if len(pairs) % batch:
        return  # sorting is only sure to win when all batches are full
    plain = [pairs[n : n + batch] for n in range(0, len(pairs), batch)]
    assert padded(batches) <= padded(plain)


def test_the_cost_follows_a_slower_machine():
    cost, batch = Cost(), [Pair(1, "x" * 36)]
    cost.learn(batch, 1.0)
    assert cost.of(batch) == pytest.approx(1.0)
    for _ in range(12):
        cost.learn(batch, 2.0)
    assert cost.of(batch) == pytest.approx(2.0, rel=0.05)


def test_a_passage_says_who_and_when_and_only_the_span():
    long = "before. " * 60 + "The key is blue. " + "after. " * 60
    world = World([Said("the key is blue"), Said("x", speaker=None), Said(long)])
    assert passage(hit(1, world), "q") == "[18 May 2026] Ana: the key is blue"
    assert passage(hit(2, world), "q") == "[18 May 2026] user: x"
    start = long.index("The key")
    spanned = passage(hit(3, world, span=Span(start=start, stop=start + 17)), "q")
    assert spanned.startswith("[18 May 2026] Ana: …The key is blue.")
    best = passage(hit(3, world), "where is the blue key")
    assert "The key is blue" in best and len(best) < 360


def test_many_threads_share_one_stage():
    stage = RerankStage(Numbers(), batch=2, blend=Blend(weight=1e4))
    _, hits = found(*range(10))
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(stage(ask("q"), hits))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert all([h.version for h in a] == list(range(10, 0, -1)) for a in answers)


class Diluted:
    """A reranker that believes a passage the less, the more stands around the fact."""

    name, revision = "diluted", "1"

    def __init__(self) -> None:
        self.read: list[str] = []

    def score(self, query, passages):
        self.read += passages
        found = ["barometer" in passage for passage in passages]
        logits = [2.0 - len(p) / 100 if f else -5.0 for p, f in zip(passages, found, strict=True)]
        return np.array(logits, dtype=np.float32)


FILLER = "The neighbours talked about the weather again. " * 9


@pytest.mark.parametrize(
    ("text", "fused", "again", "relevant"),
    [
        (FILLER + "The key hangs behind the barometer.", 0.1, 1, True),
        (FILLER + "Nothing of interest.", 0.1, 1, False),
        (FILLER + "The key hangs behind the barometer.", 0.8, 0, True),  # it is believed already
        ("The key hangs somewhere.", 0.1, 0, False),  # all of it was read
    ],
)
def test_long_texts_are_read_again_before_nothing_is_relevant_enough(text, fused, again, relevant):
    world, reranker = World([Said(text), Said("A short one.")]), Diluted()
    hits = Hits(tuple(hit(n, world).scored({"dense": fused}) for n in (1, 2)))
    ranked = RerankStage(reranker, min_relevance=0.1)(ask("Where is the key?"), hits)
    best = max(relevance_of(one, Calibration()) for one in ranked)
    assert (best >= 0.1) == relevant
    assert len(reranker.read) == 2 + again
    assert all(len(passage) < 100 for passage in reranker.read[2:])


def test_what_was_judged_under_a_deadline_is_not_judged_again():
    world, reranker = World([Said(FILLER + "The key hangs behind the barometer.")]), Diluted()
    hits = Hits((hit(1, world).scored({"dense": 0.1}),))
    stage = RerankStage(reranker, min_relevance=0.1, clock=Clock())
    stage(ask("Where is the key?", deadline=200.0), hits)
    assert len(reranker.read) == 1
