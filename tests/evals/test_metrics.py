"""Metrics and intervals, against a second library and against brute force."""

import math
import random
from collections.abc import Sequence

import ir_measures
import numpy as np
import pytest
from ir_measures import RR, R, Success, nDCG

from memory_core.evals.intervals import bootstrap, paired, wilson
from memory_core.evals.metrics import Found, found

THEIRS = {
    "recall@1": R @ 1, "recall@5": R @ 5, "recall@10": R @ 10, "any@5": Success @ 5,
    "any@10": Success @ 10, "ndcg@5": nDCG @ 5, "ndcg@10": nDCG @ 10, "mrr": RR,
}  # fmt: skip


def test_every_metric_equals_trec_eval() -> None:
    rng = random.Random(3)
    qrels: dict[str, dict[str, int]] = {}
    run: dict[str, dict[str, float]] = {}
    ours: dict[str, Found] = {}
    for n in range(60):
        ranking = [f"d{m:02}" for m in rng.sample(range(40), 20)]
        gold = frozenset(f"d{m:02}" for m in rng.sample(range(40), rng.randint(1, 6)))
        qrels[f"q{n}"] = dict.fromkeys(sorted(gold), 1)
        run[f"q{n}"] = {name: float(-place) for place, name in enumerate(ranking)}
        ours[f"q{n}"] = found(ranking, gold)
    theirs = {measure: name for name, measure in THEIRS.items()}
    compared = 0
    for metric in ir_measures.iter_calc(list(THEIRS.values()), qrels, run):
        mine = ours[metric.query_id].value(theirs[metric.measure])
        assert mine == pytest.approx(metric.value, abs=1e-9), metric
        compared += 1
    assert compared == 60 * len(THEIRS)


def test_strict_is_all_of_the_gold() -> None:
    where = Found(ranks=(1, 6), gold=2)
    assert [where.all_at(k) for k in (5, 6)] == [0.0, 1.0]
    assert [where.any_at(k) for k in (1, 5)] == [1.0, 1.0]
    assert Found((1,), 2).all_at(20) == 0.0
    assert where.ndcg_at(6) == pytest.approx((1 + 1 / math.log2(7)) / (1 + 1 / math.log2(3)))
    with pytest.raises(KeyError):
        where.value("precision@5")


def test_wilson_is_the_interval_of_the_textbook() -> None:
    at_all = wilson(46, 46)  # n / (n + z²) at the bottom, 1 at the top
    assert at_all.low == pytest.approx(46 / (46 + 1.959964**2), abs=1e-6)
    assert at_all.high == pytest.approx(1.0)
    half = wilson(50, 100)
    assert (half.low, half.high) == pytest.approx((0.4038, 0.5962), abs=1e-4)


def test_bootstrap_covers_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for seed in range(60):
        values: Sequence[float] = rng.binomial(1, 0.3, size=200).astype(float).tolist()
        interval = bootstrap(values, seed=seed)
        covered += interval.low <= 0.3 <= interval.high
    assert 50 <= covered <= 60
    assert bootstrap([0.0, 1.0, 1.0]) == bootstrap([0.0, 1.0, 1.0])


def test_pairing_sees_what_two_intervals_hide() -> None:
    rng = np.random.default_rng(2)
    first = rng.random(300)
    second = first + 0.02 + rng.normal(0, 0.05, 300)
    apart = bootstrap(first.tolist()), bootstrap(second.tolist())
    assert apart[0].high > apart[1].low
    difference = paired(first.tolist(), second.tolist())
    assert difference.sure
    assert difference.low < 0.02 < difference.high
    assert difference.p < 0.01
    same = paired(first.tolist(), first.tolist())
    assert (same.value, same.p, same.sure) == (0.0, 1.0, False)
