"""Times that a question names, and what they do to a recall."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_core import open_memory
from memory_core.answers import Hits
from memory_core.recall.temporal import Closeness, TemporalStage
from memory_core.recall.when import windows
from tests.recall.world import DAY, NOW, Said, World, ask, hit

FRIDAY = datetime(2026, 5, 15, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("question", "start", "stop"),
    [
        ("What did I eat on 7 May 2023?", "2023-05-07", "2023-05-08"),
        ("What happened on May 7th, 2023?", "2023-05-07", "2023-05-08"),
        ("Who came on the 2nd of March?", "2026-03-02", "2026-03-03"),
        ("Who came on June 2?", "2025-06-02", "2025-06-03"),
        ("What is due 2024-02-29?", "2024-02-29", "2024-03-01"),
        ("Where was Ana in May?", "2026-05-01", "2026-06-01"),
        ("Where was Ana in June?", "2025-06-01", "2025-07-01"),
        ("Where was Ana in December 2022?", "2022-12-01", "2023-01-01"),
        ("What did she write in 2021?", "2021-01-01", "2022-01-01"),
        ("Where did we go last summer?", "2025-06-01", "2025-09-01"),
        ("What was planned in the winter of 2024", "2024-12-01", "2025-03-01"),
        ("What did I cook yesterday?", "2026-05-14", "2026-05-15"),
        ("And the day before yesterday?", "2026-05-13", "2026-05-14"),
        ("What did I say this morning?", "2026-05-15", "2026-05-16"),
        ("Whom did I meet last Tuesday?", "2026-05-12", "2026-05-13"),
        ("Whom did I meet on Friday?", "2026-05-08", "2026-05-09"),
        ("What broke two weeks ago?", "2026-04-28", "2026-05-05"),
        ("What broke a month ago?", "2026-03-31", "2026-05-01"),
        ("What did I buy in the last 3 days?", "2026-05-12", "2026-05-16"),
        ("What did I do last week?", "2026-05-04", "2026-05-11"),
        ("What did I do this month?", "2026-05-01", "2026-06-01"),
        ("Which film did I see last month?", "2026-04-01", "2026-05-01"),
        ("Where did we live last year?", "2025-01-01", "2026-01-01"),
        ("How was last weekend?", "2026-05-09", "2026-05-11"),
    ],
)
def test_a_named_time(question: str, start: str, stop: str) -> None:
    (window,) = windows(question, FRIDAY)
    assert (f"{window.start:%Y-%m-%d}", f"{window.stop:%Y-%m-%d}") == (start, stop)
    assert window.words in question


@pytest.mark.parametrize(
    "question",
    ["May I come in?", "When does it march on?", "Room 2023 has a view", "It fell on 31 February",
     "the fall of the wall", "How long does a week last?", "一昨日は?"],
)  # fmt: skip
def test_no_time(question: str) -> None:
    assert windows(question, FRIDAY) == ()


def test_several_times_in_order() -> None:
    found = windows("Between 3 May 2024 and June 2025, or yesterday?", FRIDAY)
    assert [window.words for window in found] == ["3 May 2024", "June 2025", "yesterday"]


@given(st.text(max_size=60) | st.from_regex(r"(on|in|last) \\d{1,4} ?(may|days) \\d{1,6}( ago)?"))
def test_any_text_is_read(question: str) -> None:
    for window in windows(question, FRIDAY):
        assert window.start < window.stop


def test_the_term_is_full_inside_a_third_at_the_slack_and_gated() -> None:
    world = World([Said("x")] * 4)
    hits = [
        hit(n, world, days_ago=days).scored({"dense": 0.5, "lexical": 0.5})
        for n, days in enumerate((1.2, 4.0, 40.0), start=1)
    ]
    behind = hit(4, world, days_ago=1.2).scored({"dense": 0.1})
    answer = TemporalStage()(ask("what was said yesterday"), Hits((*hits, behind)))
    terms = {h.version: h.terms["time"] for h in answer}
    yesterday = NOW // DAY * DAY - DAY
    gap = max(0, yesterday - (NOW - int(4.0 * DAY))) / DAY
    assert terms[1] == pytest.approx(0.5)
    assert terms[2] == pytest.approx(0.5 * 2.718281828 ** (-gap / 3), rel=1e-4)
    assert terms[3] < 0.001 and terms[4] < 0.05
    assert all(h.score == pytest.approx(sum(h.terms.values())) for h in answer)
    assert [note.code for note in answer.notes] == ["time"]
    assert Closeness().weight == 0.5


def test_without_a_time_nothing_changes() -> None:
    world = World([Said("x")])
    hits = Hits((hit(1, world).scored({"dense": 0.5}),))
    assert TemporalStage()(ask("what was said"), hits) == hits


def test_the_right_day_wins_on_a_real_journal(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash", min_relevance=0) as memory:
        for day in (1, 8, 15, 22):
            memory.store("Ana had lunch with her team", occurred_at=f"2026-05-{day:02}T12:00:00Z")
        found = memory.recall("lunch with the team on 8 May 2026", k=1, now="2026-05-23T09:00:00Z")
        assert found.hits[0].memory.occurred_at.day == 8
        assert found.hits[0].terms["time"] > 0.3
