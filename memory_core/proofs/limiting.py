"""T11: every limit holds at its edge, and what is too much is refused with little memory.

Each limit is tried one below, at it and one above; then bodies of every size and kind of nonsense
are sent. Refusals must be typed, nothing of them may be stored, and the process may not grow.
"""

import json
import random
from pathlib import Path

from memory_core import limits
from memory_core.proofs import needs
from memory_core.proofs.plants import planted
from memory_core.proofs.row import Findings, Proof, Run
from memory_core.proofs.server import Server, serving

GROWTH = 50 << 20
BODY = 1 << 20


def prove_limits(run: Run, findings: Findings) -> None:
    """Try every limit's edges, then `run.size` bodies that are too large or no requests."""
    from memory_core.serve.guard import Bounds

    bounds = Bounds(body=BODY, rate=1e9, burst=1e9, bytes_per_day=1 << 50)
    with planted(run.planted), serving(run.place, bounds=bounds) as server:
        _edges(server, findings)
        stored = server.post("stats", {})[1]["entries"]
        _nonsense(run.random, server, findings)  # before measuring: what is loaded once is no leak
        before = _resident()
        for _ in range(run.size):
            _nonsense(run.random, server, findings)
        grown = _resident() - before
        findings.measured["grown_mb"] = round(grown / 1e6, 1)
        findings.check(grown < GROWTH, f"the process grew by {grown:,} bytes")
        findings.check(
            server.post("stats", {})[1]["entries"] == stored, "something refused was stored"
        )
    findings.injected = run.size


def _edges(server: Server, findings: Findings) -> None:
    name, keys = limits.MAX_NAME_BYTES, limits.MAX_METADATA_KEYS
    server.post("store", {"text": "a fact"})
    ladder = (
        ("store", lambda n: {"text": "x" * n}, limits.MAX_TEXT_BYTES - 40, BODY),
        ("store", lambda n: {"text": "x", "session": "s" * n}, name, None),
        ("store", lambda n: {"text": "x", "key": "k" * n}, name, None),
        ("store", lambda n: {"text": "x", "metadata": {f"k{i}": 1 for i in range(n)}}, keys, None),
        ("recall", lambda n: {"text": "x", "k": n, "record": False}, limits.MAX_K, None),
        ("list", lambda n: {"limit": n}, 1_000, None),
        ("store_many", lambda n: {"drafts": [" "] * n}, 1_000, None),
        ("reinforce", lambda n: {"id": "0" * 16, "times": n}, limits.MAX_TIMES, None),
        ("recall", lambda n: {"text": "x", "where": _where(n), "record": False}, 63, None),
    )
    for operation, body, most, size in ladder:
        for amount in (most - 1, most, most + 1):
            sent = json.dumps(body(amount)).encode()
            if size is not None:  # the body's own limit comes first
                sent = sent + b" " * (size - most - 1 + amount - len(sent) + 1)
            status, told = server.post(operation, sent)
            right = (200, 404) if amount <= most else (422, 413)
            findings.check(
                status in right, f"{operation} with {amount:,}: {status} {str(told)[:90]}"
            )
            findings.check(isinstance(told, dict), f"{operation} with {amount:,}: no JSON")


def _where(conditions: int) -> dict[str, object]:
    return {"$and": [{"session": f"s{n}"} for n in range(conditions)]}


def _nonsense(chance: random.Random, server: Server, findings: Findings) -> None:
    kind = chance.randrange(6)
    size = chance.randrange(BODY + 1, 3 * BODY)
    body = (
        lambda: b'{"text": "' + b"x" * size + b'"}',
        lambda: b"[" * chance.randrange(2, 50_000),
        lambda: chance.randbytes(chance.randrange(1, 5_000)),
        lambda: json.dumps({"text": "x", "where": _where(chance.randrange(65, 500))}).encode(),
        lambda: json.dumps({"text": "x", f"f{chance.random()}": 1}).encode(),
        lambda: json.dumps({"drafts": ["x"] * chance.randrange(1_001, 9_000)}).encode(),
    )[kind]()
    operation = ("store", "recall", "recall", "recall", "store", "store_many")[kind]
    try:
        status, told = server.post(operation, body)
    except (ConnectionError, TimeoutError):  # refused while it was still being sent
        findings.check(kind == 0, f"kind {kind} was cut off")
        return
    findings.check(status in (400, 413, 422), f"kind {kind}: {status} {str(told)[:90]}")
    findings.check(isinstance(told, dict) and "error" in told, f"kind {kind}: not typed")


def _resident() -> int:
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * 4096


PROOFS = (
    Proof("T11", "every limit holds, with little memory", 1_000, 30, prove_limits,
          needs.server),
)  # fmt: skip
