"""A real server on a free port, in a thread of the test."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from memory_core.serve.guard import Bounds
from memory_core.serve.mcp import memory_server
from memory_core.serve.running import Place, Serving
from memory_core.serve.stores import Stores


@dataclass
class Served:
    stores: Stores
    url: str
    key: str | None
    client: httpx.Client = field(init=False)
    plain: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        headers = {"authorization": f"Bearer {self.key}"} if self.key else {}
        self.client = httpx.Client(base_url=self.url, headers=headers, timeout=30, verify=False)
        self.plain = httpx.Client(timeout=30, verify=False)

    def ask(self, operation: str, code: int = 200, **body: Any) -> Any:
        answer = self.client.post(f"/v1/{operation}", json=body)
        assert answer.status_code == code, answer.text
        return answer.json()


@contextmanager
def serving(
    home: Path, place: Place | None = None, *, bounds: Bounds | None = None, mcp: bool = False
) -> Iterator[Served]:
    stores = Stores(home, {"embedder": "hash"})
    server = Serving(
        stores,
        place or Place(port=0, namespace="ana"),
        bounds=bounds,
        mcp=memory_server if mcp else None,
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    served = Served(stores, server.ready.url, server.ready.key)
    until = time.monotonic() + 30
    while True:
        try:
            served.plain.get(f"{served.url}/openapi.json")
            break
        except httpx.TransportError:
            assert time.monotonic() < until
            time.sleep(0.02)
    try:
        yield served
    finally:
        served.client.close()
        served.plain.close()
        server.stop()
        thread.join(timeout=20)
        assert not thread.is_alive()
