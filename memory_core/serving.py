"""Which embedding model an opening uses: the one that was asked for, or the store's own.

    constructor > environment > memory.toml > the model that serves the namespace > the default

A model that was asked for and does not serve is refused: vectors of two models do not compare, and
a recall over the few that a changed setting wrote would lose the rest in silence.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from memory_core.config import Settings
from memory_core.embed.base import Embedder, Fingerprint
from memory_core.embed.registry import make_embedder
from memory_core.errors import ModelMismatch, ModelNotFound, StoreError
from memory_core.index.sparse import SparseIndex, place_of
from memory_core.journal.database import Database
from memory_core.journal.journal import Journal
from memory_core.journal.serving import serving_model, spec_in
from memory_core.models.resolve import PINNED, RERANKER, ResolvedModel, resolve
from memory_core.recall.match import Matchers
from memory_core.recall.rerank import Reranker

SPEC = ("embedder", "pooling", "query_prompt", "document_prompt", "dimensions", "runtime")
"""The settings that decide an embedder's vectors; an endpoint's address and key are not kept."""
DEFAULT_RERANKER = "default"
NO_RERANKER = "off"
_REMOTE = "openai:"
"""Never taken from a store: texts would go to an address that somebody's file names."""


def embedder_of(settings: Settings) -> Embedder:
    """Return the embedder that the settings name; not loaded yet.

    Raises:
        ModelNotFound, ModelRejected, InvalidSetting: it cannot be had so.
    """
    with looked_for("embedder"):
        return make_embedder(
            settings.embedder,
            cache_dir=settings.models_dir.expanduser(),
            allow_download=settings.allow_download,
            **_options(settings),
        )


def reranker_of(settings: Settings, *, named: bool = True) -> Reranker | None:
    """Return the cross-encoder that the settings name; not loaded yet.

    The default one goes with named embedding models. `hash` and embedders of one's own are for
    tests and special stores, where it would cost more than all the rest.

    Args:
        settings: name it.
        named: whether the embedding model is one that the settings name.

    Raises:
        ModelNotFound, ModelRejected: it cannot be had.
    """
    name = settings.reranker
    if name is None or name == NO_RERANKER:
        return None
    if name == DEFAULT_RERANKER:
        if not named or settings.embedder.startswith("hash"):
            return None
        name = RERANKER
    from memory_core.recall.rerank_onnx import local_reranker

    cache = settings.models_dir.expanduser()
    with looked_for("reranker"):
        found = resolve(name, cache_dir=cache, allow_download=settings.allow_download)
    return local_reranker(found, cache, settings.runtime)


def matchers_of(settings: Settings, journal: Journal) -> tuple[SparseIndex | None, Matchers]:
    """Return the sparse vectors, to be closed, and the models that the settings name.

    Raises:
        ModelNotFound, ModelRejected: one cannot be had.
    """
    if settings.sparse is None and settings.late_interaction is None:
        return None, Matchers()
    from memory_core.embed.sentence_transformers_matching import LateModel, SparseModel

    sparse, late = None, None
    if settings.sparse is not None:
        model = SparseModel(_resolved(settings, "sparse", settings.sparse))
        sparse = SparseIndex(journal, model, place_of(journal, model))
    if settings.late_interaction is not None:
        late = LateModel(_resolved(settings, "late_interaction", settings.late_interaction))
    return sparse, Matchers(sparse, late)


def _resolved(settings: Settings, setting: str, name: str) -> ResolvedModel:
    with looked_for(setting):
        cache, allow = settings.models_dir.expanduser(), settings.allow_download
        return resolve(name, cache_dir=cache, allow_download=allow)


@contextmanager
def looked_for(setting: str) -> Iterator[None]:
    """Say of which setting a name is that no file can have."""
    try:
        yield
    except OSError as error:  # a name that no file can have
        raise ModelNotFound(
            f"{setting}: {error.strerror}; write NAME, OWNER/NAME or a path"
        ) from error


def spec_of(settings: Settings) -> str:
    """Return the settings that load the embedder again, as JSON."""
    values = {name: getattr(settings, name) for name in SPEC}
    values["embedder"] = _anywhere(settings.embedder)
    if values["runtime"] != "onnx-int8":  # the others give the same vectors
        values["runtime"] = None
    kept = {name: value for name, value in values.items() if value not in (None, "")}
    return json.dumps(kept, sort_keys=True)


def models_own(settings: Settings, home: Path, namespace: str, *, given: object) -> Settings:
    """Return the settings with the namespace's own model, where none was asked for.

    Args:
        settings: as loaded.
        home: directory of the store.
        namespace: whose model.
        given: the embedder that the caller passed, or None.
    """
    asked = settings.model_fields_set
    if given is not None or "embedder" in asked or not (home / "journal.db").is_file():
        return settings
    spec = _spec(home, namespace)
    if not spec or str(spec.get("embedder", "")).startswith(_REMOTE):
        return settings
    return settings.model_copy(update={n: v for n, v in spec.items() if n not in asked})


def require_serving(journal: Journal, fingerprint: Fingerprint, spec: str) -> None:
    """Refuse a model that does not serve the namespace; the first one there ever is may.

    Raises:
        ModelMismatch: naming both models and the command that changes to the other one.
    """
    with journal.database.read() as connection:
        serving = serving_model(connection, journal.identity.ns_id)
    if serving is None or serving.digest == fingerprint.digest:
        return
    asked = json.loads(spec or "{}").get("embedder", fingerprint.model)
    raise ModelMismatch(
        f"{serving.name} serves namespace {journal.namespace!r}, and the embedder is "
        f"{fingerprint}; set embedder={serving.spec.get('embedder', serving.details['model'])!r}, "
        f"or change to the other one with: memory migrate --to {asked}"
    )


def _anywhere(embedder: str) -> str:
    """Return a model's name, or its directory so that it is found from any other directory."""
    named = embedder in PINNED or embedder.partition(":")[0] in ("hash", "openai")
    place = Path(embedder).expanduser()
    return str(place.resolve()) if not named and place.is_dir() else embedder


def _spec(home: Path, namespace: str) -> dict[str, Any]:
    try:
        database = Database(home / "journal.db", readonly=True)
    except StoreError:  # damaged, or of another version: opening it will say so
        return {}
    try:
        return {name: value for name, value in spec_in(database, namespace).items() if name in SPEC}
    except StoreError:
        return {}
    finally:
        database.close()


def _options(settings: Settings) -> dict[str, Any]:
    prompts = ("query_prompt", "document_prompt")
    names = (*prompts, "pooling", "runtime", "base_url", "api_key", "dimensions")
    values = {name: getattr(settings, name) for name in names}
    return {name: value for name, value in values.items() if value}
