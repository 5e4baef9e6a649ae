"""The server over real sockets: operations, errors, the live journal, health, MCP."""

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from memory_core.config import DECIDING
from memory_core.replay.whatif import FIXED
from memory_core.serve.api import OPERATIONS
from memory_core.serve.guard import Bounds
from memory_core.serve.health import NAMESPACE
from memory_core.serve.openapi import description
from memory_core.serve.running import Place
from memory_core.types import Draft
from tests.serve.served import Served, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("served") / "home", mcp=True) as served:
        yield served


def test_a_memory_lives_and_dies_over_http(served: Served) -> None:
    first = served.ask("store", text="Ana keeps the key under the fern", session="s1", key="k1")
    again = served.ask("store", text="Ana keeps the key under the fern", session="s1", key="k1")
    assert again["id"] == first["id"]
    many = served.ask("store_many", drafts=["the gate sticks", {"text": ""}, {"text": "rain"}])
    assert [len(many["stored"]), [bad["position"] for bad in many["errors"]]] == [2, [1]]
    found = served.ask("recall", text="Where is the key?", k=2, explain=True)
    assert found["hits"][0]["memory"]["id"] == first["id"]
    assert sum(found["hits"][0]["terms"].values()) == pytest.approx(found["hits"][0]["score"])
    assert found["trace"][-1]["stage"] == "pack"
    gate = many["stored"][0]["id"]
    served.ask("link", source=first["id"], target=gate, relation="near")
    assert served.ask("links", id=gate)["links"][0]["relation"] == "near"
    around = served.ask("around", id=gate)
    assert {memory["id"] for memory in around["memories"]} == {gate, first["id"]}
    assert served.ask("revise", id=gate, fields={"text": "the gate is mended"})["version"] == 5
    assert served.ask("supersede", id=gate, draft={"text": "the gate is gone"})["text"]
    assert served.ask("reinforce", id=first["id"])["reinforced"] == 1
    assert served.ask("outcome", key="k1")["stored"]
    assert served.ask("list", where={"session": "s1"})["memories"][0]["id"] == first["id"]
    assert served.ask("past", seq=3)["total"] == 3
    assert served.ask("stats")["entries"] == served.ask("entries")["head"]
    assert served.ask("verify")["faults"] == []
    assert served.ask("forget", id=first["id"], reason="moved")["state"] == "forgotten"
    events = [change["event"] for change in served.ask("history", id=first["id"])["changes"]]
    assert events == ["stored", "reinforced", "forgotten"]
    assert served.ask("erase", id=first["id"])["residue"] == 0
    assert served.ask("get", 404, id=first["id"])["error"] == "NotFound"


def test_a_recall_is_replayed_over_http(served: Served) -> None:
    tea = served.ask("store", text="Bo drinks tea in the morning")["id"]
    served.ask("store", text="Bo drinks coffee at night")
    first = served.ask("recall", text="What does Bo drink in the morning?", k=1)["recall_id"]
    second = served.ask("recall", text="What does Bo drink at night?", k=1)["recall_id"]
    listed = served.ask("recalls", limit=2)["recalls"]
    assert [line["id"] for line in listed] == [second, first]
    played = served.ask("playback", recall_id=first)
    texts = {candidate["version"]: candidate["text"] for candidate in played["candidates"]}
    kept = played["stages"][-1]["hits"][0]
    assert texts[kept["version"]] == "Bo drinks tea in the morning"
    assert "vector" not in played["query"]
    assert 0 < played["settings"]["recency_weight"] < 1
    assert served.ask("reexecute", recall_id=first)["verdict"] == "exact"
    wider = served.ask("what_if", recall_id=first, k=2, settings={"lexical_weight": 0.5})
    assert len(wider["result"]["hits"]) > 1
    assert served.ask("what_if", 422, recall_id=first, settings={"metric": 1})["error"]
    assert served.ask("why", recall_id=first, wanted=tea)["stage"] == "recalled"
    assert not served.ask("why_not", recall_id=first, wanted="coffee")["kept"]
    assert served.ask("diff", before=first, after=second)["diff"]["shifts"]


@pytest.mark.parametrize(
    ("operation", "body", "code", "error"),
    [
        ("store", b"{", 422, "InvalidInput"),
        ("store", b'{"text": "x", "colour": "red"}', 422, "InvalidInput"),
        ("store", b'{"text": " "}', 422, "InvalidText"),
        ("store", b'{"text": "x", "metadata": {"a": null}}', 422, "InvalidMetadata"),
        ("store", b'{"text": "x", "metadata": {"a": NaN}}', 422, "InvalidMetadata"),
        ("store", b'["x"]', 422, "InvalidInput"),
        ("store", b"\xff\xfe", 422, "InvalidInput"),
        ("store", b"[" * 100_000, 422, "InvalidInput"),
        ("store_many", b'{"drafts": [{"cls": 1}, {"text": "x", "self": 2}]}', 200, None),
        ("recall", b'{"text": "x", "k": 201}', 422, "InvalidInput"),
        ("recall", b'{"text": "x", "where": {"owner": "bob"}}', 422, "InvalidFilter"),
        ("recall", b'{"text": "x", "as_of": "soon"}', 422, "InvalidInput"),
        ("get", b'{"id": "../../etc/passwd"}', 404, "NotFound"),
        ("revise", b'{"id": "0000000000000001", "fields": {"id": "x"}}', 404, "NotFound"),
        ("playback", b'{"recall_id": "none"}', 404, "NotFound"),
        ("reset", b"{}", 404, "NotFound"),
        ("entries", b'{"after": false}', 422, "InvalidInput"),
        ("list", b'{"where": {}}', 422, "InvalidInput"),
        ("recall", b'{"text": "x", "for_action": 1}', 422, "InvalidInput"),
        ("namespaces", b"{}", 405, "NotFound"),
    ],
)
def test_bad_requests_are_answered_typed(
    served: Served, operation: str, body: bytes, code: int, error: str | None
) -> None:
    headers = {"content-type": "application/json"}
    answer = served.client.post(f"/v1/{operation}", content=body, headers=headers)
    assert answer.status_code == code, answer.text
    if error:
        told = answer.json()
        assert told["error"] == error
        assert len(told["message"]) > 10


def test_a_question_makes_no_namespace(served: Served) -> None:
    for operation in ("recall", "list", "forget"):
        body = {"text": "x"} if operation == "recall" else {}
        body |= {"id": "0000000000000001"} if operation == "forget" else {}
        asked = served.client.post(f"/v1/{operation}?namespace=nobody", json=body)
        assert asked.json()["error"] == "NotFound"
    stored = served.client.post("/v1/store?namespace=a%2Fb%26c", json={"text": "x"})
    assert stored.status_code == 200
    named = served.client.get("/v1/namespaces").json()["namespaces"]
    assert "a/b&c" in named
    assert not {"nobody", NAMESPACE} & set(named)


def test_the_journal_is_told_as_it_grows(served: Served) -> None:
    head = served.ask("stats")["entries"]
    seen: list[dict[str, Any]] = []
    ready = threading.Event()

    def listen() -> None:
        with served.client.stream("GET", f"/v1/live?after={head}") as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            for line in answer.iter_lines():
                ready.set()
                if line.startswith("data: "):
                    seen.append(json.loads(line[6:]))
                if len(seen) == 2:
                    return

    listener = threading.Thread(target=listen)
    listener.start()
    assert ready.wait(20)
    stored = served.ask("store", text="a text that no stream may tell")
    served.ask("forget", id=stored["id"])
    listener.join(20)
    assert [entry["event"] for entry in seen] == ["stored", "forgotten"]
    assert {entry["id"] for entry in seen} == {stored["id"]}
    assert "no stream" not in json.dumps(seen)


def test_health_went_the_whole_way(served: Served) -> None:
    answer = served.plain.get(f"{served.url}/health", timeout=30)
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    with served.stores.lease(NAMESPACE) as memory:
        assert [entry.kind for entry in memory.journal.entries()][-2:] == ["stored", "erased"]
        assert memory.list() == ()


async def test_mcp_is_served_beside(served: Served) -> None:
    import httpx2

    headers = {"authorization": f"Bearer {served.key}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30) as http,
        Client(streamable_http_client(f"{served.url}/mcp", http_client=http)) as client,
    ):
        stored = await client.call_tool("store", {"text": "told over MCP"})
        id = stored.structured_content["id"]
    assert served.ask("get", id=id)["text"] == "told over MCP"


@pytest.mark.parametrize("method", ["TRACE", "PUT", "POST", "DELETE"])
def test_other_methods_are_refused_as_such(served: Served, method: str) -> None:
    assert served.client.request(method, "/health").status_code == 405


def test_the_description_is_whole(served: Served) -> None:
    told = served.plain.get(f"{served.url}/openapi.json").json()
    assert told == json.loads(json.dumps(description()))
    assert {path.removeprefix("/v1/") for path in told["paths"]} >= set(OPERATIONS)
    text = json.dumps(told)
    for reference in {part.split('"')[0] for part in text.split('"$ref": "#/')[1:]}:
        found: Any = told
        for step in reference.split("/"):
            found = found[step]
        assert found
    shown = [schema.get("properties", {}) for schema in told["components"]["schemas"].values()]
    assert not any("vector" in properties for properties in shown)


def test_the_description_draws_the_line_where_the_checks_do(served: Served) -> None:
    told = description()["components"]["schemas"]
    names = told["Otherwise"]["properties"]["settings"]["properties"]
    assert set(names) == {*DECIDING} - {*FIXED}
    never = {"key", "image", "audio"}
    assert set(told["Revision"]["properties"]["fields"]["properties"]) == (
        {*Draft.model_fields} - never
    )
    assert not {"image", "audio"} & set(told["Draft"]["properties"])
    patterns = told["Filter"]["patternProperties"]
    fields = {"kind", "occurred_at", "importance", "metadata.project"}
    assert all(any(re.search(each, field) for each in patterns) for field in fields)
    assert not any(re.search(each, "metadata.") for each in patterns)
    served.ask("store", text="Ana lives in Lisbon", metadata={"project": ["a", "b"]})
    narrowed = {"$not": {"kind": "semantic"}, "metadata.project": {"$contains": "b"}}
    assert len(served.ask("list", where=narrowed)["memories"]) == 1


def test_a_description_links_an_answer_to_what_may_follow(served: Served) -> None:
    post = description()["paths"]["/v1/store"]["post"]
    stored = served.ask("store", text="Ana lives in Lisbon")
    follows = post["responses"]["200"]["links"]
    assert {"get", "revise", "forget", "erase"} <= set(follows) <= set(OPERATIONS)
    (place,) = follows["get"]["requestBody"]
    assert served.ask("get", **{place: stored["id"]})["text"] == "Ana lives in Lisbon"


def test_weights_beyond_reason_are_refused(served: Served) -> None:
    served.ask("store", text="Ana lives in Lisbon")
    recalled = served.ask("recall", text="Where does Ana live?")["recall_id"]
    served.ask("what_if", 422, recall_id=recalled, settings={"dense_weight": 1e308})


def test_a_client_that_leaves_in_the_middle_loses_nothing(served: Served) -> None:
    host, port = served.url.removeprefix("http://").split(":")
    body = json.dumps({"text": "stored although nobody waited", "key": "left"}).encode()
    with socket.create_connection((host, int(port))) as left:
        head = (
            f"POST /v1/store HTTP/1.1\r\nhost: {host}:{port}\r\nauthorization: Bearer {served.key}"
            f"\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        left.sendall(head.encode() + body)
    until = time.monotonic() + 20
    while not served.ask("outcome", key="left")["stored"]:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_bodies_that_are_large_slow_or_many_are_refused(tmp_path: Path) -> None:
    bounds = Bounds(body=1_000, body_seconds=0.3, rate=0.01, burst=8)
    with serving(tmp_path / "home", Place(port=0, open=True), bounds=bounds) as served:
        exactly = json.dumps({"text": "x" * (1_000 - 12)})
        assert len(exactly) == 1_000
        headers = {"content-type": "application/json"}
        for size, code in ((1_000, 200), (1_001, 413)):
            sent = exactly + " " * (size - 1_000)
            answer = served.client.post("/v1/store", content=sent, headers=headers)
            assert answer.status_code == code, answer.text
        chunks = (b" " * 600 for _ in range(2))  # of unknown length
        answer = served.client.post("/v1/store", content=chunks, headers=headers)
        assert answer.status_code == 413

        def slow() -> Iterator[bytes]:
            yield b'{"text"'
            time.sleep(1)
            yield b': "x"}'

        answer = served.client.post("/v1/store", content=slow(), headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (408, "TooSlow")
        codes = [served.client.get("/v1/namespaces").status_code for _ in range(10)]
        assert set(codes) == {200, 429}


def test_many_at_once_are_all_answered_or_told_to_wait(tmp_path: Path) -> None:
    bounds = Bounds(workers=1, waiting=1)
    with (
        serving(tmp_path / "home", Place(port=0, open=True), bounds=bounds) as served,
        ThreadPoolExecutor(8) as pool,
    ):
        served.ask("store", text="first")

        def store(number: int) -> int:
            return served.client.post("/v1/store", json={"text": f"fact {number}"}).status_code

        codes = list(pool.map(store, range(60)))
        assert set(codes) <= {200, 429}
        assert served.ask("stats")["entries"] == 1 + codes.count(200)
