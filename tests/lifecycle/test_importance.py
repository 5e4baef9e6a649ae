import sys
import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_core.lifecycle.importance import CueImportance
from memory_core.types import Draft

rate = CueImportance()


def rated(text: str, role: str | None = "user", **fields: object) -> float:
    return rate(Draft(text=text, role=role, **fields))


@pytest.mark.parametrize(
    ("text", "importance"),
    [
        ("We walked along the river.", 0.40),
        ("Remember that the gate code changed.", 0.80),
        ("Actually, that was the other street.", 0.60),
        ("My name is Ana.", 0.60),
        ("We decided on the green one.", 0.55),
        ("I prefer tea.", 0.55),
        ("See you on Friday then, at the station.", 0.48),
        ("It cost 40 euros.", 0.44),
        ("It happened on 2026-03-14.", 0.52),
        ("What is the weather like over there?", 0.28),
        ("ok thanks!", 0.15),
        ("Remember that I'm allergic to nuts.", 1.0),
        ("Don’t forget the milk.", 0.80),
    ],
)
def test_each_cue_adds_what_the_table_says(text, importance):
    assert rated(text) == pytest.approx(importance)


def test_the_assistant_counts_less_and_lasting_kinds_more():
    assert rated("The train leaves soon.", "assistant") == 0.25
    assert rated("The train leaves soon.", "tool") == 0.20
    assert rated("The train leaves soon.", None) == 0.35
    assert rated("The train leaves soon.", "user", kind="semantic") == 0.50


def test_a_question_that_states_something_is_not_lowered():
    assert rated("I'm allergic to nuts, is that cake safe?") == pytest.approx(0.60)


def test_words_match_whole():
    assert rated("The marchpane was hateful.") == 0.40


@given(st.text(min_size=1).filter(str.strip).filter(lambda t: t.strip("\x00 \n")))
def test_any_text_gets_a_share(text):
    draft = Draft.model_construct(text=text, role="user", kind="episodic")
    assert 0 <= rate(draft) <= 1
    assert rate(draft) == rate(draft)


@pytest.mark.skipif(sys.gettrace() is not None, reason="tracing slows it")
def test_a_turn_is_rated_in_under_20_microseconds():
    draft = Draft(text="I prefer the window seat, my birthday is in May.", role="user")
    best = min(timeit.repeat(lambda: rate(draft), number=500, repeat=7)) / 500
    words = (
        min(timeit.repeat(lambda: set(draft.text.casefold().split()), number=500, repeat=7)) / 500
    )
    assert best < max(20e-6, 40 * words)  # the second for a machine that is slow or busy
