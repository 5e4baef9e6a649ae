"""The whole migration of one namespace: fill, shadow, switch; stopped, it goes on from there."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memory_core.build import Opening, opened
from memory_core.config import load
from memory_core.embed.base import CANARY, Embedder, prepare
from memory_core.errors import EmbeddingFailed, InvalidInput, NotFound
from memory_core.journal.home import home_of
from memory_core.journal.serving import KnownModel, known_models, read_serving
from memory_core.manager import MemoryManager
from memory_core.migrate.shadow import Shadow, shadow
from memory_core.migrate.switch import Behind, Switched, switch
from memory_core.serving import embedder_of, reranker_of, spec_of

SLICE = 2.0
"""Seconds between two words on how far it is."""
PATIENT = 10
"""Attempts that find nothing left to embed; afterwards one batch may be left, or a writer that
never rests would put the switch off for ever."""
BATCH = 64

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do on the way to the other model."""

    recalls: int = 50
    """Recorded recalls to run on both models."""
    least_overlap: float = 0.0
    """Mean overlap of these below which nothing is switched, 0..1."""
    switching: bool = True
    """False fills and compares only."""


@dataclass(frozen=True, slots=True)
class Migration:
    """What became of a migration."""

    before: KnownModel | None
    """What served; None where the namespace had no vectors."""
    after: KnownModel | None
    embedded: int
    """Texts that the new model embedded in this run."""
    seconds: float
    shadow: Shadow
    switched: Switched | None
    """None where it serves already, or was not to be switched to."""
    reason: str = ""
    """Why nothing was switched."""


def migrate(
    home: str | Path,
    to: str | Embedder,
    *,
    namespace: str = "default",
    plan: Plan | None = None,
    tell: Tell = lambda what: None,
    settings: Mapping[str, Any] | None = None,
) -> Migration:
    """Give a namespace another embedding model, while others store and recall.

    Args:
        home: directory of the store.
        to: the new model's name, or an embedder.
        namespace: whose memory.
        plan: what to compare and when to switch; the defaults when None.
        tell: told how far it is.
        settings: fields of `memory_core.config.Settings` for the new model.

    Raises:
        ModelNotFound, ModelRejected: the new model cannot be used; the old one serves on.
        EmbeddingFailed: it refuses texts, or is down; the old one serves on.
        ModelMismatch: somebody else switched meanwhile, or the model is not what it was.
        NotStored: the disk is full; what is embedded is kept, and the next run goes on.
    """
    wanted = plan or Plan()
    path, begun = home_of(home), time.monotonic()
    if not (path / "journal.db").is_file():
        raise NotFound(f"there is no store in {path}; name its home")
    if not 0 <= wanted.least_overlap <= 1:
        raise InvalidInput(f"least overlap {wanted.least_overlap} is not in 0..1; 0 asks for none")
    with _target(path, namespace, to, settings or {}) as memory:
        before = _serving(memory)
        tell("reading the model")
        prepare(memory.parts.embedder)
        embedded = _fill(memory, tell)
        if before is None or before.digest == memory.parts.embedder.fingerprint.digest:
            told = "the namespace has no other vectors" if before is None else "it serves already"
            return Migration(
                before, _model(memory), embedded, time.monotonic() - begun, Shadow((), 0),
                None, told,
            )  # fmt: skip
        _copies(memory, tell)
        tell(f"running {wanted.recalls} recorded recalls on both")
        compared = shadow(memory.parts, before.digest, wanted.recalls)
        reason = _against(wanted, compared)
        switched = None if reason else _switch(memory, before.digest, tell)
        return Migration(
            before, _model(memory), embedded, time.monotonic() - begun, compared, switched, reason
        )


def _target(
    home: Path, namespace: str, to: str | Embedder, settings: Mapping[str, Any]
) -> MemoryManager:
    """Open the namespace on the new model, beside the one that serves."""
    named = {"embedder": to} if isinstance(to, str) else {}
    chosen = load(home, {**settings, **named})
    embedder = embedder_of(chosen) if isinstance(to, str) else to
    spec = spec_of(chosen) if isinstance(to, str) else ""
    return opened(
        home,
        chosen,
        Opening(namespace, embedder, spec, reranker_of(chosen), create=False, joining=True),
    )


def _fill(memory: MemoryManager, tell: Tell) -> int:
    """Embed every text that the new model has no vectors of; return how many.

    Raises:
        EmbeddingFailed: the model is down, or texts are left that it refuses.
    """
    parts, embedded = memory.parts, 0
    table = parts.journal.vectors(parts.embedder.fingerprint.digest)
    left = table.pending_count()
    while left:
        tell(f"{left:,} texts to embed with {parts.embedder.fingerprint}")
        now = parts.catchup.drain(SLICE)
        embedded += max(left - now, 0)
        if now >= left:
            parts.embedder.encode_documents([CANARY])  # raises where the model is down
            if not table.pending(now, parts.catchup.refused):
                raise EmbeddingFailed(
                    f"{parts.embedder.fingerprint} refuses {now} texts; the other model serves on, "
                    "choose another one"
                )
        left = now
    return embedded


def _copies(memory: MemoryManager, tell: Tell) -> None:
    if memory.parts.derived is not None:
        tell("building the index")
        memory.parts.derived.rebuild(tell)


def _against(plan: Plan, compared: Shadow) -> str:
    if not plan.switching:
        return "only filled and compared, as asked"
    overlap = compared.overlap
    if overlap is not None and overlap < plan.least_overlap:
        return f"overlap {overlap:.2f} is below {plan.least_overlap:.2f}"
    return ""


def _switch(memory: MemoryManager, before: str, tell: Tell) -> Switched:
    after = memory.parts.embedder.fingerprint.digest
    attempt = 0
    while True:
        _fill(memory, tell)
        attempt += 1
        try:
            behind = 0 if attempt <= PATIENT else BATCH
            return switch(memory.journal, before, after, behind=behind)
        except Behind as error:
            tell(f"{error.pending} texts arrived meanwhile")


def _serving(memory: MemoryManager) -> KnownModel | None:
    with memory.journal.database.read() as connection:
        serving = read_serving(connection, memory.journal.identity.ns_id)
        known = known_models(connection, memory.journal.identity.ns_id)
    return next((m for m in known if serving and m.digest == serving.digest), None)


def _model(memory: MemoryManager) -> KnownModel | None:
    digest = memory.parts.embedder.fingerprint.digest
    with memory.journal.database.read() as connection:
        known = known_models(connection, memory.journal.identity.ns_id)
    return next((model for model in known if model.digest == digest), None)
