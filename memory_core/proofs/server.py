"""A real server for the rows that attack one, and a plain client: status and JSON."""

import http.client
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the rows can be listed where the extra `server` is not installed
    from memory_core.serve.guard import Bounds
    from memory_core.serve.running import Place
    from memory_core.serve.stores import Stores

EMBEDDER = "hash:64"
JSON = {"content-type": "application/json"}
REFUSALS = 5
"""Answers that may be lost before one is an error."""


@dataclass(frozen=True, slots=True)
class Server:
    """One that is running."""

    stores: "Stores"
    host: str
    port: int
    key: str | None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{self.host}:{self.port}"

    def ask(
        self, method: str, path: str, body: bytes | str | None = None, **headers: str
    ) -> tuple[int, Any]:
        """Return status and JSON of an answer; header names have _ for -.

        The answer is None where the body is no JSON. A server that refuses a body before it is
        sent closes the connection, which can lose its answer on the way: it is asked again then.
        """
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        for _ in range(REFUSALS):
            with suppress(BrokenPipeError, ConnectionResetError):
                return self._asked(method, path, body, given)
        return self._asked(method, path, body, given)

    def _asked(
        self, method: str, path: str, body: bytes | str | None, headers: Mapping[str, str]
    ) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return answer.status, _json(answer.read())
        finally:
            connection.close()

    def post(self, operation: str, body: object, **headers: str) -> tuple[int, Any]:
        """Ask for an operation with the server's own key."""
        own = {"authorization": f"Bearer {self.key}"} if self.key else {}
        sent = body if isinstance(body, bytes) else json.dumps(body)
        return self.ask("POST", f"/v1/{operation}", sent, **{**JSON, **own, **headers})


@contextmanager
def serving(
    home: Path, place: "Place | None" = None, *, bounds: "Bounds | None" = None,
    settings: Mapping[str, Any] | None = None,
) -> Iterator[Server]:  # fmt: skip
    """Lend a server of a home, on a free port of this machine.

    Raises:
        MissingExtra: the extra `server` is not installed.
    """
    from memory_core.serve.running import Place, Serving
    from memory_core.serve.stores import Stores

    stores = Stores(home, {"embedder": EMBEDDER, **(settings or {})})
    running = Serving(stores, place or Place(port=0, namespace="ana", open=True), bounds=bounds)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    port = int(running.ready.url.rpartition(":")[2])
    try:
        yield Server(stores, "127.0.0.1", port, running.ready.key)
    finally:
        running.stop()
        thread.join(timeout=30)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
