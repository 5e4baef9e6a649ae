"""T5: nobody gets what his key does not give, and nothing of his is read before that is known.

Every operation is asked with no key, wrong keys, and keys of every right in the right and in
another namespace, with bodies that would be faults if they were parsed; then with names and origins
that are nearly the server's own. What is refused must have written nothing.
"""

import random
from typing import TYPE_CHECKING, Any

from memory_core.proofs import needs
from memory_core.proofs.plants import planted
from memory_core.proofs.row import Findings, Proof, Run
from memory_core.proofs.server import JSON, Server, serving

if TYPE_CHECKING:
    from memory_core.serve.api import Right

NAMES = ("ana", "bob")
BROKEN = b"{ this is no JSON"
WRONG = (
    None, "", "Bearer", "Bearer ", "Bearer wrong", "Bearer mk_", "Basic YTpi", "bearer \x00",
    "Token {key}", "{key}", "Bearer {key}x", "Bearer {half}", "Bearer {upper}",
)  # fmt: skip
HOSTS = (
    "127.0.0.1", "localhost", "127.0.0.1:{other}", "evil.example:{port}", "127.0.0.1:{port}.evil",
    "localhost.evil:{port}", "127.0.0.1:{port}@evil", "evil@127.0.0.1:{port}", "0.0.0.0:{port}",
    "127.1:{port}", "2130706433:{port}", "127.0.0.1:{port}:80", "", "xn--localhost:{port}",
    "127.0.0.1:0{port}", "localhost.:{port}", "[::1]", "[::ffff:127.0.0.1]:{port}",
)  # fmt: skip
ORIGINS = (
    "http://evil.example", "http://evil.example:{port}", "http://127.0.0.1", "null", "",
    "http://127.0.0.1:{other}", "http://127.0.0.1:{port}.evil", "http://127.0.0.1:{port}@evil",
    "http://localhost.evil:{port}", "https://127.0.0.1:{port}", "file://", "http://[::1]",
    "http://127.0.0.1:{port}/", "HTTP://EVIL.EXAMPLE", "chrome-extension://abc", "http://127.1:{port}",
)  # fmt: skip


def prove_authorisation(run: Run, findings: Findings) -> None:
    """Ask until `run.size` requests were made; everything that is to be refused is."""
    from memory_core.serve.api import Right
    from memory_core.serve.guard import Bounds
    from memory_core.serve.keys import Keys
    from memory_core.serve.running import Place

    keys = {
        (right, name): Keys(run.place).add(f"{right} {name}", [right], [name])
        for right in Right for name in NAMES
    }  # fmt: skip
    bounds = Bounds(rate=1e9, burst=1e9)
    with (
        planted(run.planted),
        serving(run.place, Place(port=0, namespace="ana"), bounds=bounds) as server,
    ):
        for name in NAMES:
            body, bearer = b'{"text": "a fact"}', f"Bearer {keys[Right.WRITE, name]}"
            server.ask("POST", f"/v1/store?namespace={name}", body, authorization=bearer, **JSON)
        before = _heads(server)
        findings.check(all(before), f"an allowed store was refused: {before}")
        while findings.n < run.size:
            _ask_all(run.random, server, keys, findings)
        _names(server, keys[Right.ADMIN, "ana"], findings)
        findings.check(_heads(server) == before, "something that was refused wrote")


def _ask_all(
    chance: random.Random, server: Server, keys: "dict[tuple[Right, str], str]", findings: Findings
) -> None:
    from memory_core.serve.api import OPERATIONS, Right

    operation = chance.choice(list(OPERATIONS.values()))
    target = chance.choice(NAMES)
    path = f"/v1/{operation.name}?namespace={target}"
    some = chance.choice(list(keys.values()))
    for wrong in WRONG:
        given: dict[str, Any] = {} if wrong is None else {
            "authorization": wrong.format(key=some, half=some[:-9], upper=some.upper())
        }  # fmt: skip
        if "\x00" in given.get("authorization", ""):
            continue
        status, told = server.ask("POST", path, BROKEN, **JSON, **given)
        findings.check(status == 401, f"{operation.name} with {wrong!r}: {status} {told}")
        findings.injected += 1
    for (right, name), key in keys.items():
        bearer = f"Bearer {key}"
        status, told = server.ask("POST", path, BROKEN, authorization=bearer, **JSON)
        may = name == target and right in (operation.needs, Right.ADMIN)
        findings.injected += not may
        findings.check(
            status == (422 if may else 403),
            f"{operation.name} in {target} with {right} of {name}: {status} {told}",
        )


def _names(server: Server, key: str, findings: Findings) -> None:
    bearer = {"authorization": f"Bearer {key}"}
    own = f"127.0.0.1:{server.port}"
    for host in HOSTS:
        name = host.format(port=server.port, other=server.port + 1)
        status, _ = server.ask("POST", "/v1/stats", b"{}", host=name, **bearer, **JSON)
        findings.check(status in (400, 421), f"host {name!r}: {status}")
    for origin in ORIGINS:
        name = origin.format(port=server.port, other=server.port + 1)
        status, _ = server.ask("POST", "/v1/stats", b"{}", origin=name, **bearer, **JSON)
        findings.check(status == 403, f"origin {name!r}: {status}")
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        status, _ = server.ask("POST", "/v1/stats", b"{}", content_type=kind, **bearer)
        findings.check(status == 415, f"content-type {kind!r}: {status}")
    for origin in (f"http://{own}", f"http://localhost:{server.port}"):
        status, _ = server.ask("POST", "/v1/stats", b"{}", origin=origin, **bearer, **JSON)
        findings.check(status == 200, f"its own origin {origin}: {status}")
    findings.injected += len(HOSTS) + len(ORIGINS) + 4


def _heads(server: Server) -> list[int]:
    heads = []
    for name in NAMES:
        with server.stores.lease(name) as memory:
            heads.append(memory.journal.head.seq)
    return heads


PROOFS = (
    Proof("T5", "nobody gets what his key does not give", 20_000, 200, prove_authorisation,
          needs.server),
)  # fmt: skip
