"""Contradictions by a local NLI cross-encoder, the judge that `conflicts="nli:MODEL"` names.

    p(contradiction) = softmax(logits)[label], the lesser of both directions, >= `least`

A natural-language-inference model reads premise and hypothesis together and gives a logit for each
of entailment, neutral and contradiction; which one is which stands in its config.json, `id2label`.
A contradiction contradicts either way round, so both are asked and the lesser counts. Two memories
with next to no word in common, or one that asks, are not read at all. It proposes, like the rules;
`memory review` decides.
"""

from pathlib import Path

import numpy as np

from memory_core.config import NLI, Settings
from memory_core.errors import ModelNotFound, ModelRejected
from memory_core.journal.turns import asks
from memory_core.lifecycle.conflicts import READ, ConflictDetector, Rule, Statement
from memory_core.models.resolve import ResolvedModel, resolve
from memory_core.models.weights import read_object
from memory_core.recall.rerank_onnx import Judge, Runtime, local_judge
from memory_core.types import Memory

RULE = "nli"
LABEL = "contradiction"
LEAST = 0.8
SHARED = 0.2
"""Share of common words below which a pair is not read: a model takes some 10 ms a pair."""


class NliDetector:
    """Judges pairs by an NLI cross-encoder; loaded at first use.

    Args:
        model: where it lies, from `memory_core.models.resolve.resolve`.
        cache_dir: where exported ONNX files are kept.
        runtime: what runs it, as for rerankers.
        least: probability from which a pair is proposed, 0..1.

    Raises:
        ModelRejected: its config.json names no label "contradiction".
    """

    def __init__(
        self,
        model: ResolvedModel,
        cache_dir: Path,
        *,
        runtime: Runtime = "auto",
        least: float = LEAST,
    ) -> None:
        labels = labels_of(model)
        self._place = labels.index(LABEL)
        self._least = least
        self._judge: Judge = local_judge(model, cache_dir, runtime, outputs=len(labels))

    def __call__(self, earlier: Memory, later: Memory) -> Rule | None:
        """Return "nli" if the model says that the two contradict each other, else None.

        Raises:
            ModelError: the model cannot be loaded, or gives other than one number a label.
        """
        if earlier.text == later.text or not _comparable(earlier.text, later.text):
            return None
        return RULE if self.probability(earlier.text, later.text) >= self._least else None

    def probability(self, one: str, two: str) -> float:
        """Return how surely two texts contradict each other, 0..1, the lesser of both ways."""
        first, second = one[:READ], two[:READ]
        logits = np.concatenate(
            [self._judge.logits(first, [second]), self._judge.logits(second, [first])]
        ).astype(np.float64)
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        return float((weights[:, self._place] / weights.sum(axis=1)).min())


def detector_of(settings: Settings) -> ConflictDetector | None:
    """Return the judge that the setting `conflicts` names; None for the rules.

    Raises:
        ModelNotFound, ModelRejected: it names a model that cannot be had, or is no NLI model.
    """
    if not settings.conflicts.startswith(NLI):
        return None
    cache, name = settings.models_dir.expanduser(), settings.conflicts.removeprefix(NLI)
    try:
        found = resolve(name, cache_dir=cache, allow_download=settings.allow_download)
    except OSError as error:  # a name that no file can have
        raise ModelNotFound(
            f"conflicts: {error.strerror}; write nli:NAME, nli:OWNER/NAME or nli:PATH"
        ) from error
    return NliDetector(found, cache, runtime=settings.runtime)


def labels_of(model: ResolvedModel) -> list[str]:
    """Return the labels of a model in the order of its logits, in lower case.

    Raises:
        ModelRejected: none of them is "contradiction".
    """
    named = read_object(model.path / "config.json").get("id2label")
    try:
        by_place = {int(place): str(label).casefold() for place, label in dict(named or {}).items()}
        labels = [by_place[place] for place in range(len(by_place))]
    except (TypeError, ValueError, KeyError) as error:
        raise ModelRejected(
            f"id2label in config.json of {model.name!r} numbers no labels ({error}); "
            "get the model again"
        ) from error
    if LABEL not in labels:
        raise ModelRejected(
            f"{model.name!r} has the labels {labels or 'none'}, and no {LABEL!r}; "
            "name a model trained for natural-language inference"
        )
    return labels


def _comparable(one: str, two: str) -> bool:
    if asks(one[:READ]) or asks(two[:READ]):
        return False
    first, second = Statement.of(one), Statement.of(two)
    ours, theirs = first.words | first.numbers, second.words | second.numbers
    return len(ours & theirs) >= SHARED * len(ours | theirs)
