"""A cross-encoder run by onnxruntime: torch's logits within 1e-4, and none of its import time."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread
from typing import Literal, Protocol

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
from memory_core.recall.rerank_torch import CrossEncoderReranker, expected

Runtime = Literal["auto", "torch", "onnx", "onnx-int8"]

_log = logging.getLogger(__name__)


class Judge(Reranker, Protocol):
    """Any cross-encoder: one that gives some numbers for each pair."""

    def logits(self, query: str, passages: Sequence[str]) -> Logits:
        """Return float32 logits, `(n, outputs)`."""
        ...


def local_reranker(model: ResolvedModel, cache_dir: Path, runtime: Runtime = "auto") -> Reranker:
    """Return the reranker for a model directory; nothing is loaded or exported yet.

    A model that comes as an ONNX file is run as it is. Of others, `auto` takes the exported
    float32 file if there is one, else torch.
    """
    return local_judge(model, cache_dir, runtime)


def local_judge(
    model: ResolvedModel, cache_dir: Path, runtime: Runtime = "auto", *, outputs: int = 1
) -> Judge:
    """Return the cross-encoder for a model directory that gives `outputs` numbers for each pair."""
    if has_own_file(model):
        return OnnxReranker(model, cache_dir, outputs=outputs)
    torch = CrossEncoderReranker(
        model.path, name=model.name, revision=model.revision, outputs=outputs
    )
    if runtime == "onnx-int8":
        return OnnxReranker(model, cache_dir, precision="int8", outputs=outputs)
    if runtime == "onnx":
        return OnnxReranker(model, cache_dir, outputs=outputs)
    if runtime == "auto" and OnnxPlace(model, cache_dir).there:
        return OnnxReranker(model, cache_dir, otherwise=torch, outputs=outputs)
    return torch


class OnnxReranker:
    """Judges pairs with a model's ONNX file; thread-safe.

    Args:
        model: where the model lies, from `memory_core.models.resolve.resolve`.
        cache_dir: where exported files are kept.
        precision: `float32`, or `int8`.
        otherwise: judges when the file is damaged; without it the file is exported anew.
        outputs: numbers per pair: one for a reranker, one a label for a classifier of pairs.

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
        otherwise: Judge | None = None,
        outputs: int = 1,
    ) -> None:
        self._model = model
        self._place = (
            OwnFile(model) if has_own_file(model) else OnnxPlace(model, cache_dir, precision)
        )
        self._otherwise = otherwise
        self._outputs = outputs
        self._lock = Lock()
        self._judge: tuple[Tokenizer, OnnxBody] | Judge | None = None
        self._warmed = False
        keep_open(self)

    def after_fork(self) -> None:
        """Start anew: the threads of the session are the parent's."""
        self._lock, self._judge, self._warmed = Lock(), None, False

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model.name

    @property
    def revision(self) -> str:
        """Checksum of the weights; int8 gives other logits and so is another revision."""
        made = isinstance(self._place, OnnxPlace) and self._place.precision == "int8"
        return f"{self._model.revision}-int8" if made else self._model.revision

    def warm(self) -> None:
        """Begin to load in a thread, once, where the file is there; a fault shows at `score`."""
        if not self._warmed:
            self._warmed = True
            if self._place.there:  # an export is no work to be done unasked beside another
                Thread(target=self._loaded, name="reranker").start()

    def _loaded(self) -> None:
        with suppress(ModelError):
            self._ready()

    def score(self, query: str, passages: Sequence[str]) -> Logits:
        """Return one float32 logit per passage, `(n,)`, of a model with one; see `logits`."""
        return self.logits(query, passages).reshape(len(passages))

    def logits(self, query: str, passages: Sequence[str]) -> Logits:
        """Return float32 logits, `(n, outputs)`.

        Raises:
            MissingExtra: the model must be exported, and the packages for that are missing.
            ModelRejected: it cannot be exported or run, or gives other than that many.
            ModelError: it gave NaN or infinity.
        """
        scores = np.empty((len(passages), self._outputs), dtype=np.float32)
        if not passages:
            return scores
        judge = self._ready()
        if not isinstance(judge, tuple):
            return judge.logits(query, passages)
        tokenizer, body = judge
        for output in body.run(tokenizer.encode_batch([(query, text) for text in passages])):
            scores[output.places] = output.values.reshape(len(output.places), self._outputs)
        if not np.isfinite(scores).all():
            raise ModelError(f"{self.name!r} gave NaN or infinity; use runtime='torch'")
        return scores

    def _ready(self) -> "tuple[Tokenizer, OnnxBody] | Judge":
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
        if body.width != self._outputs:
            raise ModelRejected(
                f"{self.name!r} gives {body.width or 'token vectors, no'} scores per pair, "
                f"{expected(self._outputs)}; use a model with num_labels={self._outputs}"
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
