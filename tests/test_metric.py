import doctest
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import memory_core.metric
from memory_core.errors import InvalidInput, InvalidSetting, InvalidVector
from memory_core.metric import distance_name, from_distance, normalise, similarity

METRICS = ("cosine", "dot", "l2")
numbers = st.floats(-100, 100, width=32).filter(lambda x: x == 0 or abs(x) > 1e-3)


@st.composite
def rows_and_query(draw):
    n, d = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    found = draw(arrays.arrays(np.float32, (n + 1, d), elements=numbers))
    found[~found.any(axis=1), 0] = 1.0
    return found[:-1], found[-1]


def brute(row, query, metric):
    dot = math.fsum(float(a) * float(b) for a, b in zip(row, query, strict=True))
    if metric == "dot":
        return dot
    if metric == "cosine":
        return dot / (math.hypot(*map(float, row)) * math.hypot(*map(float, query)))
    return 1 / (1 + math.dist(list(map(float, row)), list(map(float, query))) ** 2)


def test_similarity_is_the_formula_worked_by_hand():
    rows = np.array([[1, 0], [0.6, 0.8], [-1, 0]], dtype=np.float32)
    query = np.array([1, 0], dtype=np.float32)
    assert similarity(rows, query, "cosine") == pytest.approx([1, 0.6, -1])
    assert similarity(3 * rows, 2 * query, "dot") == pytest.approx([3 * 2, 0.6 * 3 * 2, -3 * 2])
    assert similarity(rows, query, "l2") == pytest.approx(
        [1 / (1 + 0), 1 / (1 + 0.4**2 + 0.8**2), 1 / (1 + 2**2)]
    )


@pytest.mark.parametrize("metric", METRICS)
@given(rows_and_query())
def test_similarity_equals_brute_force(metric, drawn):
    rows, query = drawn
    want = [brute(row, query, metric) for row in rows]
    if metric == "cosine":
        rows, query = normalise(rows), normalise(query[None])[0]
    found = similarity(rows, query, metric)
    assert found.dtype == np.float32 and found.shape == (len(rows),)
    assert found == pytest.approx(want, rel=1e-4, abs=2e-2 if metric == "dot" else 1e-5)


@pytest.mark.parametrize("metric", METRICS)
@given(rows_and_query())
def test_chroma_distances_give_the_similarity_of_the_exact_scan(metric, drawn):
    rows, query = drawn
    if metric == "cosine":
        rows, query = normalise(rows), normalise(query[None])[0]
    wide, point = rows.astype(np.float64), query.astype(np.float64)
    squared = ((wide - point) ** 2).sum(axis=1)
    distances = squared if metric == "l2" else 1 - wide @ point
    scan = similarity(rows, query, metric)
    assert from_distance(distances, metric) == pytest.approx(scan, rel=1e-4, abs=2e-2)
    if metric != "dot":
        assert from_distance(distances, metric) == pytest.approx(scan, abs=1e-5)


@pytest.mark.parametrize("metric", METRICS)
def test_a_smaller_distance_is_a_greater_similarity(metric):
    found = from_distance(np.linspace(0, 2, 50), metric)
    assert (np.diff(found) < 0).all()
    assert found[0] == 1


def test_bounds_hold_through_rounding_and_extremes():
    assert from_distance(np.array([-1e-7, 2 + 1e-6]), "cosine").tolist() == [1, -1]
    assert from_distance(np.array([-1e-7]), "l2").tolist() == [1]
    far = similarity(np.full((1, 4), 3e38, np.float32), np.full(4, -3e38, np.float32), "l2")
    assert 0 < far[0] < 1e-30


def test_l2_keeps_its_digits_far_from_the_origin():
    row = np.array([[10_000.0, 0.5]], dtype=np.float32)
    near = np.array([10_000.0, 0.25], dtype=np.float32)
    assert similarity(row, near, "l2") == pytest.approx([1 / (1 + 0.25**2)], abs=1e-7)


def test_l2_agrees_across_blocks():
    rng = np.random.default_rng(7)
    rows = rng.normal(size=(9_000, 3)).astype(np.float32)
    want = 1 / (1 + ((rows.astype(np.float64) - rows[8_500]) ** 2).sum(axis=1))
    found = similarity(rows, rows[8_500], "l2")
    assert found == pytest.approx(want, abs=1e-6)
    assert int(found.argmax()) == 8_500


@given(rows_and_query())
def test_normalised_rows_have_unit_length_and_keep_their_direction(drawn):
    rows, _ = drawn
    before = rows.copy()
    unit = normalise(rows)
    assert unit.dtype == np.float32
    assert np.linalg.norm(unit, axis=1) == pytest.approx(np.ones(len(rows)), abs=1e-6)
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1)
    assert unit * lengths[:, None] == pytest.approx(rows, rel=1e-4, abs=1e-4)
    assert (rows == before).all()


@pytest.mark.parametrize("scale", [1e-300, 1e-40, 1e37, 1e300])
def test_normalise_survives_any_scale(scale):
    assert normalise(np.array([[3.0, 4.0]]) * scale) == pytest.approx(np.array([[0.6, 0.8]]))


def test_normalise_of_no_rows_is_no_rows():
    assert normalise(np.empty((0, 384), dtype=np.float32)).shape == (0, 384)


@pytest.mark.parametrize("bad", [0.0, math.nan, math.inf, -math.inf])
def test_rows_without_direction_are_refused_by_number(bad):
    with pytest.raises(InvalidInput, match="row 1 of 2"):
        normalise(np.array([[1.0, 2.0], [bad, bad]]))


def test_shapes_that_do_not_fit_name_both_sides():
    rows = np.ones((2, 3), dtype=np.float32)
    with pytest.raises(InvalidVector, match=r"\(4,\).*\(2, 3\)"):
        similarity(rows, np.ones(4, dtype=np.float32), "dot")
    with pytest.raises(InvalidVector, match=r"\(3,\), not"):
        normalise(rows[0])


def test_cosine_refuses_a_query_that_was_not_normalised():
    rows = normalise(np.ones((1, 4)))
    with pytest.raises(InvalidVector, match="length 2"):
        similarity(rows, np.ones(4, dtype=np.float32), "cosine")


def test_names_of_the_spaces_are_chromas():
    assert [distance_name(metric) for metric in METRICS] == ["cosine", "ip", "l2"]


def test_an_unknown_metric_is_refused_everywhere():
    point = np.ones(2, dtype=np.float32)
    for call in (
        lambda: distance_name("ip"),
        lambda: from_distance(point, "ip"),
        lambda: similarity(point[None], point, "ip"),
    ):
        with pytest.raises(InvalidSetting, match="'cosine', 'dot', 'l2'"):
            call()


def test_docstring_examples_hold():
    assert doctest.testmod(memory_core.metric).failed == 0
