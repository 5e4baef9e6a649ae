"""What a sentence-transformers directory's configuration files say, without loading the model.

modules.json -> 0: Transformer, 1: Pooling, 2: Dense, 3: Normalize …
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memory_core.errors import InvalidInput
from memory_core.models.weights import MODULES, read_modules, read_object

_PLAIN_LIMIT = 512  # tokens; what BERT-like models have when no file says otherwise
_NO_LIMIT = 1_000_000  # tokenizers without a limit say 10^30
_LEGACY_POOLING = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}


def require_new(out: Path) -> None:
    """Refuse to write a model over something.

    Raises:
        InvalidInput: the directory holds something.
    """
    if out.exists() and any(out.iterdir()):
        raise InvalidInput(f"{out} is not empty; name a new directory")


@dataclass(frozen=True, slots=True)
class Layout:
    """The parts of a model that decide its vectors."""

    dimension: int | None
    """Width of the vectors; None when only the loaded model can tell."""
    pooling: str
    """`mean`, `cls`, `max`, another mode's name, or blank when there is no pooling module."""
    limit: int
    """Tokens per text, special tokens included."""
    query_prompt: str
    document_prompt: str


def read_layout(path: Path) -> Layout:
    """Return what the files in the model directory `path` say.

    Raises:
        ModelRejected: a configuration file is not JSON.
    """
    config = read_object(path / "config.json")
    hidden: int | None = config.get("hidden_size") or config.get("dim")
    if "text_config" in config:  # several towers that meet in a space of a width of its own
        hidden = None
    dimension, pooling = hidden, "" if (path / MODULES).is_file() else "mean"
    for kind, part in _modules(path):
        if kind == "Pooling":
            modes = _pooling_modes(part)
            pooling = "+".join(modes)
            width = part.get("embedding_dimension", part.get("word_embedding_dimension", hidden))
            dimension = width * len(modes) if width else None
        elif kind == "Dense":
            dimension = part.get("out_features")
        elif kind not in ("Transformer", "Normalize", "Dropout"):
            dimension = None
    prompts = read_object(path / "config_sentence_transformers.json").get("prompts") or {}
    return Layout(
        dimension=dimension,
        pooling=pooling,
        limit=_limit(path, config),
        query_prompt=prompts.get("query") or "",
        document_prompt=prompts.get("document") or prompts.get("passage") or "",
    )


def _modules(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Return each module's class name and its own configuration, in order."""
    return [
        (kind.rpartition(".")[2], read_object(folder / "config.json"))
        for kind, folder in read_modules(path)
    ]


def _pooling_modes(part: dict[str, Any]) -> tuple[str, ...]:
    modes = part.get("pooling_mode")
    if modes is None:
        modes = [mode for key, mode in _LEGACY_POOLING.items() if part.get(key)] or ["mean"]
    return (modes,) if isinstance(modes, str) else tuple(modes)


def _limit(path: Path, config: dict[str, Any]) -> int:
    own = read_object(path / "sentence_bert_config.json").get("max_seq_length")
    if own:
        return int(own)
    tokenizer = read_object(path / "tokenizer_config.json").get("model_max_length")
    positions = config.get("max_position_embeddings")
    known = [int(limit) for limit in (tokenizer, positions) if limit and limit < _NO_LIMIT]
    return min(known, default=_PLAIN_LIMIT)
