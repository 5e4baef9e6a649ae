"""Keys close what came before; `as_of` and `known_at` filter exactly; contradictions are listed."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory_core.errors import InvalidInput, NotFound
from memory_core.lifecycle.conflicts import RuleDetector, Statement
from memory_core.lifecycle.review import accept, proposals, propose, reject
from memory_core.manager import MemoryManager
from memory_core.testing import ManualClock, temporary_memory
from memory_core.types import Memory

BASE = datetime(2026, 1, 1, tzinfo=UTC)


def day(n: float) -> datetime:
    return BASE + timedelta(days=n)


def told(memory: MemoryManager, **when: object) -> list[str]:
    result = memory.recall("Where does Ana live now?", k=50, **when)  # type: ignore[arg-type]
    return sorted(hit.memory.text for hit in result.hits)


def city(memory: MemoryManager, name: str, at: datetime, **fields: object) -> Memory:
    return memory.store(
        f"Ana lives in {name}", subject="Ana", attribute="city", occurred_at=at, **fields
    )


def test_a_later_write_closes_the_earlier_one() -> None:
    clock = ManualClock(day(0))
    with temporary_memory(clock=clock) as memory:
        old = city(memory, "Lisbon", day(0))
        clock.advance(days=30)
        new = city(memory, "Porto", day(20))
        assert told(memory) == ["Ana lives in Porto"]
        assert told(memory, as_of=day(19)) == ["Ana lives in Lisbon"]
        assert told(memory, as_of=day(20)) == ["Ana lives in Porto"]
        assert told(memory, as_of=day(25), known_at=day(29)) == ["Ana lives in Lisbon"]
        assert memory.get(old.id).state == "superseded"
        assert memory.get(old.id).valid_to == day(20)
        assert [(link.source, link.relation) for link in memory.links(old.id)] == [
            (new.id, "supersedes")
        ]


def test_what_was_true_at_no_moment_can_still_be_corrected() -> None:
    with temporary_memory(clock=ManualClock(day(40))) as memory:
        old = city(memory, "Lisbon", day(0))
        city(memory, "Porto", day(0))  # the same start: the one written later holds
        revised = memory.revise(old.id, text="Ana lives in Lisboa", importance=0.9)
        assert (revised.valid_from, revised.valid_to) == (day(0), day(0))
        assert (revised.text, revised.state) == ("Ana lives in Lisboa", "superseded")
        with pytest.raises(InvalidInput, match="is not before valid_to"):
            memory.revise(old.id, valid_from=day(1))
        assert memory.revise(old.id, valid_from=day(-1)).valid_to == day(0)


def test_what_is_told_late_ends_where_the_next_begins() -> None:
    clock = ManualClock(day(40))
    with temporary_memory(clock=clock) as memory:
        city(memory, "Porto", day(20))
        late = city(memory, "Lisbon", day(5))
        assert (late.state, late.valid_to) == ("superseded", day(20))
        assert told(memory) == ["Ana lives in Porto"]
        assert told(memory, as_of=day(6)) == ["Ana lives in Lisbon"]


def test_one_batch_is_as_good_as_many_writes() -> None:
    drafts = [
        {"text": f"Ana lives in {name}", "subject": "Ana", "attribute": "city",
         "occurred_at": day(start)}
        for name, start in (("Lisbon", 3), ("Porto", 9), ("Faro", 6), ("Braga", 9))
    ]  # fmt: skip
    with temporary_memory(clock=ManualClock(day(40))) as memory:
        memory.store_many(drafts)
        seen = [told(memory, as_of=day(n)) for n in (4, 7, 10)]
    assert seen == [["Ana lives in Lisbon"], ["Ana lives in Faro"], ["Ana lives in Braga"]]


def test_many_valued_attributes_are_left_alone() -> None:
    with temporary_memory(many_valued=("likes",)) as memory:
        for thing in ("tea", "rain"):
            memory.store(f"Ana likes {thing}", subject="Ana", attribute="likes")
        assert len(memory.list()) == 2


def test_superseding_by_hand_closes_the_key_as_well() -> None:
    clock = ManualClock(day(0))
    with temporary_memory(clock=clock) as memory:
        other = memory.store("Ana is in Lisbon for good")
        keyed = city(memory, "Lisbon", day(0))
        clock.advance(days=9)
        memory.supersede(
            other.id, "Ana lives in Porto", subject="Ana", attribute="city", valid_from=day(5)
        )
        assert memory.get(keyed.id).valid_to == day(5)
        assert told(memory) == ["Ana lives in Porto"]


OPS = st.lists(
    st.tuples(
        st.integers(0, 12), st.sampled_from("ab"), st.sampled_from(["store", "forget", "bounded"])
    ),
    min_size=1,
    max_size=9,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(OPS)
def test_as_of_and_known_at_are_exact(ops: list[tuple[int, str, str]]) -> None:
    """Against a model that keeps every write and derives the truth anew for every question."""
    clock = ManualClock(day(100))
    written: list[tuple[datetime, int, str, int, int | None]] = []
    gone: dict[int, datetime] = {}
    with temporary_memory(clock=clock) as memory:
        ids: list[str] = []
        for n, (start, key, kind) in enumerate(ops):
            clock.advance(days=1)
            if kind == "forget" and ids:
                memory.forget(ids[-1])
                gone.setdefault(len(ids) - 1, clock.now)
                continue
            end = start + 2 if kind == "bounded" else None
            ids.append(
                memory.store(
                    f"{key} is {n}", subject=key, attribute="x", occurred_at=day(start),
                    valid_to=None if end is None else day(end),
                ).id
            )  # fmt: skip
            written.append((clock.now, start, key, len(ids) - 1, end))
        for known in range(101, 101 + len(ops)):
            for as_of in (0, 3.5, 7.5, 12.5):
                result = memory.recall("a b is", k=50, as_of=day(as_of), known_at=day(known))
                found = {hit.id for hit in result.hits}
                assert found == {ids[i] for i in _true(written, gone, day(known), as_of)}


def _true(
    written: list[tuple[datetime, int, str, int, int | None]],
    gone: dict[int, datetime],
    known: datetime,
    as_of: float,
) -> set[int]:
    """Fold the writes one by one into spans, as the docs say it, in plain Python."""
    spans: dict[int, list[float]] = {}
    keys: dict[int, str] = {}
    acts = sorted(
        [(w[0], 0, w) for w in written] + [(at, 1, i) for i, at in gone.items()],
        key=lambda a: a[:2],
    )  # type: ignore[list-item]
    dead: set[int] = set()
    for at, kind, act in acts:
        if at > known:
            break
        if kind:
            dead.add(act)  # type: ignore[arg-type]
            continue
        _, start, key, i, end = act  # type: ignore[misc]
        others = [o for o in spans if keys[o] == key and o not in dead]
        after = [spans[o][0] for o in others if spans[o][0] > start]
        for o in others:
            if spans[o][0] <= start:
                spans[o][1] = min(spans[o][1], start)
        spans[i] = [start, min([end if end is not None else 1e9, *after])]
        keys[i] = key
    return {i for i, (a, b) in spans.items() if i not in dead and a <= as_of < b}


@pytest.mark.parametrize(
    ("one", "two", "rule"),
    [
        ("The lamp is in room 3", "The lamp is in room 4", "number"),
        ("I live in Lisbon", "I moved to Porto", "place"),
        ("Ana eats meat", "Ana does not eat meat", "negation"),
        ("Ana eats meat", "Ana eats fish", None),
        ("The train leaves at 8", "My shoe size is 44", None),
        ("Do I live in Lisbon?", "I live in Porto", None),
        ("I live in Lisbon", "I live in Lisbon", None),
    ],
)
def test_the_rules(one: str, two: str, rule: str | None) -> None:
    with temporary_memory() as memory:
        first, second = memory.store(one, speaker="Ana"), memory.store(two, speaker="Ana")
    assert RuleDetector()(first, second) == rule


def test_statements_keep_numbers_and_places_apart() -> None:
    read = Statement.of("Ana never moved to New York in 2024")
    assert (read.places, read.numbers, read.denied) == ({"new york"}, {"2024"}, True)


def test_a_review_is_journalled_and_final() -> None:
    clock = ManualClock(day(0))
    with temporary_memory(clock=clock) as memory:
        old = memory.store("I live in Lisbon", speaker="Ana")
        clock.advance(days=3)
        new = memory.store("I moved to Porto", speaker="Ana")
        memory.store("The bus takes 20 minutes", speaker="Ana")
        third = memory.store("The bus takes 25 minutes", speaker="Ana")
        found = propose(memory)
        assert [p.rule for p in found] == ["place", "number"]
        assert (found[0].earlier.id, found[0].later.id) == (old.id, new.id)
        assert propose(memory) == found
        assert memory.recall("where do I live", k=9).hits[1:], "proposing changes nothing"
        closed = accept(memory, found[0].id)
        assert (closed.id, closed.state, closed.valid_to) == (old.id, "superseded", day(3))
        reject(memory, found[1].id)
        assert propose(memory) == proposals(memory) == ()
        with pytest.raises(NotFound, match="memory review"):
            reject(memory, found[1].id)
        before = memory.get(old.id)
        memory.journal.rebuild()
        assert memory.get(old.id) == before
        assert propose(memory) == ()
        assert memory.erase(third.id).residue == 0
        assert memory.journal.verify() == []
