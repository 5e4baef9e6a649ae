"""A cross-encoder run by onnxruntime: torch's logits within 1e-4, and none of its import time."""

import logging
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Literal

import numpy as np
from tokenizers import Tokenizer

from memory_core.errors import ModelError, ModelRejected
from memory_core.forking import keep_open
from memory_core.models.layout import read_layout
from memory_core.models.onnx_body import OnnxBody
from memory_core.models.onnx_file import OnnxPlace, Precision, opened
from memory_core.models.own_file import OwnFile, has_own_file
from memory_core.models.resolve import ResolvedModel
from memory_core.models.weights import read_object
from memory_core.recall.rerank import Logits, Reranker
from memory_core.recall.rerank_torch import CrossEncoderReranker

Runtime = Literal["auto", "torch", "onnx", "onnx-int8"]

_log = logging.getLogger(__name__)


def local_reranker(model: ResolvedModel, cache_dir: Path, runtime: Runtime = "auto") -> Reranker:
    """Return the reranker for a model directory; nothing is loaded or exported yet.

    A model that comes as an ONNX file is run as it is. Of others, `auto` takes the exported
    float32 file if there is one, else torch.
    """
    if has_own_file(model):
        return OnnxReranker(model, cache_dir)
    torch = CrossEncoderReranker(model.path, name=model.name, revision=model.revision)
    if runtime == "onnx-int8":
        return OnnxReranker(model, cache_dir, precision="int8")
    if runtime == "onnx":
        return OnnxReranker(model, cache_dir)
    if runtime == "auto" and OnnxPlace(model, cache_dir).there:
        return OnnxReranker(model, cache_dir, otherwise=torch)
    return torch


class OnnxReranker:
    """Judges pairs with a model's ONNX file; thread-safe.

    Args:
        model: where the model lies, from `memory_core.models.resolve.resolve`.
        cache_dir: where exported files are kept.
        precision: `float32`, or `int8`.
        otherwise: judges when the file is damaged; without it the file is exported anew.

    Example:
        >>> from memory_core.models.resolve import resolve
        >>> model = resolve("all-MiniLM-L6-v2", cache_dir=Path("models"))
        >>> OnnxReranker(model, Path("models"), precision="int8").revision
        '53aa51172d14-int8'
    """

    def __init__(
        self,
        model: ResolvedModel,
        cache_dir: Path,
        *,
        precision: Precision = "float32",
        otherwise: Reranker | None = None,
    ) -> None:
        self._model = model
        self._place = (
            OwnFile(model) if has_own_file(model) else OnnxPlace(model, cache_dir, precision)
        )
        self._otherwise = otherwise
        self._lock = Lock()
        self._judge: tuple[Tokenizer, OnnxBody] | Reranker | None = None
        keep_open(self)

    def after_fork(self) -> None:
        """Start anew: the threads of the session are the parent's."""
        self._lock, self._judge = Lock(), None

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model.name

    @property
    def revision(self) -> str:
        """Checksum of the weights; int8 gives other logits and so is another revision."""
        made = isinstance(self._place, OnnxPlace) and self._place.precision == "int8"
        return f"{self._model.revision}-int8" if made else self._model.revision

    def score(self, query: str, passages: Sequence[str]) -> Logits:
        """Return one float32 logit per passage, `(n,)`.

        Raises:
            MissingExtra: the model must be exported, and the packages for that are missing.
            ModelRejected: it cannot be exported or run, or is no single-logit model.
            ModelError: it gave NaN or infinity.
        """
        if not passages:
            return np.zeros(0, dtype=np.float32)
        judge = self._ready()
        if not isinstance(judge, tuple):
            return judge.score(query, passages)
        tokenizer, body = judge
        scores = np.empty(len(passages), dtype=np.float32)
        for output in body.run(tokenizer.encode_batch([(query, text) for text in passages])):
            scores[output.places] = output.values.reshape(len(output.places))
        if not np.isfinite(scores).all():
            raise ModelError(f"{self.name!r} gave NaN or infinity; use runtime='torch'")
        return scores

    def _ready(self) -> "tuple[Tokenizer, OnnxBody] | Reranker":
        with self._lock:
            if self._judge is None:
                try:
                    content = self._content()
                    self._judge = (_tokenizer(self._model), self._body(content))
                except ModelError as error:
                    if self._otherwise is None:
                        raise
                    _log.warning("torch judges: %s", error)
                    self._judge = self._otherwise
            return self._judge

    def _content(self) -> bytes:
        if isinstance(self._place, OwnFile) or self._otherwise:
            return self._place.read()
        return opened(self._place)

    def _body(self, content: bytes) -> OnnxBody:
        pad = read_object(self._model.path / "config.json").get("pad_token_id") or 0
        alone = isinstance(self._place, OwnFile) or self._place.precision == "int8"
        body = OnnxBody(content, name=self.name, pad=pad, alone=alone)
        if body.width != 1:
            raise ModelRejected(
                f"{self.name!r} gives {body.width or 'token vectors, no'} scores per pair, "
                "a reranker gives one; use a model with num_labels=1"
            )
        return body


def _tokenizer(model: ResolvedModel) -> Tokenizer:
    try:
        tokenizer = Tokenizer.from_file(str(model.path / "tokenizer.json"))
    except Exception as error:  # the Rust library raises bare Exception
        raise ModelRejected(
            f"tokenizer.json of {model.name!r} is missing or damaged ({error}); get the model again"
        ) from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(read_layout(model.path).limit)  # the longer text first, as torch
    return tokenizer
