"""Who may ask a server: addresses, keys, rights, and the places that it may be bound to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from memory_core.errors import InvalidInput, InvalidSetting, NotFound, StoreBusy, StoreDamaged
from memory_core.serve.api import OPERATIONS, Right
from memory_core.serve.guard import Names
from memory_core.serve.keys import Keys
from memory_core.serve.running import Place, Serving
from memory_core.serve.stores import Stores
from tests.serve.served import Served, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("guarded") / "home"
    for right in Right:
        for namespace in ("ana", "bob"):
            name = f"{right} {namespace}"
            KEYS[right, namespace] = Keys(home).add(name, [right], [namespace])
    with serving(home) as served:
        for namespace in ("ana", "bob"):
            store = {"text": f"of {namespace}"}
            headers = {"authorization": f"Bearer {KEYS[Right.WRITE, namespace]}"}
            asked = served.plain.post(
                f"{served.url}/v1/store?namespace={namespace}", json=store, headers=headers
            )
            assert asked.status_code == 200
        yield served


KEYS: dict[tuple[Right, str], str] = {}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_asks_for_its_right(served: Served, operation: str) -> None:
    needs, heads = OPERATIONS[operation].needs, [head(served, name) for name in ("ana", "bob")]
    url = f"{served.url}/v1/{operation}?namespace=ana"
    broken = b"{ this is no JSON"  # a key that is refused is refused before the body is parsed
    for authorization in (None, "Bearer", "Bearer wrong", "Basic YTpi", f"Bearer {'x' * 5_000}"):
        headers = {"content-type": "application/json"}
        headers |= {"authorization": authorization} if authorization else {}
        answer = served.plain.post(url, content=broken, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (401, "Unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"
    for (right, namespace), key in KEYS.items():
        headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
        answer = served.plain.post(url, content=broken, headers=headers)
        may = namespace == "ana" and right in (needs, Right.ADMIN)
        assert answer.status_code == (422 if may else 403), (right, namespace, answer.text)
    assert heads == [head(served, name) for name in ("ana", "bob")]


def head(served: Served, namespace: str) -> int:
    with served.stores.lease(namespace) as memory:
        return memory.journal.head.seq


@pytest.mark.parametrize("path", ["/v1/live", "/v1/namespaces", "/mcp", "/docs", "/v1/x/../store"])
def test_nothing_else_is_open(served: Served, path: str) -> None:
    assert served.plain.get(served.url + path).status_code == 401


@pytest.mark.parametrize("path", ["/", "/openapi.json", "/page/none.js"])
def test_every_answer_carries_the_policy(served: Served, path: str) -> None:
    headers = served.plain.get(served.url + path).headers
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    ("host", "origin", "code"),
    [
        ("127.0.0.1:PORT", None, 200),
        ("LOCALHOST:PORT", "http://localhost:PORT", 200),
        ("[::1]:PORT", "http://127.0.0.1:PORT", 200),
        ("127.0.0.1", None, 421),
        ("127.0.0.1:1", None, 421),
        ("evil.example:PORT", None, 421),
        ("127.0.0.1:PORT.evil.example", None, 421),
        ("localhost.evil.example:PORT", None, 421),
        ("evil.example@127.0.0.1:PORT", None, 421),
        ("", None, 421),
        ("127.0.0.1:PORT", "http://evil.example", 403),
        ("127.0.0.1:PORT", "http://127.0.0.1:1", 403),
        ("127.0.0.1:PORT", "http://127.0.0.1:PORT.evil.example", 403),
        ("127.0.0.1:PORT", "http://127.0.0.1:PORT@evil.example", 403),
        ("127.0.0.1:PORT", "https://127.0.0.1:PORT", 403),
        ("127.0.0.1:PORT", "null", 403),
        ("127.0.0.1:PORT", "", 403),
    ],
)
def test_host_and_origin_are_exact(
    served: Served, host: str, origin: str | None, code: int
) -> None:
    port = served.url.rpartition(":")[2]
    headers = {"host": host.replace("PORT", port)}
    if origin is not None:
        headers["origin"] = origin.replace("PORT", port)
    assert served.plain.get(f"{served.url}/openapi.json", headers=headers).status_code == code


def test_a_form_of_another_site_cannot_post(served: Served) -> None:
    headers = {"authorization": f"Bearer {KEYS[Right.ADMIN, 'ana']}"}
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonp", None):
        given = headers | ({"content-type": kind} if kind else {})
        answer = served.plain.post(f"{served.url}/v1/stats", content=b"{}", headers=given)
        assert answer.status_code == 415


def test_a_key_that_was_removed_opens_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    secret = Keys(home).add("laptop", [Right.WRITE], ["*"])
    with serving(home) as served:
        headers = {"authorization": f"Bearer {secret}"}
        url = f"{served.url}/v1/store"
        assert served.plain.post(url, json={"text": "x"}, headers=headers).status_code == 200
        Keys(home).remove("laptop")
        assert served.plain.post(url, json={"text": "x"}, headers=headers).status_code == 401


def test_keys_are_kept_hashed_and_private(tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    secret = keys.add("laptop", [Right.READ, Right.WRITE], ["ana", "*"])
    file = tmp_path / "keys.json"
    assert secret not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    (line,) = keys.list()
    assert (line.name, line.rights) == ("laptop", (Right.READ, Right.WRITE))
    for bad in (
        lambda: keys.add("laptop", [Right.READ], ["ana"]),
        lambda: keys.add("x", [], ["ana"]),
        lambda: keys.add("x", [Right.READ], []),
        lambda: keys.add(" ", [Right.READ], ["ana"]),
    ):
        with pytest.raises(InvalidInput):
            bad()
    with pytest.raises(NotFound):
        keys.remove("phone")
    file.write_text('[{"name": "laptop"}]')
    with pytest.raises(StoreDamaged):
        keys.list()


def test_no_network_without_a_key(tmp_path: Path) -> None:
    stores = Stores(tmp_path / "home", {"embedder": "hash"})
    with pytest.raises(InvalidSetting, match="keys add"):
        Serving(stores, Place(host="0.0.0.0", port=0))
    with pytest.raises(InvalidSetting, match="network"):
        Serving(stores, Place(host="0.0.0.0", port=0, open=True))
    first = Serving(stores, Place(port=0))
    port = int(first.ready.url.rpartition(":")[2])
    with pytest.raises(StoreBusy, match="port"):
        Serving(stores, Place(port=port))
    first.close()
    Keys(tmp_path / "home").add("laptop", [Right.READ], ["*"])
    kept = Serving(stores, Place(host="0.0.0.0", port=0))
    assert kept.ready.key is None
    kept.close()


def test_names_behind_a_proxy() -> None:
    names = Names.of("0.0.0.0", 80, ["memory.example"])
    assert {"127.0.0.1", "localhost:80", "memory.example"} <= names.hosts
    assert "https://memory.example" in names.origins
    assert "https://127.0.0.1" not in names.origins
