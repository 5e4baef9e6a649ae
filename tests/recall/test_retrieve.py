import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_core.answers import Hits, Note
from memory_core.errors import InvalidSetting
from memory_core.index.base import DenseAnswer
from memory_core.recall.fuse import FuseStage, Weights
from memory_core.recall.reader import lexical_scale
from memory_core.recall.retrieve import DenseStage, LexicalStage, best_docs
from memory_core.types import Span
from tests.recall.world import Said, World, ask, terms

LISBON = Said("Ana moved to Lisbon", [1.0, 0.0])
PORTO = Said("the port of Porto", [0.8, 0.6])
CATS = Said("cats sleep", [0.0, 1.0])
WORDS_ONLY = Said("Lisbon is sunny", None)


def world(*said: Said) -> World:
    return World(list(said))


def query(w: World, text="Where is Lisbon", k=1, **fields):
    return ask(text, w, k, vector=np.array([1.0, 0.0], dtype=np.float32), **fields)


def test_dense_finds_by_meaning_and_names_its_path():
    w = world(LISBON, PORTO, CATS)
    hits = DenseStage(w, w.reader, count=2)(query(w, k=1), Hits())
    assert [(h.version, h.signals) for h in hits] == [
        (1, {"dense": 1.0}),
        (2, {"dense": pytest.approx(0.8)}),
    ]
    assert [note.text for note in hits.notes] == ["dense candidates by path: exact"]
    assert w.loads == []  # no text was read


def test_dense_without_a_vector_is_degraded():
    w = world(LISBON)
    (note,) = DenseStage(w, w.reader)(ask("q", w), Hits()).notes
    assert note.code == "no_vector" and note.degraded


def test_the_best_span_of_a_long_text_is_kept():
    class Spans(World):
        def search(self, query, eligible, count):
            answer = super().search(query, eligible, count)
            starts = np.array([40, -1])
            return DenseAnswer(answer.docs, answer.scores, starts, starts + 9, "exact")

    w = Spans([LISBON, PORTO])
    first, second = DenseStage(w, w.reader)(query(w), Hits())
    assert (first.span, second.span) == (Span(start=40, stop=49), None)


def test_lexical_adds_its_finds_and_measures_everybody():
    w = world(LISBON, PORTO, CATS, WORDS_ONLY)
    q, reader = query(w), w.reader
    dense = DenseStage(w, reader, count=2)(q, Hits())
    hits = LexicalStage(reader, count=2)(q, dense)
    assert [h.version for h in hits] == [1, 2, 4]
    assert all(0 < h.signals["lexical"] < 1 for h in (hits[0], hits[2]))
    assert hits[1].signals["lexical"] == 0.0
    assert "dense" not in hits[2].signals


def test_the_order_of_the_two_retrievers_does_not_matter():
    w = world(LISBON, PORTO, CATS, WORDS_ONLY)
    q = query(w)
    dense, lexical, fuse = (
        DenseStage(w, w.reader, 2), LexicalStage(w.reader, 2), FuseStage(w, w.reader),
    )  # fmt: skip
    one = fuse(q, lexical(q, dense(q, Hits())))
    two = fuse(q, dense(q, lexical(q, Hits())))
    assert [(h.version, h.terms) for h in one] == [(h.version, h.terms) for h in two]


def test_a_query_without_words_says_so():
    w = world(LISBON)
    hits = LexicalStage(w.reader)(query(w, "?!"), Hits())
    assert hits.notes == (
        Note("no_terms", "the query has no words to look up: searched by meaning only"),
    )


def test_memories_beyond_the_query_are_never_candidates():
    class Planted(World):
        def search(self, query, eligible, count):
            columns = np.array([1, 2]), np.array([0.9, 0.8], dtype=np.float32)
            return DenseAnswer(*columns, np.array([-1, -1]), np.array([-1, -1]), "exact")

    w = Planted([LISBON, PORTO])
    past = ask("Lisbon", World([LISBON]), vector=np.array([1.0, 0.0], dtype=np.float32))

    class Now(Planted):
        def eligible(self, query, snapshot):
            return self.snapshot(2).by_doc(np.array([True, False]))

    w = Now(w.said)
    assert [h.version for h in DenseStage(w, w.reader)(past, Hits())] == [1]


@given(st.lists(st.floats(0, 9, width=32), max_size=40), st.integers(1, 12))
def test_best_docs_is_the_head_of_a_full_sort(values, count):
    scores = np.array(values, dtype=np.float32)
    oracle = sorted((d for d in range(len(values)) if values[d] > 0), key=lambda d: (-values[d], d))
    assert best_docs(scores, count).tolist() == oracle[:count]


def test_lexical_scale_is_absolute():
    scores = np.array([0.0, 2.0, 8.0], dtype=np.float32)
    assert lexical_scale(scores, 8.0).tolist() == [0.0, 0.25, 1.0]
    assert lexical_scale(scores[:2], 8.0).tolist() == [0.0, 0.25]  # the rest changes nothing
    assert lexical_scale(scores, 0.0).tolist() == [0.0, 0.0, 0.0]


def test_fusion_completes_both_signals_and_sums_its_terms():
    w = world(LISBON, PORTO, CATS, Said("Lisbon by night", [0.6, 0.8]))
    q, reader = query(w), w.reader
    found = LexicalStage(reader, 2)(q, DenseStage(w, reader, 2)(q, Hits()))
    hits = FuseStage(w, reader, weights=Weights(dense=1.0, lexical=0.5))(q, found)
    share = lexical_scale(*w.lexical(terms(q.text), w.snapshot()))
    expected = {1: 1.0 + 0.5 * share[1], 2: 0.8 + 0.5 * share[2], 4: 0.6 + 0.5 * share[4]}
    assert {h.version: h.score for h in hits} == pytest.approx(expected)
    assert all(h.score == sum(h.terms.values()) for h in hits)
    assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)


def test_a_candidate_without_a_vector_is_ranked_by_words_and_noted():
    w = world(LISBON, WORDS_ONLY)
    q, reader = query(w), w.reader
    found = LexicalStage(reader)(q, DenseStage(w, reader)(q, Hits()))
    hits = FuseStage(w, reader)(q, found)
    assert set(hits[1].terms) == {"lexical"}
    assert hits.notes[0].degraded
    assert hits.notes[0].text.startswith("1 of 2 candidates are not embedded yet")


def test_the_pool_is_cut_with_a_reason_but_never_below_k():
    w = world(*(Said(f"Lisbon {n}", [1.0 - n / 10, 0.0]) for n in range(6)))
    reader = w.reader

    def fused(k):
        q = query(w, k=k)
        return FuseStage(w, reader, pool=2)(q, DenseStage(w, reader)(q, Hits()))

    assert [h.version for h in fused(1)] == [1, 2]
    assert {cut.reason for cut in fused(1).cuts} == {"beyond the pool of 2 after fusion"}
    assert len(fused(5)) == 5


def test_one_candidate_more_changes_no_score():
    w = world(LISBON, PORTO, CATS, Said("Lisbon by night", [0.6, 0.8]))
    q = query(w)
    stages = (lambda n: DenseStage(w, w.reader, n)), LexicalStage(w.reader), FuseStage(w, w.reader)
    few = stages[2](q, stages[0](1)(q, Hits()))
    all_of_them = stages[2](q, stages[1](q, stages[0](4)(q, Hits())))
    scores = {h.version: h.score for h in all_of_them}
    assert [h.score for h in few] == [scores[h.version] for h in few]


@pytest.mark.parametrize("wrong", [{"floor": 1.0}, {"dense": -0.1}, {"lexical": -1.0}])
def test_contradictory_weights_are_refused(wrong):
    with pytest.raises(InvalidSetting):
        Weights(**wrong)
