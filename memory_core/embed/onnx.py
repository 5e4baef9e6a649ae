"""An exported model: the tokens of the Rust tokenizer through onnxruntime, pooled by numpy.

No torch, transformers or sentence-transformers is imported here, so a process answers its first
query in well under a second. float32 gives torch's vectors within 1e-5 of each component and has
torch's fingerprint; int8 gives other vectors and has a fingerprint of its own.
"""

from pathlib import Path
from typing import Any, Unpack, cast

import numpy as np
from tokenizers import Tokenizer

from memory_core.embed.base import Vectors
from memory_core.embed.local import POOLINGS, LocalEmbedder, LocalOptions, whole_text_tokenizer
from memory_core.embed.pooling import PoolingMode, pool
from memory_core.errors import ModelRejected
from memory_core.models.layout import read_layout
from memory_core.models.onnx_body import OnnxBody
from memory_core.models.onnx_file import OnnxPlace, Precision, opened
from memory_core.models.resolve import ResolvedModel
from memory_core.models.weights import MODULES, read_modules, read_object

_PLAIN = ("Transformer", "Pooling", "Normalize")


class OnnxEmbedder(LocalEmbedder):
    """Encodes texts with a model's ONNX file, which is exported at first use if it is not there.

    Args:
        resolved: where the model lies, from `memory_core.models.resolve.resolve`.
        cache_dir: where exported files are kept.
        precision: `float32`, or `int8`.
        options: see `memory_core.embed.local.LocalOptions`; the device is always the CPU.

    Raises:
        ModelRejected: the model is more than a transformer, mean, cls or max pooling and a norm.

    Example:
        >>> from memory_core.models.resolve import resolve
        >>> model = resolve("all-MiniLM-L6-v2", cache_dir=Path("models"))
        >>> OnnxEmbedder(model, Path("models"), precision="int8").fingerprint.dtype
        'int8'
    """

    def __init__(
        self,
        resolved: ResolvedModel,
        cache_dir: Path,
        *,
        precision: Precision = "float32",
        **options: Unpack[LocalOptions],
    ) -> None:
        super().__init__(resolved, **options)
        if problem := unsuited(resolved):
            raise ModelRejected(f"{resolved.name!r} {problem}; use runtime='torch'")
        self.place = OnnxPlace(resolved, cache_dir, precision)
        self.dtype = precision
        self._body: OnnxBody | None = None
        self._cutting: Tokenizer | None = None

    def after_fork(self) -> None:
        """Start anew: the threads of the session are the parent's."""
        super().after_fork()
        self._body, self._cutting = None, None

    def load(self, *, anew: bool = True) -> None:
        """Read the file; one that is missing or damaged is exported first if `anew`.

        Raises:
            MissingExtra: it must be exported, and the packages for that are not installed.
            ModelNotFound, ModelRejected: it is missing or damaged, or cannot be exported or run.
        """
        with self._lock:
            if self._body is None:
                pad = read_object(self._resolved.path / "config.json").get("pad_token_id") or 0
                with self._failing("read tokenizer.json"):
                    self._cutting = whole_text_tokenizer(self._resolved)
                    self._cutting.enable_truncation(self._layout.limit)
                self._body = OnnxBody(
                    opened(self.place) if anew else self.place.read(),
                    name=self._resolved.name,
                    pad=pad,
                    alone=self.place.precision == "int8",
                )

    def _vectors(self, texts: list[str], prompt: str) -> object:
        self.load()
        with self._failing(f"encode {len(texts)} texts"):
            tokens = cast(Any, self._cutting).encode_batch_fast([prompt + text for text in texts])
            vectors = np.empty((len(texts), self._dimension()), dtype=np.float32)
            for output in cast(OnnxBody, self._body).run(tokens):
                vectors[output.places] = pool(output.values, output.mask, self._mode)
        return _unit(vectors) if self._normalise else vectors

    def _dimension(self) -> int:
        return cast(int, self._layout.dimension)  # a transformer's width is always known

    @property
    def _mode(self) -> PoolingMode:
        return cast(PoolingMode, self._pooling or self._layout.pooling)


def unsuited(resolved: ResolvedModel) -> str:
    """Return in words why a model cannot run here; blank when it can."""
    if not (resolved.path / "tokenizer.json").is_file():
        return "has no tokenizer.json"
    if read_object(resolved.path / "sentence_bert_config.json").get("do_lower_case"):
        return "lower-cases texts by its own rule"
    modules = read_modules(resolved.path) if (resolved.path / MODULES).is_file() else []
    for kind, folder in modules:
        name = kind.rpartition(".")[2]
        part = read_object(folder / "config.json")
        if name not in _PLAIN:
            return f"has a {name} module"
        if name == "Transformer" and folder != resolved.path:
            return "keeps its transformer in a directory below"
        if name == "Pooling" and not part.get("include_prompt", True):
            return "leaves its prompt out of the pooling"
    return _pooling_problem(resolved)


def _pooling_problem(resolved: ResolvedModel) -> str:
    layout = read_layout(resolved.path)
    if layout.dimension is None:
        return "does not say how wide its vectors are"
    return "" if layout.pooling in POOLINGS else f"pools by {layout.pooling or 'no module'}"


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float32)  # as torch does
