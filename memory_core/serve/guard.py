"""What stands before every request: addresses, keys, rates and sizes, in this order.

    Host and Origin  ->  bearer key and its rights  ->  rate  ->  body, bounded in size and time

Nothing of a body is read before its sender may send it, and nothing is parsed here. A page of
another site cannot reach a server on this machine: `Host` must be one of the server's own names
with its port (DNS rebinding), `Origin` one of its own pages, and a body must call itself JSON.
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memory_core.serve.api import OPERATIONS, Right
from memory_core.serve.keys import EVERYTHING, Grant, Keys

BEARER = "bearer "
OPEN_PATHS = frozenset({"/", "/health", "/openapi.json", "/favicon.ico"})
PAGE = "/page/"
API = "/v1/"
HEADERS: Mapping[str, str] = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
"""Sent with every answer."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much one server takes on."""

    body: int = 4 << 20
    """Bytes of a request's body."""
    body_seconds: float = 10.0
    """How long a body may take to arrive."""
    rate: float = 50.0
    """Requests a second, by key, over time."""
    burst: float = 200.0
    """Requests at once, by key."""
    bytes_per_day: int = 1 << 30
    """Bytes of bodies, by key."""
    workers: int = 4
    """Threads that run operations."""
    waiting: int = 64
    """Operations that wait for a thread; more are told to come back."""
    streams: int = 16
    """Live journals at once."""
    health_seconds: float = 5.0
    """How long an answer of `/health` is told again before the memory is tried anew."""
    health_rest: float = 20.0
    """Seconds in which `/health` recalls only, for each second of a whole way that took long."""


@dataclass(frozen=True, slots=True)
class Names:
    """Under which names the server may be addressed, `host:port` each."""

    hosts: frozenset[str]
    origins: frozenset[str]

    @classmethod
    def of(cls, host: str, port: int, more: Iterable[str] = ()) -> "Names":
        """Return the names of a server bound to a host and port.

        Args:
            host: bound to; the loopback names are added for it.
            port: bound to.
            more: further `name` or `name:port`, for a proxy; these may also be https.
        """
        loopback = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}
        own = loopback | {f"{f'[{host}]' if ':' in host else host}:{port}".lower()}
        if port == 80:
            own |= {name.removesuffix(":80") for name in own}
        others = {name.lower() for name in more}
        return cls(
            frozenset(own | others),
            frozenset(
                {f"http://{name}" for name in own | others} | {f"https://{name}" for name in others}
            ),
        )


@dataclass(slots=True)
class _Spent:
    """What one key has used."""

    tokens: float
    at: float
    day: int = 0
    bytes: int = 0


class Refusal(Exception):
    """An answer instead of the one that was asked for."""

    def __init__(
        self, status: int, error: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.message = message
        self.headers = headers or {}


class Guard:
    """The ASGI middleware; `scope["grant"]` tells the application who asks."""

    def __init__(
        self, app: ASGIApp, *, names: Names, keys: Keys | None, bounds: Bounds,
        default: str, clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._app = app
        self._names = names
        self._keys = keys
        self._bounds = bounds
        self._default = default
        self._clock = clock
        self._spent: dict[str, _Spent] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message.get("headers", ())}
                message["headers"] = [
                    *message.get("headers", ()),
                    *(
                        (n.encode(), v.encode())
                        for n, v in HEADERS.items()
                        if n.encode() not in given
                    ),
                ]
            await send(message)

        try:
            if scope["type"] != "http":
                raise Refusal(404, "NotFound", "there is nothing but HTTP here")
            receive = await self._passed(scope, receive)
        except Refusal as refusal:
            await refuse(refusal, sent)
            return
        await self._app(scope, receive, sent)

    async def _passed(self, scope: Scope, receive: Receive) -> Receive:
        headers = _single(scope)
        self._addressed(headers)
        grant = self._granted(scope, headers)
        scope["grant"] = grant
        self._paced(grant)
        if scope["method"] != "POST" or _only_told(scope["path"]):
            return receive  # whatever body it has is not read
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Refusal(415, "InvalidInput", "send JSON: content-type: application/json")
        return await self._received(grant, headers, receive)

    def _addressed(self, headers: Mapping[str, str]) -> None:
        if headers.get("host", "").lower() not in self._names.hosts:
            raise Refusal(421, "WrongHost", "this server does not go by that name; use its own")
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in self._names.origins:
            raise Refusal(403, "WrongOrigin", "pages of other sites may not ask this server")

    def _granted(self, scope: Scope, headers: Mapping[str, str]) -> Grant:
        path = scope["path"]
        if path in OPEN_PATHS or path.startswith(PAGE):
            return Grant("", frozenset(), frozenset())
        if self._keys is None:
            return EVERYTHING
        given = headers.get("authorization", "")
        secret = given[len(BEARER) :].strip() if given.lower().startswith(BEARER) else ""
        grant = self._keys.grant_of(secret) if secret else None
        if grant is None:
            told = "this needs a key: authorization: Bearer KEY; see: memory serve keys add"
            raise Refusal(401, "Unauthorized", told, {"www-authenticate": "Bearer"})
        namespace = namespace_of(scope) or self._default
        for right in needed(path):
            if not grant.allows(right, namespace):
                told = f"this key may not {right} in that namespace; ask for another"
                raise Refusal(403, "Forbidden", told)
        return grant

    def _paced(self, grant: Grant) -> None:
        now = self._clock()
        spent = self._spent.setdefault(grant.name, _Spent(self._bounds.burst, now))
        spent.tokens += (now - spent.at) * self._bounds.rate
        spent.tokens, spent.at = min(spent.tokens, self._bounds.burst), now
        if spent.tokens < 1:
            wait = max(1, round((1 - spent.tokens) / self._bounds.rate))
            told = f"more than {self._bounds.rate:g} requests a second; slow down"
            raise Refusal(429, "TooMany", told, {"retry-after": str(wait)})
        spent.tokens -= 1

    async def _received(
        self, grant: Grant, headers: Mapping[str, str], receive: Receive
    ) -> Receive:
        limit = self._bounds.body
        declared = headers.get("content-length", "0")
        if not declared.isascii() or not declared.isdigit():
            raise Refusal(400, "InvalidInput", "content-length is no number; send the right one")
        if int(declared[:20]) > limit:
            raise _too_large(limit)
        try:
            async with asyncio.timeout(self._bounds.body_seconds):
                body = await _whole(receive, limit)
        except TimeoutError:
            told = f"the body took over {self._bounds.body_seconds:g} s; send it faster"
            raise Refusal(408, "TooSlow", told, {"connection": "close"}) from None
        self._weighed(grant, len(body))
        waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return waiting.pop() if waiting else await receive()

        return replay

    def _weighed(self, grant: Grant, size: int) -> None:
        spent, day = self._spent[grant.name], int(self._clock() // 86_400)
        spent.bytes = size + (spent.bytes if spent.day == day else 0)
        spent.day = day
        if spent.bytes > self._bounds.bytes_per_day:
            told = f"over {self._bounds.bytes_per_day:,} bytes today; go on tomorrow"
            raise Refusal(429, "TooMany", told, {"retry-after": "3600"})


def needed(path: str) -> tuple[Right, ...]:
    """Return the rights that a path needs; everything that is not known needs all."""
    name = path.removeprefix(API) if path.startswith(API) else ""
    if name in OPERATIONS:
        return (OPERATIONS[name].needs,)
    if name == "live":
        return (Right.READ,)
    if name == "namespaces":
        return ()
    return (Right.READ, Right.WRITE) if path.rstrip("/") == "/mcp" else (Right.ADMIN,)


def _only_told(path: str) -> bool:
    """Tell whether nothing can be sent to a path."""
    return path in (*OPEN_PATHS, "/v1/live", "/v1/namespaces") or path.startswith(PAGE)


def namespace_of(scope: Scope) -> str:
    """Return the namespace that a request names, blank for the server's own."""
    text: str = scope["query_string"].decode("latin-1")
    given = parse_qs(text, keep_blank_values=True).get("namespace", [""])
    if len(given) > 1:
        raise Refusal(400, "InvalidInput", "namespace is given twice; name one")
    return given[0]


async def refuse(refusal: Refusal, send: Send) -> None:
    """Send a refusal as JSON."""
    body = json.dumps({"error": refusal.error, "message": refusal.message}).encode()
    headers = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        **refusal.headers,
    }
    await send(
        {
            "type": "http.response.start",
            "status": refusal.status,
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": body})


def _single(scope: Scope) -> Mapping[str, str]:
    """Return the headers by name; those that decide may stand once only."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        if key in found and key in ("host", "origin", "authorization", "content-type"):
            raise Refusal(400, "InvalidInput", f"{key} stands twice; send it once")
        found[key] = value.decode("latin-1")
    return found


async def _whole(receive: Receive, limit: int) -> bytes:
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(400, "InvalidInput", "the body ended early; send all of it")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise _too_large(limit)
        more = message.get("more_body", False)
    return b"".join(parts)


def _too_large(limit: int) -> Refusal:
    told = f"the body is over {limit:,} bytes; send it in parts"
    return Refusal(413, "TooLarge", told, {"connection": "close"})
