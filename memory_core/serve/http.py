"""`memory serve`: the operations over HTTP, the live journal, health, MCP and the page.

    POST /v1/<operation>?namespace=…   one JSON body in, one out, see `memory_core.serve.api`
    GET  /v1/live?namespace=…&after=…  journal entries as they are written, server-sent events
    GET  /v1/namespaces                those that the key may read
    GET  /health                       a memory stored, recalled and erased just now
    GET  /openapi.json, /, /page/…     the description, and the page
    *    /mcp                          the MCP server of the default namespace

The event loop only moves bytes: parsing, models and files are the work of a few threads. What a
client that left had asked for is finished, so nothing is half stored.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from memory_core import errors
from memory_core.errors import MemoryCoreError, OutcomeUnknown
from memory_core.journal.namespaces import namespaces_of
from memory_core.limits import DEFAULT_NAMESPACE
from memory_core.serve import page
from memory_core.serve.api import OPERATIONS, Right
from memory_core.serve.guard import Bounds, Guard, Names, Refusal, namespace_of
from memory_core.serve.health import NAMESPACE, Canary
from memory_core.serve.keys import Grant, Keys
from memory_core.serve.live import Live
from memory_core.serve.openapi import description
from memory_core.serve.stores import Stores

if TYPE_CHECKING:  # not every server has it
    from mcp.server import MCPServer

logger = logging.getLogger(__name__)

T = TypeVar("T")
Toolset = Callable[[Stores, str], "MCPServer[object]"]
"""Makes the MCP server of a namespace."""
JSON = "application/json"
STATUS: tuple[tuple[type[MemoryCoreError], int], ...] = (
    (errors.NotFound, 404), (errors.KeyReused, 409), (errors.InvalidInput, 422),
    (errors.StoreReadOnly, 409), (errors.MissingExtra, 501), (MemoryCoreError, 503),
)  # fmt: skip
"""Which status an error has: the first class that fits."""


class Service:
    """The routes, and the threads that do their work."""

    def __init__(
        self, stores: Stores, *, default: str = DEFAULT_NAMESPACE, bounds: Bounds | None = None
    ) -> None:
        self.stores = stores
        self.default = default
        self.bounds = bounds or Bounds()
        self._pool = ThreadPoolExecutor(self.bounds.workers, thread_name_prefix="serve")
        self._canary = Canary(
            stores, every=self.bounds.health_seconds, rest=self.bounds.health_rest
        )
        self._busy = 0
        self._streams = 0
        self._stopping = False

    async def operate(self, request: Request) -> Response:
        """Answer `POST /v1/<operation>`."""
        name = request.path_params["operation"]
        if name in ("live", "namespaces"):
            raise Refusal(405, "NotFound", f"ask for {name} with GET", {"allow": "GET, HEAD"})
        operation = OPERATIONS.get(name)
        if operation is None:
            raise Refusal(404, "NotFound", f"no such operation; there are {', '.join(OPERATIONS)}")
        namespace, body = self._namespace(request), await request.body()

        def act() -> bytes:
            with self.stores.lease(namespace, create=operation.creates) as memory:
                return operation.answer(memory, body)

        return Response(await self._work(act), media_type=JSON)

    async def namespaces(self, request: Request) -> Response:
        """Answer `GET /v1/namespaces`."""
        grant: Grant = request.scope["grant"]
        found = await self._work(lambda: namespaces_of(self.stores.home))
        seen = [n for n in found if n != NAMESPACE and grant.allows(Right.READ, n)]
        return JSONResponse({"default": self.default, "namespaces": seen})

    async def live(self, request: Request) -> Response:
        """Answer `GET /v1/live`."""
        if self._streams >= self.bounds.streams:
            raise Refusal(429, "TooMany", "too many live journals are open; close one")
        after = request.headers.get("last-event-id") or request.query_params.get("after")
        if after is not None and not (after.isascii() and after.isdigit() and len(after) < 13):
            raise Refusal(422, "InvalidInput", "after is the number of a journal entry; pass one")
        live = Live(self.stores, self._namespace(request), None if after is None else int(after))
        await self._work(live.begin)
        if self._stopping:
            raise Refusal(503, "StoreClosed", "the server is stopping; ask again soon")

        async def stream() -> AsyncIterator[bytes]:
            self._streams += 1
            try:
                async for part in live.parts(self._work, until=lambda: self._stopping):
                    yield part
            finally:
                self._streams -= 1

        return StreamingResponse(stream(), media_type="text/event-stream")

    async def health(self, request: Request) -> Response:
        """Answer `GET /health`: 200 when the memory works, 503 when it does not."""
        found = await self._canary.check()
        return JSONResponse(found.model_dump(mode="json"), 200 if found.status == "ok" else 503)

    def stop(self) -> None:
        """End the live journals: a server that stops waits for what is being answered."""
        self._stopping = True

    def close(self) -> None:
        """Finish what was begun, then close the memories."""
        self._pool.shutdown(wait=True)
        self._canary.close()
        self.stores.close()

    def _namespace(self, request: Request) -> str:
        return namespace_of(request.scope) or self.default

    async def _work(self, act: Callable[[], T]) -> T:
        """Run something in a worker thread; it ends even if nobody waits for it any more."""
        if self._busy >= self.bounds.waiting + self.bounds.workers:
            raise Refusal(429, "TooMany", "too much to do; try again soon", {"retry-after": "1"})
        self._busy += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, act)
        future.add_done_callback(self._done)
        return await asyncio.shield(future)

    def _done(self, future: "asyncio.Future[T]") -> None:
        self._busy -= 1
        if not future.cancelled():
            future.exception()  # told to whoever waits; a client that left does not


def application(
    service: Service, *, names: Names, keys: Keys | None, mcp: Toolset | None = None
) -> ASGIApp:
    """Return the whole server as an ASGI application.

    Args:
        service: the memories and bounds.
        names: under which it may be addressed.
        keys: who may ask; None lets everybody who reaches it.
        mcp: what `/mcp` serves; nothing when None.
    """
    routes: list[BaseRoute] = [
        Route("/v1/live", service.live, methods=["GET"]),
        Route("/v1/namespaces", service.namespaces, methods=["GET"]),
        Route("/v1/{operation}", service.operate, methods=["POST"]),
        Route("/health", service.health, methods=["GET"]),
        Route("/openapi.json", _openapi(keyed=keys is not None), methods=["GET"]),
        Route("/", _page, methods=["GET"]),
        Route("/page/{name}", _page, methods=["GET"]),
    ]
    host = None if mcp is None else _McpHost(service, mcp)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        if host is None:
            yield
        else:
            async with host.run():
                yield
        await asyncio.to_thread(service.close)

    app = Starlette(
        routes=[*routes, *(host.routes if host else ())],
        lifespan=lifespan,
        exception_handlers={
            Refusal: _refused, MemoryCoreError: _failed, HTTPException: _unknown,
            Exception: _crashed,
        },
    )  # fmt: skip
    return Guard(app, names=names, keys=keys, bounds=service.bounds, default=service.default)


class _McpHost:
    """The MCP server of the default namespace, inside this one; the guard stands before both."""

    def __init__(self, service: Service, toolset: Toolset) -> None:
        from mcp.server.transport_security import TransportSecuritySettings

        self._server = toolset(service.stores, service.default)
        inner = self._server.streamable_http_app(
            max_request_body_size=service.bounds.body,
            transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )
        self.routes = list(inner.routes)

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Keep its sessions."""
        async with self._server.session_manager.run():
            yield


def _openapi(*, keyed: bool) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return JSONResponse(description(keyed=keyed))

    return answer


async def _page(request: Request) -> Response:
    found = page.FILES.get(request.path_params.get("name", page.INDEX))
    if found is None:
        raise Refusal(404, "NotFound", "the page has no such file; open / instead")
    return Response(found.body, media_type=found.type)


async def _refused(request: Request, refusal: Exception) -> Response:
    if not isinstance(refusal, Refusal):
        raise refusal
    told = {"error": refusal.error, "message": refusal.message}
    return JSONResponse(told, refusal.status, headers=dict(refusal.headers))


async def _failed(request: Request, error: Exception) -> Response:
    status = next((code for kind, code in STATUS if isinstance(error, kind)), 500)
    told: dict[str, object] = {"error": type(error).__name__, "message": str(error)}
    if isinstance(error, OutcomeUnknown):
        told["keys"] = list(error.keys)
    return JSONResponse(told, status, headers={"retry-after": "1"} if status == 503 else None)


async def _unknown(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    message = {404: "there is nothing here; see /openapi.json", 405: "not with this method"}
    told = {"error": "NotFound", "message": message.get(status, "not possible")}
    headers = error.headers if isinstance(error, HTTPException) else None
    return JSONResponse(told, status, headers=dict(headers or {}))


async def _crashed(request: Request, error: Exception) -> Response:
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    told = "a fault of this server, told in its log; nothing else is known"
    return JSONResponse({"error": "InternalError", "message": told}, 500)
