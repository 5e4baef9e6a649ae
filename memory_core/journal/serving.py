"""Which embedding model serves a namespace: the first it got vectors of, until an entry says so.

    first vectors -> serves -> [another one joins, fills] -> Migrated -> serves
                                                             Migrated -> the first serves again

Vectors of several models lie side by side, each a projection of the same journal; what serves is
one row, changed in the transaction of the `Migrated` entry, so every process sees one or the
other. A dropped model leaves its number behind: rows of another model never take its place.
"""

import json
from dataclasses import dataclass
from typing import Any

import apsw

from memory_core.errors import InvalidInput, ModelMismatch, NotFound
from memory_core.journal.database import Database
from memory_core.journal.entries import Namespace, open_namespace
from memory_core.journal.sql import one, rows

_DROPPED = "dropped "
"""Begins the digest of a model whose vectors were removed."""


@dataclass(frozen=True, slots=True)
class Serving:
    """The model whose vectors answer."""

    digest: str
    previous: str | None
    """The digest of the one before it, to which a rollback goes."""
    seq: int
    """The entry that made it serve; 0 for the first."""


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model that the namespace has vectors of."""

    digest: str
    details: dict[str, Any]
    """The fields of its fingerprint."""
    spec: dict[str, Any]
    """The settings that load it again; empty where it was given as an object."""
    rows: int
    """Vectors ever written, erased ones included."""

    @property
    def name(self) -> str:
        """Name it for people: `all-MiniLM-L6-v2 (384, mean) 1a2b3c4d…`."""
        known = self.details
        return f"{known['model']} ({known['dimension']}, {known['pooling']}) {self.digest}"


def read_serving(connection: apsw.Connection, ns_id: int) -> Serving | None:
    """Return which model serves; None while the namespace has no vectors."""
    row = one(connection, "SELECT digest, previous, seq FROM serving WHERE ns_id = ?", (ns_id,))
    return Serving(*row) if row else None


def known_models(connection: apsw.Connection, ns_id: int) -> list[KnownModel]:
    """Return the models that the namespace has vectors of, the oldest first."""
    found = rows(
        connection,
        "SELECT digest, details, spec, next_row FROM fingerprints"
        " WHERE ns_id = ? AND digest NOT LIKE ? ORDER BY fp_id",
        (ns_id, f"{_DROPPED}%"),
    )
    return [
        KnownModel(digest, json.loads(details), json.loads(spec or "{}"), count)
        for digest, details, spec, count in found
    ]


def serving_model(connection: apsw.Connection, ns_id: int) -> KnownModel | None:
    """Return the model that serves, with what is known of it."""
    serving = read_serving(connection, ns_id)
    known = known_models(connection, ns_id) if serving else []
    return next((model for model in known if serving and model.digest == serving.digest), None)


def spec_in(database: Database, namespace: str) -> dict[str, Any]:
    """Return the settings that load the serving model; empty where there are none."""
    with database.read() as connection:
        found = open_namespace(connection, namespace)
        model = None if found is None else serving_model(connection, found.ns_id)
    return {} if model is None else model.spec


def serve_first(connection: apsw.Connection, ns_id: int, digest: str, *, joining: bool) -> None:
    """Let a model serve if none does yet.

    Raises:
        ModelMismatch: another one does, and this one does not join on purpose.
    """
    serving = read_serving(connection, ns_id)
    if serving is None:
        connection.execute("INSERT INTO serving(ns_id, digest) VALUES (?, ?)", (ns_id, digest))
    elif serving.digest != digest and not joining:
        raise ModelMismatch(
            f"model {serving.digest} serves this namespace, not {digest}; open it with that one, "
            "or run: memory migrate --to MODEL"
        )


def require_kept(connection: apsw.Connection, ns_id: int, fp_id: int, digest: str) -> None:
    """Refuse to write vectors of a model that was dropped meanwhile.

    Raises:
        ModelMismatch: it was.
    """
    row = one(
        connection,
        "SELECT 1 FROM fingerprints WHERE ns_id = ? AND fp_id = ? AND digest = ?",
        (ns_id, fp_id, digest),
    )
    if row is None:
        raise ModelMismatch(f"the vectors of model {digest} were dropped; open the memory again")


def find_model(connection: apsw.Connection, ns_id: int, named: str) -> KnownModel:
    """Return the model of that digest, start of a digest, or name.

    Raises:
        NotFound: none or several fit.
    """
    known = known_models(connection, ns_id)
    fits = [m for m in known if m.digest.startswith(named)]
    fits = fits or [m for m in known if named in (m.details["model"], m.spec.get("embedder"))]
    if len(fits) != 1:
        there = ", ".join(model.name for model in known) or "none"
        count = "no model" if not fits else f"{len(fits)} models"
        raise NotFound(f"{count} {named!r} with vectors here; there are: {there}")
    return fits[0]


def drop_model(connection: apsw.Connection, namespace: Namespace, digest: str) -> int:
    """Remove all vectors of a model inside the caller's transaction; return how many.

    Raises:
        InvalidInput: it serves.
    """
    ns_id = namespace.ns_id
    serving = read_serving(connection, ns_id)
    if serving is not None and serving.digest == digest:
        raise InvalidInput(f"model {digest} serves this namespace; migrate to another one first")
    row = one(
        connection,
        "SELECT fp_id FROM fingerprints WHERE ns_id = ? AND digest = ?",
        (ns_id, digest),
    )
    if row is None:
        return 0
    first = (ns_id << 40) | (int(row[0]) << 34)
    connection.execute("DELETE FROM vectors WHERE id >= ? AND id < ?", (first, first + (1 << 34)))
    removed = connection.changes()
    for table in ("vector_docs", "vector_texts"):
        connection.execute(
            f"DELETE FROM {table} WHERE ns_id = ? AND fp_id = ?", (ns_id, int(row[0]))
        )
    connection.execute(
        "DELETE FROM positions WHERE ns_id = ? AND name = ?", (ns_id, f"vectors:{digest}")
    )
    connection.execute(
        "UPDATE fingerprints SET digest = ?, details = '{}', spec = '', canary = x'', next_row = 0"
        " WHERE ns_id = ? AND fp_id = ?",
        (f"{_DROPPED}{row[0]}", ns_id, int(row[0])),
    )
    return removed
