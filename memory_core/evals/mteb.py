"""Embedders and rerankers judged by tasks of the MTEB kind, on local files and offline.

Every figure is the mteb library's. Beside it stands what it is made of, item by item, so that two
models can be compared by a paired bootstrap over the same items.
"""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from memory_core.errors import InvalidInput, require_extra
from memory_core.evals.intervals import Difference
from memory_core.evals.ir_data import Retrieval, read_labelled, read_pairs, read_retrieval
from memory_core.evals.metrics import found
from memory_core.evals.models import Models, models_of
from memory_core.evals.report import figure, table
from memory_core.evals.result import text_of
from memory_core.types import input_error

TASKS = ("scifact", "stsb", "banking77", "banking77-clusters", "scifact-rerank")
"""In the order they run; the last needs a reranker, and candidates that the first gives it."""
CANDIDATES = 50
CUTOFF = 10
RESAMPLES = 1_000

Items = tuple[float, ...]


class Score(BaseModel):
    """One task's figure and the items it is made of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    metric: str
    value: float
    """As the mteb library computes it, 0..1."""
    statistic: Literal["mean", "spearman"]
    items: Items
    """nDCG of each query, cosine of each pair, share of right guesses of each text, or V-measure
    of each draw."""
    gold: Items = ()
    """For Spearman's correlation: what the items are correlated with."""


class Judged(BaseModel):
    """What a model reached."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    embedder: str
    reranker: str | None
    scores: tuple[Score, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """What is judged on what.

    Args:
        data: the folder with `scifact`, `stsb` and `banking77`.
        settings: what `open_memory` takes: embedder, reranker, runtime, base_url, …
        tasks: some of `TASKS`; all that can be run when None.
        vectors: directory of kept vectors.
        tell: called with what is being done.
    """

    data: Path
    settings: Mapping[str, Any]
    tasks: tuple[str, ...] | None = None
    vectors: Path | None = None
    tell: Callable[[str], None] = field(default=lambda what: None)


def judge(trial: Trial) -> Judged:
    """Return the scores of the models that the settings name.

    Raises:
        MissingExtra: mteb is not installed.
        InvalidInput: an unknown task, or files that are not there or malformed.
    """
    require_extra("evals", "mteb", "datasets")
    os.environ["HF_HUB_OFFLINE"] = "1"  # read when its libraries are imported
    chosen = _chosen(trial.tasks)
    models = models_of(trial.settings, trial.vectors)
    if models.reranker is None:
        if trial.tasks is not None and "scifact-rerank" in chosen:
            raise InvalidInput("scifact-rerank needs a reranker; name one with --reranker")
        chosen = [name for name in chosen if name != "scifact-rerank"]
    judge_of = models.reranker
    scores = _Run(trial, models).scores(chosen)
    return Judged(
        embedder=str(models.embedder.fingerprint),
        reranker=None if judge_of is None else f"{judge_of.name} {judge_of.revision}".strip(),
        scores=tuple(scores),
    )


def difference(first: Score, second: Score, *, seed: int = 0) -> Difference:
    """Return second − first, with a paired bootstrap interval over the items.

    Raises:
        InvalidInput: they are not of the same items.
    """
    if (first.task, len(first.items), first.gold) != (second.task, len(second.items), second.gold):
        raise InvalidInput(f"{first.task} and {second.task} are not of the same items")
    rng = np.random.default_rng(seed)
    one, other = np.array(first.items), np.array(second.items)
    gold = np.array(first.gold)
    statistic = _mean if first.statistic == "mean" else _spearman
    deltas = np.empty(RESAMPLES)
    for n in range(RESAMPLES):
        rows = rng.integers(len(one), size=len(one))
        part = gold[rows] if len(gold) else gold
        deltas[n] = statistic(other[rows], part) - statistic(one[rows], part)
    low, high = np.quantile(deltas, (0.025, 0.975))
    tail = min(float(np.mean(deltas <= 0)), float(np.mean(deltas >= 0)))
    value = statistic(other, gold) - statistic(one, gold)
    return Difference(value, float(low), float(high), min(1.0, 2 * tail))


def load_judged(path: Path) -> Judged:
    """Return what a model reached, from its JSON file, which may be gzipped (`.gz`).

    Raises:
        InvalidInput: it is not there, or is something else.
    """
    from pydantic import ValidationError

    try:
        return Judged.model_validate_json(text_of(path))
    except ValidationError as error:
        raise input_error(error, path.name) from error


def markdown_of(judged: Judged, against: Judged | None = None) -> str:
    """Return the scores, and the differences to another model's, as Markdown."""
    title = f"{judged.embedder}; reranker {judged.reranker or 'none'}"
    if against is None:
        rows = [[s.task, s.metric, figure(s.value), str(len(s.items))] for s in judged.scores]
        return f"{title}\n\n{table(['task', 'metric', 'value', 'items'], rows)}\n"
    other = {score.task: score for score in against.scores}
    rows = []
    for score in judged.scores:
        if score.task in other:
            delta = difference(other[score.task], score)
            rows.append(
                [score.task, score.metric, figure(other[score.task].value), figure(score.value),
                 figure(delta.value), f"{figure(delta.low)} to {figure(delta.high)}",
                 f"{delta.p:.3f}"]
            )  # fmt: skip
    headers = ["task", "metric", "A", "B", "B − A", "95 %", "p"]
    told = f"{against.embedder}; reranker {against.reranker or 'none'}"
    return f"A: {told}\n\nB: {title}\n\n{table(headers, rows)}\n"


def write(judged: Judged, out: Path, against: Judged | None = None) -> None:
    """Write `mteb.json`, `mteb.md` and `mteb.png` into a directory.

    Raises:
        MissingExtra: matplotlib is not installed; JSON and Markdown are written before.
    """
    from memory_core.evals.plots import canvas

    out.mkdir(parents=True, exist_ok=True)
    (out / "mteb.json").write_text(judged.model_dump_json(indent=1) + "\n", encoding="utf-8")
    (out / "mteb.md").write_text(markdown_of(judged, against), encoding="utf-8")
    shown = [judged] if against is None else [against, judged]
    with canvas(out / "mteb.png") as axes:
        for place, one in enumerate(shown):
            at = np.arange(len(one.scores)) + 0.4 * place
            bars = axes.bar(at, [s.value for s in one.scores], 0.4, label=one.embedder)
            axes.bar_label(bars, fmt="%.3f", fontsize=8)
        axes.set_xticks(
            range(len(judged.scores)), [f"{s.task}\n{s.metric}" for s in judged.scores], fontsize=8
        )
        axes.set_ylim(0, 1)
        axes.legend(fontsize=8)


class _Run:
    """The tasks of one trial; the reranker reads what the embedder ranked."""

    def __init__(self, trial: Trial, models: Models) -> None:
        self._trial, self._models = trial, models
        self._ranked: dict[str, dict[str, float]] = {}

    def scores(self, chosen: Sequence[str]) -> list[Score]:
        runs = {
            "scifact": self._retrieval, "stsb": self._pairs, "banking77": self._labels,
            "banking77-clusters": self._clusters, "scifact-rerank": self._rerank,
        }  # fmt: skip
        done = []
        with tempfile.TemporaryDirectory(prefix="memory-evals-") as place:
            for name in chosen:
                self._trial.tell(f"{name}: {self._models.embedder.fingerprint.model}")
                done.append(runs[name](name, Path(place)))
        return done

    def _retrieval(self, name: str, place: Path) -> Score:
        from memory_core.evals.mteb_tasks import EncodingModel, RetrievalTask, run_task

        data = read_retrieval(self._trial.data / "scifact")
        model = EncodingModel(self._models.embedder)
        scores, self._ranked = run_task(model, RetrievalTask(name, data), place)
        return _ranking(name, scores, self._ranked, data)

    def _rerank(self, name: str, place: Path) -> Score:
        from memory_core.evals.mteb_tasks import JudgingModel, RetrievalTask, run_task

        if not self._ranked:
            self._retrieval("scifact", place)
        if self._models.reranker is None:
            raise InvalidInput(f"{name} needs a reranker")
        data = read_retrieval(self._trial.data / "scifact")
        best = {query: _best(scores)[:CANDIDATES] for query, scores in self._ranked.items()}
        model = JudgingModel(self._models.reranker)
        scores, ranked = run_task(model, RetrievalTask(name, data, best), place)
        return _ranking(name, scores, ranked, data)

    def _pairs(self, name: str, place: Path) -> Score:
        from memory_core.evals.mteb_tasks import EncodingModel, PairsTask, run_task

        data = read_pairs(self._trial.data / "stsb")
        model = EncodingModel(self._models.embedder)
        scores, told = run_task(model, PairsTask(name, data), place)
        return Score(
            task=name, metric="Spearman", value=float(scores["main_score"]),
            statistic="spearman", items=tuple(told["cosine_scores"]), gold=data.scores,
        )  # fmt: skip

    def _labels(self, name: str, place: Path) -> Score:
        from memory_core.evals.mteb_tasks import EncodingModel, LabelsTask, run_task

        train, test = (read_labelled(self._trial.data / "banking77", s) for s in ("train", "test"))
        model = EncodingModel(self._models.embedder)
        scores, told = run_task(model, LabelsTask(name, train, test), place)
        classes = sorted(set(train.labels))
        gold = np.array([classes.index(label) for label in test.labels])
        right = np.mean([np.array(guessed) == gold for guessed in told], axis=0)
        return Score(
            task=name, metric="accuracy", value=float(scores["main_score"]),
            statistic="mean", items=tuple(right.tolist()),
        )  # fmt: skip

    def _clusters(self, name: str, place: Path) -> Score:
        from memory_core.evals.mteb_tasks import ClustersTask, EncodingModel, run_task

        data = read_labelled(self._trial.data / "banking77", "test")
        model = EncodingModel(self._models.embedder)
        scores, _ = run_task(model, ClustersTask(name, data), place)
        (draws,) = scores["v_measures"].values()
        return Score(
            task=name, metric="V-measure", value=float(scores["main_score"]),
            statistic="mean", items=tuple(draws),
        )  # fmt: skip


def _chosen(tasks: tuple[str, ...] | None) -> list[str]:
    if unknown := set(tasks or ()) - set(TASKS):
        raise InvalidInput(f"no task {', '.join(sorted(unknown))}; there are {', '.join(TASKS)}")
    return [name for name in TASKS if tasks is None or name in tasks]


def _ranking(
    name: str, scores: Mapping[str, Any], ranked: Mapping[str, Mapping[str, float]], data: Retrieval
) -> Score:
    items = [
        found(_best(ranked[query]), frozenset(docs)).ndcg_at(CUTOFF)
        for query, docs in data.qrels.items()
    ]
    return Score(
        task=name, metric=f"nDCG@{CUTOFF}", value=float(scores["main_score"]),
        statistic="mean", items=tuple(items),
    )  # fmt: skip


def _best(scores: Mapping[str, float]) -> list[str]:
    return sorted(scores, key=lambda name: (-scores[name], name))


def _mean(values: NDArray[np.float64], gold: NDArray[np.float64]) -> float:
    return float(values.mean())


def _spearman(values: NDArray[np.float64], gold: NDArray[np.float64]) -> float:
    return float(np.corrcoef(_ranks(values), _ranks(gold))[0, 1])


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ranks from 1, equal values sharing their mean rank."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[place], dtype=np.float64)
