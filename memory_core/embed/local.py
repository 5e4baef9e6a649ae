"""What every embedder on a local model directory shares: fingerprint, limit, prompts, counts.

All of it comes from the configuration files and the Rust tokenizer; only `_vectors`, which the
runtimes write, needs a model in memory.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Literal, TypedDict, Unpack, cast

from tokenizers import Tokenizer

from memory_core.embed.base import Fingerprint, Pooling, Vectors, usable_vectors
from memory_core.errors import EmbeddingFailed, InvalidSetting, ModelRejected
from memory_core.forking import keep_open
from memory_core.models.layout import Layout, read_layout
from memory_core.models.resolve import ResolvedModel

PoolingOverride = Literal["mean", "cls", "max"]

POOLINGS = ("mean", "cls", "max")
_ALSO_REPLACED = ("mean_sqrt_len_tokens", "weightedmean", "lasttoken")  # one vector wide as well
_GUARDED = (RuntimeError, ValueError, TypeError, OSError, ImportError, KeyError, IndexError)


class LocalOptions(TypedDict, total=False):
    """How a local model is used; all have defaults."""

    pooling: PoolingOverride | None
    """How token vectors become one, instead of the model's own way."""
    normalise: bool
    """Whether vectors get length 1."""
    query_prompt: str | None
    """Put before a query; the model's own one when None."""
    document_prompt: str | None
    """Put before a document; the model's own one when None."""
    device: str
    """Where torch runs: `cpu`, `cuda`, `cuda:1`, `mps`."""
    batch_size: int
    """Texts per forward pass of torch; texts of like length share one."""


class LocalEmbedder(ABC):
    """An embedder on a sentence-transformers directory; thread-safe.

    Args:
        resolved: where the model lies, from `memory_core.models.resolve.resolve`.
        options: see `LocalOptions`.
    """

    dtype: str = "float32"
    """Of the weights; other than float32 gives other vectors and another fingerprint."""

    def __init__(self, resolved: ResolvedModel, **options: Unpack[LocalOptions]) -> None:
        self._resolved = resolved
        self._layout = read_layout(resolved.path)
        self._pooling = options.get("pooling")
        self._normalise = options.get("normalise", True)
        self._device = options.get("device", "cpu")
        self._batch_size = options.get("batch_size", 32)
        _check_options(resolved, self._layout, self._pooling, self._batch_size)
        self._query_prompt = _either(options.get("query_prompt"), self._layout.query_prompt)
        self._document_prompt = _either(
            options.get("document_prompt"), self._layout.document_prompt
        )
        self._lock = Lock()
        self._count_lock = Lock()  # counting never waits for a forward pass
        self._tokenizer: Tokenizer | None = None
        self._fingerprint: Fingerprint | None = None
        keep_open(self)

    def after_fork(self) -> None:
        """Make the locks anew: a thread of the parent may have held them."""
        self._lock, self._count_lock = Lock(), Lock()

    @property
    def fingerprint(self) -> Fingerprint:
        """What decides the vectors; the device is no part of it."""
        if self._fingerprint is None:
            self._fingerprint = Fingerprint(
                model=self._resolved.name,
                revision=self._resolved.revision,
                dimension=self._dimension(),
                pooling=_named_pooling(self._layout, self._pooling),
                normalised=self._normalise,
                query_prompt=self._query_prompt,
                document_prompt=self._document_prompt,
                dtype=self.dtype,
            )
        return self._fingerprint

    @property
    def limit(self) -> int:
        """Tokens of one text that the model sees: without special tokens and the prompt."""
        special = self._light_tokenizer().num_special_tokens_to_add(False)
        return max(1, self._layout.limit - special - self.count(self._document_prompt))

    def count(self, text: str) -> int:
        """Return the number of the model's tokens in `text`, special tokens left out."""
        tokenizer = self._light_tokenizer()
        with self._count_lock, self._failing("count the tokens of a text"):
            return len(tokenizer.encode(text, add_special_tokens=False).ids)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """Return `(n, d)` float32 vectors, in the order of `texts`.

        Raises:
            EmbeddingFailed: the model cannot be loaded or gave no usable vectors.
            ModelRejected: the files are not the pinned or exported ones.
        """
        return self._encode(list(texts), self._document_prompt)

    def encode_query(self, text: str) -> Vectors:
        """Return the `(d,)` float32 vector of one query.

        Raises:
            EmbeddingFailed: the model cannot be loaded or gave no usable vector.
            ModelRejected: the files are not the pinned or exported ones.
        """
        return cast(Vectors, self._encode([text], self._query_prompt)[0])

    @abstractmethod
    def _vectors(self, texts: list[str], prompt: str) -> object:
        """Return `(n, d)` vectors of at least one text, normalised if that is wanted."""

    @abstractmethod
    def _dimension(self) -> int:
        """Return the width of the vectors."""

    def _encode(self, texts: list[str], prompt: str) -> Vectors:
        if not texts:
            return self.fingerprint.no_vectors
        return usable_vectors(self._vectors(texts, prompt), len(texts), self.fingerprint)

    def _light_tokenizer(self) -> Tokenizer:
        with self._count_lock:
            if self._tokenizer is None:
                with self._failing("read tokenizer.json"):
                    self._tokenizer = whole_text_tokenizer(self._resolved)
            return self._tokenizer

    @contextmanager
    def _failing(self, action: str) -> Iterator[None]:
        """Map what torch, transformers and tokenizers raise; the first line is enough."""
        try:
            yield
        except _GUARDED as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise EmbeddingFailed(
                f"{self._resolved.name!r} cannot {action}: {reason}; "
                f"run: memory models verify {self._resolved.name}"
            ) from error


def whole_text_tokenizer(resolved: ResolvedModel) -> Tokenizer:
    """Return the tokenizer without the truncation and padding that its file may ask for.

    Raises:
        ValueError: there is no tokenizer.json, or it is damaged.
    """
    file = resolved.path / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the Rust library raises bare Exception
        raise ValueError(f"tokenizer.json is missing or damaged ({error})") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _check_options(
    resolved: ResolvedModel, layout: Layout, pooling: str | None, batch_size: int
) -> None:
    if pooling is not None and pooling not in POOLINGS:
        raise InvalidSetting(f"pooling {pooling!r} is unknown; use one of {POOLINGS}")
    if pooling is not None and layout.pooling not in (*POOLINGS, *_ALSO_REPLACED):
        raise InvalidSetting(
            f"{resolved.name!r} pools in a way that {pooling!r} cannot replace; leave pooling unset"
        )
    if batch_size < 1:
        raise InvalidSetting(f"batch_size {batch_size} is below 1; 32 suits a CPU")
    if not any(resolved.path.rglob("*.safetensors")):
        raise ModelRejected(
            f"{resolved.name!r} has no safetensors weights; save the model with "
            "`save_pretrained(path, safe_serialization=True)`"
        )


def _either(given: str | None, own: str) -> str:
    return own if given is None else given


def _named_pooling(layout: Layout, override: PoolingOverride | None) -> Pooling:
    name = override or layout.pooling
    return cast(Pooling, name) if name in POOLINGS else "none"
