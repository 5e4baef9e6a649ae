"""A real HTTP server that speaks the embeddings protocol, with answers a test can script."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from memory_core.embed.hashing import HashEmbedder

MODEL_DIMENSION = 32


@dataclass
class Server:
    """What the server was asked, and what it will answer before answering properly."""

    address: str = ""
    script: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    requests: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)


@contextmanager
def serve() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.requests.append(({k.lower(): v for k, v in self.headers.items()}, body))
            if state.script:
                self._answer(*state.script.pop(0))
            elif self.path != "/v1/embeddings":
                self._answer(404, {}, b"no such path")
            else:
                self._answer(200, {}, json.dumps(proper(body)).encode())

        def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.address = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def proper(body: dict[str, Any]) -> dict[str, Any]:
    """Answer with vectors of length 2, last text first: clients must order by index."""
    dimension = body.get("dimensions", MODEL_DIMENSION)
    vectors = 2 * HashEmbedder(dimension).encode_documents(body["input"])
    rows = [{"index": i, "embedding": row.tolist()} for i, row in enumerate(vectors)]
    return {"object": "list", "model": body["model"], "data": rows[::-1]}
