"""U5: the server's event loop stays free while models compute, and stopping loses nothing.

Eight clients store and recall over a model that takes a quarter of a second a call. Meanwhile a
file that the loop alone can send is asked for again and again: had the loop waited for a model,
so would the file. Then clients leave in the middle and the server is stopped under load; what it
had acknowledged must be there when the home is opened again.
"""

import http.client
import random
import statistics
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from memory_core.build import open_memory
from memory_core.embed.function import FunctionEmbedder
from memory_core.proofs import needs
from memory_core.proofs.plants import planted
from memory_core.proofs.row import Findings, Proof, Run
from memory_core.proofs.server import Server, serving

MODEL_SECONDS = 0.25
CLIENTS = 8
LIGHT = "/page/icon.svg"
PROBES = 40


def prove_free_loop(run: Run, findings: Findings) -> None:
    """Ask for the file while `run.size` operations run, then stop the server among others."""
    from memory_core.serve.guard import Bounds

    model = FunctionEmbedder(_slow, name="slow", dimension=4)
    bounds = Bounds(rate=1e9, burst=1e9, workers=CLIENTS)
    kept: list[str] = []
    with planted(run.planted), ExitStack() as stack:
        server = stack.enter_context(
            serving(run.place, bounds=bounds, settings={"embedder": model})
        )
        server.post("store", {"text": "a fact"})
        idle = [_light(server) for _ in range(PROBES)]
        busy = _while_busy(server, run, kept)
        _report(idle, busy, findings)
        _leave(server, run.random)
        clients = _clients(server, run.size, kept)
        time.sleep(0.3)
        stack.close()  # stopped while they store
        for client in clients:
            client.join(30)
    findings.injected = run.size
    findings.measured["acknowledged"] = len(kept)
    with open_memory(run.place, namespace="ana", embedder=model) as memory:
        for key in kept:
            findings.check(memory.outcome(key).stored, f"{key} was acknowledged and is lost")
        findings.check(memory.journal.verify() == [], "the chain is broken")


def _slow(texts: Sequence[str]) -> list[list[float]]:
    time.sleep(MODEL_SECONDS)
    return [[float(len(text)), 1.0, 2.0, 3.0] for text in texts]


def _light(server: Server) -> float:
    begun = time.perf_counter()
    server.ask("GET", LIGHT)
    return time.perf_counter() - begun


def _while_busy(server: Server, run: Run, kept: list[str]) -> list[float]:
    clients = _clients(server, run.size, kept)
    times = []
    while any(client.is_alive() for client in clients):
        times.append(_light(server))
        time.sleep(0.005)
    return times


def _clients(server: Server, size: int, kept: list[str]) -> list[threading.Thread]:
    each = max(1, size // CLIENTS)
    begun = time.time_ns()

    def work(number: int) -> None:
        for turn in range(each):
            key = f"{begun}-{number}-{turn}"
            try:
                status, _ = server.post("store", {"text": f"fact {key}", "key": key})
                if status == 200:
                    kept.append(key)
                server.post("recall", {"text": key, "record": False, "deadline_ms": 900})
            except (OSError, http.client.HTTPException):  # the server was stopped
                return

    clients = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(CLIENTS)]
    for client in clients:
        client.start()
    return clients


def _report(idle: list[float], busy: list[float], findings: Findings) -> None:
    measured: dict[str, Any] = {
        "idle_p50_ms": statistics.median(idle), "busy_p50_ms": statistics.median(busy),
        "busy_p99_ms": sorted(busy)[int(len(busy) * 0.99)],
    }  # fmt: skip
    findings.measured |= {name: round(value * 1000, 1) for name, value in measured.items()}
    findings.measured["probes"] = len(busy)
    findings.check(
        measured["busy_p50_ms"] < MODEL_SECONDS / 2,
        f"the loop waits for models: {findings.measured}",
    )


def _leave(server: Server, chance: random.Random) -> None:
    for number in range(CLIENTS):
        connection = http.client.HTTPConnection(server.host, server.port, timeout=5)
        body = f'{{"text": "left {number}"}}'
        connection.request("POST", "/v1/store", body, {"content-type": "application/json"})
        time.sleep(chance.random() * 0.01)
        connection.close()


PROOFS = (
    Proof("U5", "the event loop never waits for a model", 400, 16, prove_free_loop,
          needs.server),
)  # fmt: skip
