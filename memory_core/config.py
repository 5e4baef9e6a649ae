"""Settings: what a memory can be told, from one place, in one order.

    constructor  >  environment MEMORY_*  >  <home>/memory.toml  >  the defaults below

An unknown key is an error wherever it stands: a misspelt setting that is ignored in silence is
worse than none.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from memory_core.errors import InvalidSetting
from memory_core.types import Source

PREFIX = "MEMORY_"
NLI = "nli:"
"""What the setting `conflicts` begins with when it names a model."""
FILE = "memory.toml"
ELSEWHERE = frozenset({"MEMORY_HOME", "MEMORY_NAMESPACE", "MEMORY_DATA", "MEMORY_CRASH_AT"})
"""Variables with our prefix that are not settings."""
DECIDING = (
    "candidates", "dense_weight", "lexical_weight", "recency_weight", "importance_weight",
    "min_relevance", "untrusted_share", "diversity", "rerank_count", "metric", "sparse_weight",
    "late_weight",
)  # fmt: skip
"""The settings that decide what a recall answers, apart from the models: recorded with it."""

MOST_WEIGHT = 1_000
"""Of one term of the score against the others: a score stays a number that float32 can hold."""

SecretMode = Literal["off", "flag", "redact", "reject"]


class Settings(BaseSettings):
    """Everything that can be set; each field is also `MEMORY_<FIELD>`.

    Example:
        >>> Settings(embedder="hash", rerank_count=32).rerank_count
        32
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    embedder: str = "all-MiniLM-L6-v2"
    """A model's name or directory, `hash`, or `openai:MODEL` for a compatible endpoint."""
    pooling: Literal["mean", "cls", "max"] | None = None
    """How token vectors become one; the model's own choice when None."""
    query_prompt: str = ""
    """Text put before every query, for models trained with one."""
    document_prompt: str = ""
    """Text put before every stored text, for models trained with one."""
    base_url: str | None = None
    """Address of an OpenAI-compatible endpoint, up to and including /v1."""
    api_key: str | None = Field(default=None, repr=False)
    """Key of that endpoint."""
    dimensions: int | None = Field(default=None, ge=1, le=8192)
    """Dimension asked of an endpoint, or to which a local model's vectors are cut."""
    runtime: Literal["auto", "torch", "onnx", "onnx-int8"] = "auto"
    """What runs local models; `auto` takes the exported ONNX file if there is one, else torch."""
    reranker: str | None = "default"
    """Name or directory of a cross-encoder; `default` is the one on board, which goes with a named
    embedding model (not with `hash` or an embedder of one's own); `off` ranks without."""
    sparse: str | None = None
    """Name or directory of a learned sparse model (SPLADE) that brings candidates as well."""
    sparse_weight: float = Field(default=0.3, ge=0, le=1)
    """Most that the sparse model adds to the score."""
    late_interaction: str | None = None
    """Name or directory of a late-interaction model (ColBERT) that compares the best candidates."""
    late_weight: float = Field(default=0.3, ge=0, le=1)
    """Most that the late-interaction model adds to the score."""
    rerank_count: int = Field(default=64, ge=1, le=512)
    """How many candidates the cross-encoder reads, and the late-interaction model compares."""
    allow_download: bool = False
    """Whether a missing model may be fetched; off, so that nothing goes to a network unasked."""
    models_dir: Path = Path("~/.cache/memory-core/models")
    """Where pulled models are kept."""
    metric: Literal["cosine", "dot", "l2"] = "cosine"
    """Similarity between vectors; fixed once a namespace has vectors."""
    index: Literal["auto", "exact", "chroma", "ivf", "lsh", "hnsw", "int8", "binary"] = "auto"
    """Which path finds dense candidates; `auto` takes Chroma from `crossover` vectors on, `ivf`,
    `lsh` and `hnsw` keep an index of that family in memory, `int8` and `binary` scan quantised
    vectors there (extra `faiss`)."""
    crossover: int = Field(default=1000, ge=0)
    """Number of vectors from which Chroma serves."""
    chroma_url: str | None = None
    """Address of a Chroma server; the embedded one when None."""
    candidates: int = Field(default=128, ge=8, le=2048)
    """How many candidates each retriever brings."""
    dense_weight: float = Field(default=1.0, ge=0, le=MOST_WEIGHT)
    """Weight of similarity in the score."""
    lexical_weight: float = Field(default=1.5, ge=0, le=MOST_WEIGHT)
    """Weight of BM25's attained share in the score."""
    recency_weight: float | None = Field(default=None, ge=0, le=MOST_WEIGHT)
    """Most that recency adds to a relevant memory; the built-in value when None."""
    importance_weight: float | None = Field(default=None, ge=0, le=MOST_WEIGHT)
    """Most that importance adds to a relevant memory; the built-in value when None."""
    min_relevance: float = Field(default=0.1, ge=0, le=1)
    """Calibrated relevance below which a recall is `empty`; 0 turns that off."""
    diversity: float | None = Field(default=None, ge=0, le=1)
    """MMR's lambda: 1 ranks by score alone; the built-in value when None."""
    many_valued: tuple[str, ...] = ()
    """Attributes that may hold several values at once; `*` for all, so that no write closes one."""
    conflicts: str = Field(default="rules", pattern=r"^(rules|nli:\S.*)$")
    """What `memory review find` proposes contradictions by: `rules`, or `nli:MODEL`, the name or
    directory of a local cross-encoder trained for natural-language inference."""
    untrusted_share: float = Field(default=0.5, ge=0, le=1)
    """Most of k that hits of one untrusted tool's or document's writer may take; 1 turns it off."""
    quarantine: tuple[Source, ...] = ()
    """Sources whose memories are not recalled before a review has let them in."""
    secrets: SecretMode | dict[Source, SecretMode] = {"tool": "redact", "document": "redact"}
    """What becomes of secrets in a draft, for all sources or by source; `flag` where not named."""
    recordings: bool = True
    """Whether recalls are recorded for replay."""
    recordings_mb: int = Field(default=64, ge=1)
    """Size in MiB beyond which the oldest recordings are dropped."""
    recordings_days: int = Field(default=90, ge=1)
    """Age beyond which recordings are dropped."""
    tracing: Literal["off", "spans", "content"] = "off"
    """OpenTelemetry spans: none, without texts, or with them; needs the extra `otel`."""
    durability: Literal["full", "normal"] = "full"
    """`full` fsyncs every commit; `normal` may lose the last seconds at power loss."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values from the constructor, then the environment; files are read by `load`."""
        return init_settings, env_settings


def load(home: Path, given: Mapping[str, Any]) -> Settings:
    """Return the settings for a home.

    Args:
        home: its `memory.toml` is read, if there.
        given: what the caller passed; goes before all else.

    Raises:
        InvalidSetting: naming every key that is unknown or wrong, and where it stands.
    """
    unknown = [
        name
        for name in os.environ
        if name.startswith(PREFIX)
        and name not in ELSEWHERE
        and name.removeprefix(PREFIX).lower() not in Settings.model_fields
    ]
    if unknown:
        raise InvalidSetting(f"unknown environment setting {', '.join(sorted(unknown))}; unset it")
    return _checked({**_from_file(home / FILE), **given})


def changed(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """Return the settings with some of them changed.

    Raises:
        InvalidSetting: naming every key that is unknown or wrong.
    """
    return _checked({**settings.model_dump(), **changes})


def _checked(values: Mapping[str, Any]) -> Settings:
    try:
        return Settings(**values)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()
        )
        raise InvalidSetting(f"settings are not valid: {faults}; correct the keys named") from error
    except SettingsError as error:
        told = f"an environment setting is not valid: {error}"
        raise InvalidSetting(f'{told}; write lists as JSON: ["tool", "document"]') from error


def _from_file(path: Path) -> dict[str, Any]:
    """Return the file's values that the environment does not set, so that it goes before them."""
    if not path.exists():
        return {}
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidSetting(f"{path} is not valid TOML: {error}; correct it") from error
    except OSError as error:
        raise InvalidSetting(f"{path} cannot be read: {error.strerror}; correct it") from error
    return {
        name: value for name, value in values.items() if PREFIX + name.upper() not in os.environ
    }
