"""From the word in the settings to an embedder.

all-MiniLM-L6-v2, OWNER/NAME, a directory   SentenceTransformerEmbedder, or OnnxEmbedder
hash, hash:512                              HashEmbedder
openai:MODEL                                OpenAIEmbedder
"""

import os
from pathlib import Path
from typing import Literal, TypedDict, Unpack

from memory_core.embed.base import Embedder
from memory_core.embed.truncated import Truncated
from memory_core.errors import InvalidSetting


class EmbedderOptions(TypedDict, total=False):
    """What may be said about an embedder besides its name; None means the default."""

    pooling: Literal["mean", "cls", "max"] | None
    normalise: bool | None
    query_prompt: str | None
    document_prompt: str | None
    device: str | None
    runtime: Literal["auto", "torch", "onnx", "onnx-int8"] | None
    batch_size: int | None
    base_url: str | None
    api_key: str | None
    dimensions: int | None
    limit: int | None
    timeout: float | None
    retries: int | None


_PROMPTS = ("query_prompt", "document_prompt")
_LOCAL = frozenset(
    {"pooling", "normalise", *_PROMPTS, "device", "batch_size", "runtime", "dimensions"}
)
_SHARED = frozenset({"runtime"})  # said of the reranker too, so no error where it has no use
_REMOTE = frozenset(
    {*_PROMPTS, "batch_size", "base_url", "api_key", "dimensions", "limit", "timeout", "retries"}
)


def make_embedder(
    spec: str,
    *,
    cache_dir: Path,
    allow_download: bool = False,
    **options: Unpack[EmbedderOptions],
) -> Embedder:
    """Return the embedder that `spec` names; no model is loaded yet.

    Raises:
        InvalidSetting: an option that this embedder does not have, or a wrong value.
        ModelNotFound: no local copy, and downloads are off.
        ModelRejected: the model's files are not safe.
    """
    kind, _, rest = spec.partition(":")
    if kind == "hash":
        return _hash(rest, options)
    if kind == "openai":
        return _openai(rest, options)
    return _local(spec, cache_dir, allow_download, options)


def _hash(dimension: str, options: EmbedderOptions) -> Embedder:
    from memory_core.embed.hashing import HashEmbedder

    _given("hash", options, frozenset())
    if dimension and not dimension.isdecimal():
        raise InvalidSetting(f"hash dimension {dimension!r} is no number; write hash:256")
    return HashEmbedder(int(dimension)) if dimension else HashEmbedder()


def _openai(model: str, options: EmbedderOptions) -> Embedder:
    from memory_core.embed.openai import OpenAIEmbedder

    given = _given("openai", options, _REMOTE)
    if "base_url" not in given and "api_key" not in given:
        key = os.environ.get("OPENAI_API_KEY")  # for OpenAI alone, never for another address
        given = given if key is None else {**given, "api_key": key}
    return OpenAIEmbedder(model, **given)  # type: ignore[arg-type]  # names checked above


def _local(spec: str, cache_dir: Path, allow_download: bool, options: EmbedderOptions) -> Embedder:
    from memory_core.embed.runtime import local_embedder
    from memory_core.models.resolve import resolve

    given = _given(spec, options, _LOCAL)
    dimensions = options.get("dimensions")
    given.pop("dimensions", None)
    model = resolve(spec, cache_dir=cache_dir, allow_download=allow_download)
    made = local_embedder(model, cache_dir, **given)  # type: ignore[arg-type]  # names checked
    return made if dimensions is None else Truncated(made, dimensions)


def _given(embedder: str, options: EmbedderOptions, known: frozenset[str]) -> dict[str, object]:
    """Return the options that are set; one that the embedder has not must be unset or blank."""
    given = {name: value for name, value in options.items() if value is not None}
    alien = sorted(n for n in given.keys() - known - _SHARED if given[n] != "")
    if alien:
        raise InvalidSetting(
            f"embedder {embedder!r} has no setting {', '.join(alien)}; "
            f"it has: {', '.join(sorted(known)) or 'none'}"
        )
    return {name: value for name, value in given.items() if name in known}
