"""A cross-encoder run by torch, from a local directory; nothing is downloaded."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from memory_core.errors import ModelError, ModelNotFound, ModelRejected
from memory_core.forking import keep_open
from memory_core.recall.rerank import Logits


class CrossEncoderReranker:
    """A sentence-transformers CrossEncoder from a local directory; loaded at first use.

    Args:
        path: directory of the model; nothing is downloaded.
        name: what to call it in notes and recordings; the directory's name when None.
        revision: version or checksum of the weights.
        device: torch device; CPU by default, so that results do not depend on the machine.
        outputs: numbers per pair: one for a reranker, one a label for a classifier of pairs.

    Example:
        >>> CrossEncoderReranker("models/reranker", revision="1").name
        'reranker'
    """

    def __init__(
        self,
        path: str | Path,
        *,
        name: str | None = None,
        revision: str = "",
        device: str = "cpu",
        outputs: int = 1,
    ) -> None:
        self._path = Path(path)
        self._name = name or self._path.name
        self._revision = revision
        self._device = device
        self._outputs = outputs
        self._lock = threading.Lock()
        self._model: Any = None
        keep_open(self)

    def after_fork(self) -> None:
        """Judge in one thread in the child: it has none of the pool that torch would wait for."""
        self._lock = threading.Lock()
        if self._model is not None:
            import torch

            torch.set_num_threads(1)

    @property
    def name(self) -> str:
        """The model's name."""
        return self._name

    @property
    def revision(self) -> str:
        """Version or checksum of the weights."""
        return self._revision

    def score(self, query: str, passages: Sequence[str]) -> Logits:
        """Return one float32 logit per passage, `(n,)`, of a model with one; see `logits`."""
        return self.logits(query, passages).reshape(len(passages))

    def logits(self, query: str, passages: Sequence[str]) -> Logits:
        """Return float32 logits, `(n, outputs)`.

        Raises:
            ModelNotFound: the directory has no model.
            ModelRejected: the weights are not safetensors, or it gives other than that many.
            ModelError: it gave NaN or infinity.
        """
        if not passages:
            return np.zeros((0, self._outputs), dtype=np.float32)
        import torch

        with self._lock:
            model = self._loaded()
            logits = model.predict(
                [(query, passage) for passage in passages],
                batch_size=len(passages),
                show_progress_bar=False,
                activation_fn=torch.nn.Identity(),
                convert_to_numpy=True,
            )
        scores = np.asarray(logits, dtype=np.float32).reshape(len(passages), self._outputs)
        if not np.isfinite(scores).all():
            raise ModelError(
                f"{self._name!r} gave NaN or infinity; try another device or precision"
            )
        return scores

    def _loaded(self) -> Any:
        if self._model is None:
            self._model = load_cross_encoder(self._path, self._device, self._outputs)
        return self._model


def load_cross_encoder(path: Path, device: str, outputs: int = 1) -> Any:
    """Return the CrossEncoder of a local directory, safetensors only, no remote code.

    Raises:
        ModelNotFound: the directory has no model.
        ModelRejected: the weights are not safetensors, or it gives other than that many logits.
    """
    if not (path / "config.json").is_file():
        raise ModelNotFound(
            f"no cross-encoder in {path}: config.json is missing; "
            "pass a model directory or run: memory models pull"
        )
    if not any(path.glob("*.safetensors")):
        raise ModelRejected(
            f"{path} holds no safetensors weights, and pickled ones can run code; "
            "convert them to safetensors"
        )
    from sentence_transformers import CrossEncoder

    try:
        model = CrossEncoder(
            str(path),
            device=device,
            trust_remote_code=False,
            local_files_only=True,
            model_kwargs={"use_safetensors": True},
        )
    except Exception as error:
        raise ModelRejected(
            f"{path} does not load as a cross-encoder: {error}; copy the model again"
        ) from error
    if model.num_labels != outputs:
        raise ModelRejected(
            f"{path} gives {model.num_labels} scores per pair, {expected(outputs)}; "
            f"use a model with num_labels={outputs}"
        )
    model.eval()
    return model


def expected(outputs: int) -> str:
    """Return how many numbers a pair should get, for an error."""
    return "a reranker gives one" if outputs == 1 else f"its labels are {outputs}"
