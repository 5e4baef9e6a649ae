from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_core.answers import Hits
from memory_core.recall.fuse import FuseStage
from memory_core.recall.retrieve import DenseStage
from memory_core.recall.spread import Spread, SpreadStage, activation, undirected
from tests.recall.world import Said, World, ask


@dataclass
class Row:
    source: str
    target: str


def name(version: int) -> str:
    return f"{version + 0xA0:016x}"


def recalled(pairs, *, count=1, spread=None):
    world = World(
        [
            Said("Ana moved to Lisbon", [1.0, 0.0]),
            Said("the landlord is Rui", [0.1, 0.9]),
            Said("Rui likes chess", [0.0, 1.0]),
            Said("unrelated", [0.2, 0.8]),
        ]
    )
    asked = []

    def links(ids, *, seq, hops=2, limit=2000):
        asked.append((tuple(ids), hops, limit))
        return [Row(name(a), name(b)) for a, b in pairs]

    q = ask("Lisbon", world, k=1, vector=np.array([1.0, 0.0], dtype=np.float32))
    reader = world.reader
    fuse = FuseStage(world, reader)
    hits = fuse(q, DenseStage(world, reader, count)(q, Hits()))
    stage = SpreadStage(reader, links, fuse, spread=spread)
    return stage(q, hits), hits, asked


def test_neighbours_of_strong_hits_enter_pinned_and_measured():
    answer, before, asked = recalled([(1, 2), (2, 3)])
    assert asked == [((name(1),), 2, 2000)]
    assert [h.version for h in before] == [1]
    assert [h.version for h in answer] == [1, 2, 3]
    near, far = answer[1], answer[2]
    assert near.reasons == ("pinned by link",)
    assert near.signals["dense"] == pytest.approx(0.1) and "lexical" in near.signals
    assert near.signals["link"] == pytest.approx(0.5, abs=0.01)  # one hop, relevance of 1 ≈ 1
    assert far.signals["link"] == pytest.approx(0.5 * 0.5 / 2**0.5, abs=0.01)
    assert near.score == sum(near.terms.values())


def test_a_hit_that_was_found_anyway_gets_the_link_term_too():
    answer, _, _ = recalled([(1, 2)], count=4, spread=Spread(seeds=1))
    linked = next(h for h in answer if h.version == 2)
    assert set(linked.terms) == {"dense", "lexical", "link"}
    assert linked.reasons == ("pinned by link",)
    assert sum(h.version == 2 for h in answer) == 1


def test_without_links_nothing_changes():
    answer, before, _ = recalled([])
    assert answer.items == before.items


def test_links_to_what_the_query_may_not_see_bring_nothing():
    answer, _, _ = recalled([(1, 99)])
    assert [h.version for h in answer] == [1]


def test_no_more_than_the_limit_enter():
    answer, _, _ = recalled([(1, 2), (1, 3), (1, 4)], spread=Spread(entering=1))
    assert len(answer) == 2


LINKS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30)


@given(LINKS, st.dictionaries(st.integers(0, 9), st.floats(0.1, 1), max_size=4))
def test_activation_is_bounded_damped_and_the_same_in_any_order(pairs, seeds):
    rows = [Row(str(a), str(b)) for a, b in pairs]
    start = {str(n): value for n, value in seeds.items()}
    active = activation(undirected(rows), start, Spread())
    again = activation(undirected(rows[::-1]), dict(reversed(start.items())), Spread())
    assert active == again
    most = max(start.values(), default=0.0)
    for node, value in active.items():
        assert 0 < value <= most
        if node not in start:
            assert value <= 0.5 * most


def test_a_hub_says_little_about_each_neighbour():
    hub = [Row("hub", str(n)) for n in range(100)]
    active = activation(undirected(hub), {"hub": 1.0}, Spread())
    assert active["7"] == pytest.approx(0.05)
