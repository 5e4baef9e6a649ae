"""The switch, back and forth, and what models a namespace has; needs no model in memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from memory_core.build import system_clock
from memory_core.errors import ModelMismatch, NotFound
from memory_core.index.place import Place
from memory_core.index.sweep import remove_copies
from memory_core.journal.events import Event, Migrated
from memory_core.journal.home import home_of
from memory_core.journal.journal import Journal, Pending
from memory_core.journal.serving import (
    KnownModel,
    drop_model,
    find_model,
    known_models,
    read_serving,
)
from memory_core.metric import Metric


class Behind(Exception):
    """The model that is to serve has texts left to embed."""

    def __init__(self, pending: int) -> None:
        super().__init__(f"{pending} texts are not embedded yet")
        self.pending = pending


@dataclass(frozen=True, slots=True)
class Standing:
    """A model that a namespace has vectors of, and how far it is."""

    model: KnownModel
    serves: bool
    previous: bool
    """Whether a rollback goes to it."""
    pending: int
    """Texts that it has no vectors of."""


@dataclass(frozen=True, slots=True)
class Switched:
    """One model served, now another one does."""

    before: KnownModel
    after: KnownModel
    seq: int
    """The journal entry that says so."""
    pending: int
    """Texts that the serving model has yet to embed; until then their words find them."""


def standings(home: str | Path, namespace: str) -> tuple[Standing, ...]:
    """Return the models that a namespace has vectors of, the oldest first.

    Raises:
        NotFound, StoreError: there is no such namespace, or the home cannot be read.
    """
    with _journal(home, namespace, readonly=True) as journal:
        serving = journal.serving
        with journal.database.read() as connection:
            known = known_models(connection, journal.identity.ns_id)
        return tuple(
            Standing(
                model,
                serving is not None and serving.digest == model.digest,
                serving is not None and serving.previous == model.digest,
                journal.vectors(model.digest).pending_count(),
            )
            for model in known
        )


def switch(journal: Journal, before: str, after: str, *, behind: int | None = 0) -> Switched:
    """Let another model serve, in one transaction with the look at what it has left to embed.

    Args:
        journal: of the namespace.
        before: the digest that must serve now.
        after: the digest that serves from then on.
        behind: how many texts it may have left; None for any number.

    Raises:
        Behind: it has more.
        ModelMismatch: another model serves by now.
    """
    table, ns_id = journal.vectors(after), journal.identity.ns_id
    told: list[tuple[KnownModel, KnownModel, int]] = []

    def decide(state: Pending, at: int) -> list[Event]:
        serving = read_serving(state.connection, ns_id)
        if serving is None or serving.digest != before:
            now = "none" if serving is None else serving.digest
            raise ModelMismatch(f"model {now} serves, not {before}: look again, memory migrate")
        pending = len(table.pending_within(state.connection, -1))
        if behind is not None and pending > behind:
            raise Behind(pending)
        old, new = (find_model(state.connection, ns_id, name) for name in (before, after))
        told[:] = [(old, new, pending)]
        return [Migrated(before, after)]

    entry = journal.commit(decide)[0]
    old, new, pending = told[0]
    return Switched(old, new, entry.seq, pending)


def rollback(home: str | Path, namespace: str) -> Switched:
    """Let the model serve again that did before the last switch; a second time goes forward.

    Raises:
        NotFound: there was no switch, or the vectors of the model before it were dropped.
    """
    with _journal(home, namespace) as journal:
        serving = journal.serving
        if serving is None or serving.previous is None:
            raise NotFound(f"namespace {namespace!r} was never migrated; nothing to go back to")
        if not journal.vectors(serving.previous).exists:
            raise NotFound(
                f"the vectors of {serving.previous} were dropped; run: memory migrate --to MODEL"
            )
        return switch(journal, serving.digest, serving.previous, behind=None)


def drop(home: str | Path, namespace: str, model: str) -> tuple[KnownModel, int]:
    """Remove all vectors of a model that does not serve; return it, and how many they were.

    The file keeps its size and uses the room for what comes next.

    Args:
        home: directory of the store.
        namespace: whose vectors.
        model: its digest, the start of it, or its name.

    Raises:
        NotFound: none or several fit.
        InvalidInput: it serves.
        StoreBusy: a process has its copies open; nothing was removed from the journal.
    """
    with _journal(home, namespace) as journal:
        with journal.database.read() as connection:
            digest = find_model(connection, journal.identity.ns_id, model).digest
        serving = journal.serving
        unused = serving is None or serving.digest != digest
        for metric in get_args(Metric) if unused else ():
            remove_copies(Place.of(journal.home, journal.identity, digest, metric))
        with journal.database.write() as connection:
            found = find_model(connection, journal.identity.ns_id, digest)
            removed = drop_model(connection, journal.identity, found.digest)
    return found, removed


@contextmanager
def _journal(home: str | Path, namespace: str, *, readonly: bool = False) -> Iterator[Journal]:
    journal = Journal(home_of(home), namespace, clock=system_clock, readonly=readonly, create=False)
    try:
        yield journal
    finally:
        journal.close()
