"""Settings to a wired memory: the one place that knows which part is which.

The list in `memory_core.recall.stages` is what recall does, in order; read it and you know recall.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from memory_core import config, limits
from memory_core.answers import Stage
from memory_core.attaching import sweep_if_due
from memory_core.config import Settings
from memory_core.embed.base import Embedder, Fingerprint
from memory_core.embed.unit import UnitLength
from memory_core.errors import InvalidSetting, NotFound, StoreReadOnly
from memory_core.index.catchup import CatchUp
from memory_core.index.derived import Derived
from memory_core.index.exact import ExactRows
from memory_core.index.idle import IdleCatchUp
from memory_core.index.place import Place
from memory_core.index.retriever import DenseRetriever
from memory_core.journal.home import home_of
from memory_core.journal.journal import Journal
from memory_core.journal.links import LinkReader
from memory_core.lifecycle.erase import Erasing, Reach, resume
from memory_core.lifecycle.importance import CueImportance
from memory_core.lifecycle.secrets import SecretGuard
from memory_core.limits import DEFAULT_NAMESPACE
from memory_core.manager import MemoryManager
from memory_core.parts import NOTHING, Admission, Instead, Parts
from memory_core.recall.diversify import DiversifyStage
from memory_core.recall.match import Matchers
from memory_core.recall.rerank import Reranker
from memory_core.recall.stages import stages_of
from memory_core.replay.environment import Environment
from memory_core.replay.recording import Bounds, Recordings
from memory_core.serving import (
    embedder_of,
    matchers_of,
    models_own,
    require_serving,
    reranker_of,
    spec_of,
)
from memory_core.tokens import TokenCounter
from memory_core.tracing import Tracing

SHORT = 1.0
"""Seconds that an opening waits for other processes to close what an erasure left to them."""
LEAST_TIME, MOST_TIME = -62_135_596_800_000_000, 253_402_300_799_999_999
"""The years 1 to 9999, in microseconds since 1970."""

Clock = Callable[[], int]


def open_memory(
    home: str | Path = "~/.memory",
    *,
    namespace: str = DEFAULT_NAMESPACE,
    embedder: Embedder | str | None = None,
    reranker: Reranker | str | None = None,
    clock: Clock | None = None,
    readonly: bool = False,
    create: bool = True,
    **settings: Any,
) -> MemoryManager:
    """Open one namespace of a store, made at first use; nothing is loaded or downloaded yet.

    Args:
        home: directory of the store, `~` allowed.
        namespace: whose memory; a manager can name no other.
        embedder: a model's name, or any `Embedder`. When None the setting `embedder`; where that
            is not set either, the model that serves the namespace already.
        reranker: a cross-encoder's name, or any `Reranker`; the setting `reranker` when None.
        clock: microseconds since 1970 UTC; the system's when None.
        readonly: recall only, from a home that cannot be written.
        create: make home and namespace where they are not there; False refuses instead.
        **settings: any field of `memory_core.config.Settings`.

    Raises:
        InvalidSetting: an unknown or wrong setting.
        StoreError: the home cannot be used; see its subclasses.
        NotFound: there is no such store or namespace, and `create` is False.
        ModelNotFound: the model has no local copy, and what to do about it.
        ModelMismatch: another model serves the namespace; names both and the command.

    Example:
        >>> import tempfile
        >>> with open_memory(tempfile.mkdtemp(), embedder="hash") as memory:
        ...     memory.store("The spare key is under the fern").kind
        'episodic'
    """
    limits.check_name(namespace, "namespace")
    limits.check_flag(readonly, "readonly")
    limits.check_flag(create, "create")
    path = home_of(home)
    _check_models(embedder, reranker)
    given: Mapping[str, Any] = {
        **settings,
        **({"embedder": embedder} if isinstance(embedder, str) else {}),
        **({"reranker": reranker} if isinstance(reranker, str) else {}),
    }
    chosen = models_own(config.load(path, given), path, namespace, given=embedder)
    named = embedder is None or isinstance(embedder, str)
    model = embedder_of(chosen) if embedder is None or isinstance(embedder, str) else embedder
    judge = reranker if isinstance(reranker, Reranker) else reranker_of(chosen, named=named)
    how = Opening(
        namespace, model, spec_of(chosen) if named else "", judge, readonly=readonly,
        clock=system_clock if clock is None else _whole(clock), create=create,
    )  # fmt: skip
    return opened(path, chosen, how)


def _check_models(embedder: object, reranker: object) -> None:
    fit = isinstance(embedder, Embedder) and isinstance(embedder.fingerprint, Fingerprint)
    if not (embedder is None or isinstance(embedder, str) or fit):
        told = type(embedder).__name__
        raise InvalidSetting(f"embedder is {told}; pass a model's name or an Embedder")
    if not (reranker is None or isinstance(reranker, str | Reranker)):
        told = type(reranker).__name__
        raise InvalidSetting(f"reranker is {told}; pass a model's name or a Reranker")


@dataclass(frozen=True, slots=True)
class Opening:
    """What to open, and with which models."""

    namespace: str
    embedder: Embedder
    spec: str = ""
    """The settings that load the embedder again, as JSON."""
    reranker: Reranker | None = None
    clock: Clock = field(default_factory=lambda: system_clock, kw_only=True)
    readonly: bool = field(default=False, kw_only=True)
    create: bool = field(default=True, kw_only=True)
    joining: bool = field(default=False, kw_only=True)
    """Whether the embedder may stand beside the one that serves: for migrations."""


def opened(home: Path, settings: Settings, how: Opening) -> MemoryManager:
    """Open a namespace with models that are made already.

    Raises:
        ModelMismatch: another model serves it, and this one does not join on purpose.
        StoreError: the home cannot be used; see its subclasses.
    """
    if settings.metric == "cosine" and not how.embedder.fingerprint.normalised:
        how = replace(how, embedder=UnitLength(how.embedder))
    make = partial(
        Journal, home, how.namespace, clock=how.clock, create=how.create,
        synchronous=settings.durability.upper(),
    )  # fmt: skip
    journal = _journal(make, readonly=how.readonly)
    try:
        if not how.joining:
            require_serving(journal, how.embedder.fingerprint, how.spec)
        return _wire(journal, settings, how)
    except BaseException:
        journal.close()
        raise


def _wire(journal: Journal, settings: Settings, how: Opening) -> MemoryManager:
    embedder, reranker = how.embedder, how.reranker
    table = journal.vectors(embedder.fingerprint.digest)
    writable = not journal.database.readonly
    sparse, further = matchers_of(settings, journal)
    derived = Derived(journal, table, settings, writable=writable, sparse=sparse)
    filling = CatchUp(table, embedder, spec=how.spec, joining=how.joining, read=journal.media.read)
    catchup = filling if writable else IdleCatchUp(table, embedder)
    bounds = Bounds(settings.recordings_mb, settings.recordings_days)
    wired = Wired(journal, derived, settings, reranker, further)
    under = Environment.of(settings, embedder.fingerprint, wired.judge, wired.matchers)
    recordings = Recordings(
        journal.home, journal.identity.uid, bounds, under, erased=lambda: journal.last_erasure
    )
    # recordings also when nothing is recorded any more: older ones may be there
    reach = Reach(recordings.redact, derived.erased, recordings.drop)
    if writable:
        resume(journal, replace(reach, rebuild=partial(derived.erased, patience=SHORT)))
        sweep_if_due(journal)

    return MemoryManager(
        Parts(
            journal=journal,
            embedder=embedder,
            catchup=catchup,
            stages=wired.stages(settings),
            wiring=wired,
            tracing=_tracing(journal, settings),
            rate=CueImportance(),
            admission=_admission(settings),
            count=TokenCounter().count,
            erase=Erasing(journal, reach),
            recorder=recordings if _recorded(settings, how, writable=writable) else None,
            clock=journal.clock,
            derived=derived,
            closing=(recordings.close, derived.close),
        )
    )


def _recorded(settings: Settings, how: Opening, *, writable: bool) -> bool:
    return settings.recordings and writable and not how.joining


@dataclass(frozen=True, slots=True)
class Wired:
    """What the stages are made of; makes them again for replay."""

    journal: Journal
    derived: Derived
    settings: Settings
    reranker: Reranker | None
    further: Matchers = field(default_factory=Matchers)

    @property
    def matchers(self) -> dict[str, tuple[str, str]]:
        """Name and revision of the sparse and the late-interaction model, where they are set."""
        return self.further.models

    @property
    def judge(self) -> tuple[str, str] | None:
        """Name and revision of the cross-encoder, None without one."""
        return None if self.reranker is None else (self.reranker.name, self.reranker.revision)

    def stages(self, settings: Settings, instead: Instead = NOTHING) -> list[Stage]:
        """Return the stages of a recall, those that are off left out or doing nothing.

        Raises:
            NotFound: no vectors of that fingerprint are in the journal.
        """
        off = instead.off
        judge = None if "rerank" in off else instead.reranker or self.reranker
        links = LinkReader(self.journal.database, self.journal.identity.ns_id)
        read = (instead.read or self.journal, instead.links or links)
        every = stages_of(
            read, self._retriever(settings, instead), settings, judge, matchers=self.further
        )
        kept = [stage for stage in every if stage.name not in off or stage.name == "rerank"]
        # the last stage cuts to k: without vectors it keeps the order by score
        return [*kept, DiversifyStage(None)] if "diversify" in off else kept

    def rows(self, digest: str) -> ExactRows:
        """Return the vector rows of a fingerprint; none where it has none here."""
        if digest == self.derived.digest:
            return self.derived.rows
        metric = self.settings.metric
        place = Place.of(self.journal.home, self.journal.identity, digest, metric)
        return ExactRows(self.journal.vectors(digest), place, writable=False)

    def embedder(self, name: str) -> Embedder:
        """Return another embedding model, by the name that the setting `embedder` takes."""
        model = embedder_of(config.changed(self.settings, {"embedder": name}))
        plain = self.settings.metric == "cosine" and not model.fingerprint.normalised
        return UnitLength(model) if plain else model

    def reranker_named(self, name: str) -> Reranker:
        """Return another cross-encoder, by the name that the setting `reranker` takes.

        Raises:
            InvalidSetting: the name stands for none.
        """
        if (found := reranker_of(config.changed(self.settings, {"reranker": name}))) is None:
            raise InvalidSetting(f"{name!r} is no cross-encoder; name one, or turn the stage off")
        return found

    @contextmanager
    def elsewhere(self, home: Path, embedder: Embedder, clock: Clock) -> Iterator[Parts]:
        """Lend the parts of an empty memory in another home, which records nothing."""
        plain = {"recordings": False, "index": "exact", "durability": "normal"}
        how = Opening(DEFAULT_NAMESPACE, embedder, clock=clock)
        with opened(home, self.settings.model_copy(update=plain), how) as memory:
            yield memory.parts

    def _retriever(self, settings: Settings, instead: Instead) -> DenseRetriever:
        digest = instead.digest or self.derived.digest
        if instead.rows is not None:
            return DenseRetriever(instead.rows, metric=settings.metric)
        if digest == self.derived.digest:
            return self.derived.retriever
        if not self.journal.vectors(digest).exists:
            raise NotFound(f"no vectors of model {digest} are here; see: memory models list")
        return DenseRetriever(self.rows(digest), metric=settings.metric)


def _tracing(journal: Journal, settings: Settings) -> Tracing | None:
    if settings.tracing == "off":
        return None
    return Tracing(journal.identity.uid.hex(), content=settings.tracing == "content")


def _admission(settings: Settings) -> Admission:
    given = settings.secrets
    return Admission(
        admit=SecretGuard({}, given) if isinstance(given, str) else SecretGuard(given),
        quarantine=frozenset(settings.quarantine),
        many_valued=frozenset(settings.many_valued),
    )


def _journal(make: Callable[..., Journal], *, readonly: bool) -> Journal:
    try:
        return make(readonly=readonly)
    except StoreReadOnly as error:
        if readonly:
            raise
        try:
            return make(readonly=True, create=False)
        except NotFound:
            raise error from None


def _whole(clock: Clock) -> Clock:
    """Return a caller's clock, checked at every look: a wrong time would be in the chain for ever.

    Raises:
        InvalidSetting: it is no function.
    """
    if not callable(clock):
        raise InvalidSetting(f"clock is {type(clock).__name__}; pass a function or None")

    def checked() -> int:
        return limits.check_count(clock(), "clock()", least=LEAST_TIME, most=MOST_TIME)

    return checked


def system_clock() -> int:
    """Return the time in microseconds since 1970 UTC."""
    return time.time_ns() // 1000
