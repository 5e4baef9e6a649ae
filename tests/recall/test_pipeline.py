import itertools
import logging

import pytest

from memory_core.answers import Cut, Hits, Note, Query, Step
from memory_core.errors import IndexUnavailable, InvalidFilter, StoreDamaged
from memory_core.recall.pipeline import notes_of, run, status_of
from tests.recall.world import ask, hit


class Keep:
    """A stage that does what it was told."""

    def __init__(self, name: str, answer: Hits | Exception) -> None:
        self.name = name
        self.answer = answer
        self.saw: Hits | None = None

    def __call__(self, query: Query, hits: Hits) -> Hits:
        self.saw = hits
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def seconds():
    return itertools.count(0.0, 0.5).__next__


def test_stages_run_in_order_and_every_step_keeps_its_own_cuts_and_notes():
    one, two = hit(1), hit(2)
    first = Keep("dense", Hits((one, two), notes=(Note("a", "first"),)))
    second = Keep("fuse", Hits((one,), cuts=(Cut(two, "beyond"),)))

    hits, trace = run(ask("q"), [first, second], seconds())

    assert hits.items == (one,)
    assert second.saw == Hits((one, two))  # neither cuts nor notes of the step before
    assert [(step.name, len(step.hits), step.seconds) for step in trace] == [
        ("dense", 2, 0.5),
        ("fuse", 1, 0.5),
    ]
    assert notes_of(trace) == (Note("a", "first"),)
    assert trace[1].hits.cuts == (Cut(two, "beyond"),)


@pytest.mark.parametrize("error", [IndexUnavailable("chroma is gone"), RuntimeError("boom")])
def test_a_broken_stage_degrades_and_the_others_answer(error, caplog):
    caplog.set_level(logging.CRITICAL)
    one = hit(1)
    stages = [Keep("dense", error), Keep("lexical", Hits((one,)))]
    hits, trace = run(ask("q"), stages, seconds())
    (note,) = notes_of(trace)
    assert hits.items == (one,)
    assert note.degraded and note.code == "stage_failed" and str(error) in note.text
    assert status_of(hits, trace) == "degraded"


def test_hits_pass_through_a_broken_later_stage(caplog):
    caplog.set_level(logging.CRITICAL)
    one = hit(1)
    hits, _ = run(ask("q"), [Keep("dense", Hits((one,))), Keep("rerank", OSError("x"))], seconds())
    assert hits.items == (one,)


@pytest.mark.parametrize("error", [InvalidFilter("bad; fix it"), StoreDamaged("chain; verify")])
def test_wrong_input_and_a_broken_store_are_raised(error):
    with pytest.raises(type(error)):
        run(ask("q"), [Keep("dense", error)], seconds())


def steps(**notes: Note | None) -> list[Step]:
    return [Step(name, Hits(notes=(note,) if note else ()), 0.0) for name, note in notes.items()]


BROKEN = Note("stage_failed", "x", degraded=True)
NO_TERMS = Note("no_terms", "x")
WEAK = Note("below_threshold", "x")
FOUND = Hits((hit(1),))


@pytest.mark.parametrize(
    ("hits", "trace", "status"),
    [
        (FOUND, steps(dense=None, lexical=None), "ok"),
        (FOUND, steps(dense=None, rerank=Note("no_reranker", "x")), "ok"),
        (FOUND, steps(dense=BROKEN, lexical=None), "degraded"),
        (FOUND, steps(dense=None, score=WEAK), "empty"),
        (FOUND, steps(dense=BROKEN, score=WEAK), "empty"),
        (Hits(), steps(dense=None, lexical=None), "empty"),
        (Hits(), steps(dense=BROKEN, lexical=None), "empty"),
        (Hits(), steps(dense=BROKEN, lexical=BROKEN), "failed"),
        (Hits(), steps(dense=BROKEN, lexical=NO_TERMS), "failed"),
        (Hits(), steps(lexical=NO_TERMS), "empty"),
    ],
)
def test_status(hits, trace, status):
    assert status_of(hits, trace) == status
