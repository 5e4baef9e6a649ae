"""Chroma as a vector index: embedded in a directory, or on a server. The only user of chromadb.

Only calls that carry explicit vectors are made (`upsert`, `query(query_embeddings=…)`, `get`,
`delete`): the others can build an embedding function that the stored data names, which is code
from data. Ids are the journal's row numbers; no text and no metadata ever goes in. Whatever
Chroma raises, a panic of its Rust half included, becomes `IndexUnavailable`.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from memory_core.answers import Vector
from memory_core.errors import IndexUnavailable, InvalidSetting
from memory_core.index.base import Rows, Scores
from memory_core.metric import Metric, distance_name, from_distance

BATCH = 500
"""Rows a call: Chroma refuses more than 5,461, and queries wait while a batch is built in."""
IDS = 5_000
"""Ids a call when reading them all back."""
COLLECTION = "vectors"
_HNSW = {"ef_construction": 100, "ef_search": 256, "max_neighbors": 16, "sync_threshold": 1000}


class ChromaIndex:
    """One Chroma collection; see `memory_core.index.base.VectorIndex`."""

    def __init__(self, client: Any, collection: Any, metric: Metric) -> None:
        self._client = client
        self._collection = collection
        self._metric: Metric = metric

    @classmethod
    def embedded(cls, directory: Path, metric: Metric) -> "ChromaIndex":
        """Open or make the collection in a directory that nobody else has open.

        Raises:
            IndexUnavailable: Chroma cannot open it.
        """
        with _mapped("open"):
            import chromadb

            try:
                client = chromadb.PersistentClient(path=str(directory), settings=_settings())
                return cls(client, _collection(client, COLLECTION, metric), metric)
            except BaseException:
                _forget_system(directory)
                raise

    @classmethod
    def server(cls, url: str, name: str, metric: Metric) -> "ChromaIndex":
        """Open or make a collection on a Chroma server.

        Raises:
            InvalidSetting: the address has no host.
            IndexUnavailable: the server cannot be reached or refuses.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidSetting(f"chroma_url={url!r} is no address; pass http://HOST:PORT")
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 8000)
        with _mapped("reach the server"):
            import chromadb

            client = chromadb.HttpClient(
                host=parts.hostname, port=port, ssl=secure, settings=_settings()
            )
            return cls(client, _collection(client, name, metric), metric)

    @property
    def name(self) -> str:
        """The path's name in notes and recordings."""
        return "chroma"

    def add(self, rows: Rows, vectors: NDArray[np.float32]) -> None:
        """Add vectors `(n, d)` under row numbers `(n,)`; known rows are replaced.

        Raises:
            IndexUnavailable: Chroma failed; some of them may be in.
        """
        collection = self._open()
        for start in range(0, len(rows), BATCH):
            some = slice(start, start + BATCH)
            with _mapped("add"):
                collection.upsert(ids=_ids(rows[some]), embeddings=np.asarray(vectors[some]))

    def delete(self, rows: Rows) -> None:
        """Remove rows; unknown ones are ignored. What was removed may stay in Chroma's files.

        Raises:
            IndexUnavailable: Chroma failed.
        """
        collection = self._open()
        for start in range(0, len(rows), BATCH):
            with _mapped("delete"):
                collection.delete(ids=_ids(rows[start : start + BATCH]))

    def query(self, vector: Vector, count: int) -> tuple[Rows, Scores]:
        """Return up to `count` nearest rows and their similarities, best first.

        Raises:
            IndexUnavailable: Chroma failed, or its answer makes no sense.
        """
        collection = self._open()
        with _mapped("query"):
            found = collection.query(
                query_embeddings=[np.asarray(vector, dtype=np.float32)],
                n_results=count,
                include=["distances"],
            )
            rows = np.array([int(row) for row in found["ids"][0]], dtype=np.int64)
            distances = np.array(found["distances"][0], dtype=np.float64)
            if len(rows) != len(distances) or not np.isfinite(distances).all():
                raise ValueError("distances are not numbers")
        return rows, from_distance(distances, self._metric)

    def rows(self) -> Rows:
        """Return all row numbers held, ascending.

        Raises:
            IndexUnavailable: Chroma failed.
        """
        collection = self._open()
        held: list[int] = []
        with _mapped("list"):
            while some := collection.get(include=[], limit=IDS, offset=len(held))["ids"]:
                held += [int(row) for row in some]
        return np.unique(np.array(held, dtype=np.int64))

    def close(self) -> None:
        """Close Chroma's files; idempotent.

        Raises:
            IndexUnavailable: Chroma failed to close them.
        """
        client, self._client, self._collection = self._client, None, None
        if client is not None:
            with _mapped("close"):
                sessions = _sessions(client)
                client.close()
                for session in sessions:
                    session.close()

    def _open(self) -> Any:
        if self._collection is None:
            raise IndexUnavailable("the Chroma index is closed")
        return self._collection


def chroma_version() -> str:
    """Return the installed chromadb's version, without importing it."""
    return version("chromadb")


def _collection(client: Any, name: str, metric: Metric) -> Any:
    return client.get_or_create_collection(
        name,
        configuration={"hnsw": {"space": distance_name(metric), **_HNSW}},
        embedding_function=None,
    )


def _settings() -> Any:
    from chromadb.config import Settings

    # `_env_file`: Chroma would read any `.env` of the working directory.
    return Settings(_env_file=None, anonymized_telemetry=False, allow_reset=False)


def _forget_system(directory: Path) -> None:
    """Take a half-open directory out of Chroma's process-wide cache, or it is handed out again."""
    from chromadb.api.shared_system_client import SharedSystemClient

    system = SharedSystemClient._identifier_to_system.pop(str(directory), None)
    SharedSystemClient._identifier_to_refcount.pop(str(directory), None)
    if system is not None:
        with suppress(Exception):  # it may never have started
            system.stop()


def _sessions(client: Any) -> list[Any]:
    """Return the client's HTTP sessions, which chromadb 1.5.9 never closes itself."""
    owners = (client, getattr(client, "_admin_client", None))
    found = (getattr(getattr(owner, "_server", None), "_session", None) for owner in owners)
    return [session for session in found if session is not None]


def _ids(rows: Rows) -> list[str]:
    return [str(row) for row in rows.tolist()]


@contextmanager
def _mapped(verb: str) -> Iterator[None]:
    try:
        yield
    except (KeyboardInterrupt, SystemExit, IndexUnavailable):
        raise
    except BaseException as error:  # a Rust panic is no Exception
        told = f"Chroma cannot {verb}: {type(error).__name__}: {error}"
        raise IndexUnavailable(told[:300]) from error
