"""Local tasks of the mteb library, and our models as its models. Needs the extra `evals`.

The library's own evaluators compute every figure, so that they can be compared with published
ones: SciFact as in BEIR, STS-B by Spearman's correlation of cosines, Banking77 by logistic
regression on 8 examples a class, clustering by V-measure. Nothing is fetched: the tasks carry
their data.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset, DatasetDict
from mteb import evaluate
from mteb.abstasks.classification import AbsTaskClassification
from mteb.abstasks.clustering import AbsTaskClustering
from mteb.abstasks.retrieval import AbsTaskRetrieval
from mteb.abstasks.sts import AbsTaskSTS
from mteb.abstasks.task_metadata import TaskMetadata
from mteb.models import ModelMeta
from mteb.similarity_functions import cos_sim, pairwise_cos_sim
from mteb.types import PromptType

from memory_core.embed.base import Embedder, Vectors
from memory_core.evals.ir_data import Labelled, Pairs, Retrieval
from memory_core.recall.rerank import Reranker

BATCH = 256
_SEED = 42


class EncodingModel:
    """An embedder, as mteb wants encoders."""

    def __init__(self, embedder: Embedder, revision: str | None = None, **_: object) -> None:
        self._embedder = embedder

    @property
    def mteb_model_meta(self) -> Any:
        """Nothing that the library would look up."""
        return ModelMeta.create_empty()

    def encode(
        self, inputs: Iterable[Mapping[str, Any]], *, prompt_type: Any = None, **_: object
    ) -> Vectors:
        """Return `(n, d)` vectors; queries with the query prompt, all else as documents."""
        texts = [text for batch in inputs for text in batch["text"]]
        if prompt_type == PromptType.query:
            return np.stack([self._embedder.encode_query(text) for text in texts])
        parts = [
            self._embedder.encode_documents(texts[start : start + BATCH])
            for start in range(0, len(texts), BATCH)
        ]
        return np.concatenate(parts)

    def similarity(self, first: Any, second: Any) -> Any:
        """Return the cosines of every pair."""
        return cos_sim(first, second)

    def similarity_pairwise(self, first: Any, second: Any) -> Any:
        """Return the cosines row by row."""
        return pairwise_cos_sim(first, second)


class JudgingModel:
    """A reranker, as mteb wants cross-encoders."""

    def __init__(self, reranker: Reranker, revision: str | None = None, **_: object) -> None:
        self._reranker = reranker

    @property
    def mteb_model_meta(self) -> Any:
        """Nothing that the library would look up."""
        return ModelMeta.create_empty()

    def predict(
        self,
        inputs1: Iterable[Mapping[str, Any]],
        inputs2: Iterable[Mapping[str, Any]],
        **_: object,
    ) -> Vectors:
        """Return `(n,)` logits of the pairs."""
        queries = [text for batch in inputs1 for text in batch["text"]]
        passages = [text for batch in inputs2 for text in batch["text"]]
        logits: list[Vectors] = []
        for query, run in groupby(zip(queries, passages, strict=True), lambda pair: pair[0]):
            logits.append(self._reranker.score(query, [passage for _, passage in run]))
        return np.concatenate(logits)


class _Local:
    """Keeps its data: the library's own unloading takes all attributes, the metadata included."""

    def unload_data(self) -> None:
        """Do nothing."""


class RetrievalTask(_Local, AbsTaskRetrieval):  # type: ignore[misc]  # mteb is not typed for us
    """Retrieval, or reranking where candidates are given."""

    def __init__(
        self, name: str, data: Retrieval, candidates: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        kind = "Retrieval" if candidates is None else "Reranking"
        self.metadata = _metadata(name, kind, "ndcg_at_10")
        super().__init__()
        self._data, self._candidates = data, candidates

    def load_data(self, **_: object) -> None:
        """Hand over what was read."""
        data = self._data
        corpus = [
            {"id": name, "title": title, "text": text}
            for name, (title, text) in data.corpus.items()
        ]
        queries = [{"id": name, "text": text} for name, text in data.queries.items()]
        ranked = self._candidates and {name: list(ids) for name, ids in self._candidates.items()}
        split = {
            "corpus": Dataset.from_list(corpus),
            "queries": Dataset.from_list(queries),
            "relevant_docs": {name: dict(docs) for name, docs in data.qrels.items()},
            "top_ranked": ranked,
        }
        self.dataset = {"default": {"test": split}}
        self.data_loaded = True


class PairsTask(_Local, AbsTaskSTS):  # type: ignore[misc]
    """Similarity of sentences."""

    def __init__(self, name: str, data: Pairs) -> None:
        self.metadata = _metadata(name, "STS", "cosine_spearman")
        super().__init__()
        self._data = data

    def load_data(self, **_: object) -> None:
        """Hand over what was read."""
        rows = {
            "sentence1": list(self._data.first),
            "sentence2": list(self._data.second),
            "score": list(self._data.scores),
        }
        self.dataset = DatasetDict(test=Dataset.from_dict(rows))
        self.data_loaded = True


class LabelsTask(_Local, AbsTaskClassification):  # type: ignore[misc]
    """Classification from a few examples a class."""

    def __init__(self, name: str, train: Labelled, test: Labelled) -> None:
        self.metadata = _metadata(name, "Classification", "accuracy")
        super().__init__(seed=_SEED)
        self._train, self._test = train, test

    def load_data(self, **_: object) -> None:
        """Hand over what was read, classes by number."""
        numbers = {name: n for n, name in enumerate(sorted(set(self._train.labels)))}
        self.dataset = DatasetDict(
            {
                split: Dataset.from_dict(
                    {"text": list(rows.texts), "label": [numbers[name] for name in rows.labels]}
                )
                for split, rows in (("train", self._train), ("test", self._test))
            }
        )
        self.data_loaded = True


class ClustersTask(_Local, AbsTaskClustering):  # type: ignore[misc]
    """Clustering into as many groups as there are classes."""

    max_fraction_of_documents_to_embed = None
    max_documents_per_cluster = 2_048

    def __init__(self, name: str, data: Labelled) -> None:
        self.metadata = _metadata(name, "Clustering", "v_measure")
        super().__init__(seed=_SEED)
        self._data = data

    def load_data(self, **_: object) -> None:
        """Hand over what was read."""
        numbers = {name: n for n, name in enumerate(sorted(set(self._data.labels)))}
        labels = [numbers[name] for name in self._data.labels]
        rows = {"sentences": list(self._data.texts), "labels": labels}
        self.dataset = DatasetDict(test=Dataset.from_dict(rows))
        self.data_loaded = True


def run_task(
    model: EncodingModel | JudgingModel, task: Any, predictions: Path
) -> tuple[dict[str, Any], Any]:
    """Return the library's scores of a task, and what the model predicted."""
    import json

    done = evaluate(
        model, task, cache=None, overwrite_strategy="always", co2_tracker=False,
        show_progress_bar=False, prediction_folder=predictions,
        encode_kwargs={"batch_size": 32, "show_progress_bar": False},
    )  # fmt: skip
    (scores,) = done.task_results[0].scores["test"]
    path = predictions / task.prediction_file_name
    told = json.loads(path.read_text()) if path.exists() else {}
    return scores, told.get("default", {}).get("test")


def _metadata(name: str, kind: str, main: str) -> Any:
    return TaskMetadata(
        name=name, description=f"{name}, from local files", type=kind,
        dataset={"path": "local", "revision": "local"}, eval_langs=["eng-Latn"],
        eval_splits=["test"], main_score=main,
    )  # fmt: skip
