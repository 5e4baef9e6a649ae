"""What all recalls of one opening have in common, and what is recorded of it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from memory_core.config import DECIDING, Settings
from memory_core.embed.base import Fingerprint
from memory_core.terms import TERMS_VERSION
from memory_core.version import __version__


@dataclass(frozen=True, slots=True)
class Environment:
    """Under which settings and models recalls run: the same for all of one opening."""

    values: Mapping[str, Any]
    ratios: Mapping[str, float]
    """What a term is its signal times, by name: makes recordings smaller."""

    @classmethod
    def of(
        cls,
        settings: Settings,
        embedder: Fingerprint,
        judge: tuple[str, str] | None,
        matchers: Mapping[str, tuple[str, str]] | None = None,
    ) -> "Environment":
        """Return the environment of these settings and models, by name and revision."""
        deciding = {name: getattr(settings, name) for name in DECIDING}
        encoded = json.dumps(deciding, sort_keys=True).encode()
        values = {
            "settings": deciding,
            "settings_hash": hashlib.sha256(encoded).hexdigest()[:16],
            "embedder": [embedder.digest, str(embedder)],
            "reranker": None if judge is None else list(judge),
            "version": __version__,
            "terms": TERMS_VERSION,
            **{name: list(model) for name, model in (matchers or {}).items()},
        }
        weights = ("dense", "lexical", "sparse")
        return cls(values, {name: getattr(settings, f"{name}_weight") for name in weights})
