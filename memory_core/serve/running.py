"""Binding and running the server: whom it refuses to serve, and what it tells when it is ready."""

import ipaddress
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from memory_core.errors import InvalidSetting, MissingExtra, StoreBusy
from memory_core.limits import DEFAULT_NAMESPACE
from memory_core.serve.api import Right
from memory_core.serve.keys import EVERY, Keys
from memory_core.serve.stores import Stores

try:
    import uvicorn

    from memory_core.serve.guard import Bounds, Names
    from memory_core.serve.http import Service, Toolset, application
except ImportError as error:  # pragma: no cover - depends on the installation
    raise MissingExtra(error.name or "starlette", "server") from error

PORT = 7437
SWITCH_SECONDS = 0.001
"""How long a thread may compute before the event loop gets its turn: the default of 5 ms, times
the threads that want to run, would be felt by everybody who waits for an answer."""
GRACE_SECONDS = 5
HEADER_BYTES = 16 << 10


@dataclass(frozen=True, slots=True)
class Place:
    """Where to serve, and to whom."""

    host: str = "127.0.0.1"
    port: int = PORT
    namespace: str = DEFAULT_NAMESPACE
    also: Sequence[str] = ()
    """Further names by which a proxy addresses it."""
    open: bool = False
    """Whether everybody on this machine may ask, without a key."""
    rights: Sequence[Right] = tuple(Right)
    """Of the key that is lent where none is kept."""
    lend: bool = False
    """Whether one is lent although others are kept."""


@dataclass(frozen=True, slots=True)
class Ready:
    """What a person needs to know once it serves."""

    url: str
    key: str | None
    """The key of this run, None where kept keys or none are asked for."""

    @property
    def page(self) -> str:
        """The page's address; the key stands behind #, which browsers send to nobody."""
        return f"{self.url}/#key={self.key}" if self.key else f"{self.url}/"


class Serving:
    """A server that is bound and about to serve."""

    def __init__(
        self,
        stores: Stores,
        place: Place,
        *,
        bounds: Bounds | None = None,
        mcp: Toolset | None = None,
    ) -> None:
        """Bind.

        Raises:
            InvalidSetting: another machine could reach it and no key is kept.
            StoreBusy: the port is taken.
        """
        keys = Keys(stores.home)
        key = _key_of_this_run(keys, place)
        self._socket = _bound(place)
        port = int(self._socket.getsockname()[1])
        service = Service(stores, default=place.namespace, bounds=bounds)
        app = application(
            service,
            names=Names.of(place.host, port, place.also),
            keys=None if place.open else keys,
            mcp=mcp,
        )
        self._server = _Server(
            service,
            uvicorn.Config(
                app, log_level="warning", access_log=False, ws="none", lifespan="on",
                server_header=False, proxy_headers=False, timeout_graceful_shutdown=GRACE_SECONDS,
                h11_max_incomplete_event_size=HEADER_BYTES,
            )
        )  # fmt: skip
        shown = f"[{place.host}]" if ":" in place.host else place.host
        self.ready = Ready(f"http://{shown}:{port}", key)

    def run(self) -> None:
        """Serve until interrupted or told to stop; what is acknowledged is durable."""
        sys.setswitchinterval(SWITCH_SECONDS)
        self._server.run(sockets=[self._socket])

    def close(self) -> None:
        """Give the port back, if it never ran."""
        self._socket.close()

    def stop(self) -> None:
        """Tell it to stop, from another thread."""
        self._server.should_exit = True


class _Server(uvicorn.Server):
    """One that ends its live journals before it waits for what is being answered."""

    def __init__(self, service: Service, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._service = service

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop."""
        self._service.stop()
        await super().shutdown(sockets)


def _key_of_this_run(keys: Keys, place: Place) -> str | None:
    """Check who may reach the server; return a key for this run where none is kept."""
    local = _is_loopback(place.host)
    if place.open and not local:
        raise InvalidSetting(f"--open on {place.host} would let the network in; leave one out")
    if place.open or (keys.list() and not place.lend):
        return None
    if not local:
        raise InvalidSetting(
            f"{place.host} can be reached by other machines and no key is kept here; "
            "run: memory serve keys add NAME"
        )
    return keys.lend("this run", place.rights, (EVERY,))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bound(place: Place) -> socket.socket:
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((place.host, place.port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise StoreBusy(
            f"{place.host}:{place.port} cannot be bound ({error.strerror or error}); "
            "choose another --port"
        ) from error
    return listening
