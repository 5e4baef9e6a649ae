"""U6: `/health` turns red, soon, when any part of the way from store to erase is broken.

Parts are broken one after another, by replacing one function in this process or by another process
that holds the journal's lock; each time `/health` must answer red within five seconds, name the
step, and be green again once the part is mended.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn

import apsw

from memory_core import writing
from memory_core.embed.function import FunctionEmbedder
from memory_core.errors import NotStored, OutcomeUnknown
from memory_core.journal.journal import Journal
from memory_core.manager import MemoryManager
from memory_core.proofs import needs
from memory_core.proofs.plants import planted, swapped
from memory_core.proofs.row import Findings, Proof, Run
from memory_core.proofs.server import Server, serving
from memory_core.recall.fuse import FuseStage
from memory_core.types import Receipt

SOON = 5.0
HANGING = 6.0


@dataclass(slots=True)
class Model:
    """An embedding function with moods."""

    mood: str = "well"
    calls: int = field(default=0)

    def __call__(self, texts: Sequence[str]) -> list[list[float]]:
        """Encode, or fail as told."""
        self.calls += 1
        if self.mood == "raises":
            raise RuntimeError("the model is gone")
        if self.mood == "hangs":
            time.sleep(HANGING)
        value = float("nan") if self.mood == "nan" else 1.0
        return [[float(len(text)), value, 2.0, 3.0] for text in texts]


Break = Callable[[], AbstractContextManager[None]]


def prove_health(run: Run, findings: Findings) -> None:
    """Break the first `run.size` parts, one after another."""
    from memory_core.serve.guard import Bounds

    model = Model()
    embedder = FunctionEmbedder(model, name="moody", dimension=4)
    bounds = Bounds(rate=1e9, burst=1e9, health_seconds=0.0, health_rest=0.0)
    slowest = 0.0
    with (
        planted(run.planted),
        serving(run.place, bounds=bounds, settings={"embedder": embedder}) as server,
    ):
        findings.check(_turns(server, "ok", findings), "it is not green to begin with")
        for name, broken in list(_faults(run, model).items())[: run.size]:
            with broken():
                begun = time.monotonic()
                status, told = server.ask("GET", "/health")
                took = time.monotonic() - begun
                slowest = max(slowest, took)
                red = status == 503 and told["status"] == "failed"
                findings.check(red, f"{name}: {status} {told}")
                findings.check(took <= SOON, f"{name}: {took:.1f} s")
                findings.measured[name] = str(told.get("failed"))
            findings.injected += 1
            findings.check(_turns(server, "ok", findings), f"{name}: not green when mended")
    findings.measured["slowest_s"] = round(slowest, 1)


def _turns(server: Server, wanted: str, findings: Findings) -> bool:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        _, told = server.ask("GET", "/health")
        if told["status"] == wanted:
            return True
        findings.measured["last"] = f"{told.get('failed')} {told.get('error')}"
        time.sleep(0.1)
    return False


def _faults(run: Run, model: Model) -> dict[str, Break]:
    def refuse(error: Exception) -> Callable[..., NoReturn]:
        def act(*args: object, **kwargs: object) -> NoReturn:
            raise error

        return act

    def spared(memory: MemoryManager, id: str) -> Receipt:
        return _receipt(memory, id, 0)

    def smeared(memory: MemoryManager, id: str) -> Receipt:
        return _receipt(memory, id, 12)

    honest = MemoryManager.erase
    swaps: dict[str, tuple[Any, str, Any]] = {
        "not stored": (Journal, "commit", refuse(NotStored("the disk is full; free some"))),
        "outcome unknown": (Journal, "commit", refuse(OutcomeUnknown("ask again", ()))),
        "store crashes": (writing, "store", refuse(KeyError("a fault"))),
        "stage crashes": (FuseStage, "__call__", refuse(ValueError("a fault"))),
        "not erased": (MemoryManager, "erase", _but_cleaning(honest, spared)),
        "erased in part": (MemoryManager, "erase", _but_cleaning(honest, smeared)),
    }
    moods: dict[str, Break] = {
        f"model {mood}": lambda mood=mood: _feeling(model, mood)  # type: ignore[misc]
        for mood in ("raises", "hangs", "nan")
    }
    return {
        **{name: lambda swap=swap: swapped(*swap) for name, swap in swaps.items()},  # type: ignore[misc]
        **moods,
        "journal locked": lambda: _locked(run),
    }


def _but_cleaning(
    honest: Callable[[MemoryManager, str], Receipt],
    broken: Callable[[MemoryManager, str], Receipt],
) -> Callable[[MemoryManager, str], Receipt]:
    """Break the erasure of the canary, and leave that of leftovers to the product."""
    seen: set[str] = set()

    def erase(memory: MemoryManager, id: str) -> Receipt:
        if id in seen:
            return honest(memory, id)
        seen.add(id)
        return broken(memory, id)

    return erase


def _receipt(memory: MemoryManager, id: str, residue: int) -> Receipt:
    found = memory.get(id)
    return Receipt(
        id=id, at=found.stored_at, entry=1, entry_hash="", versions=1, vectors=0, recordings=0,
        residue=residue,
    )  # fmt: skip


@contextmanager
def _feeling(model: Model, mood: str) -> Iterator[None]:
    model.mood = mood
    try:
        yield
    finally:
        model.mood = "well"


@contextmanager
def _locked(run: Run) -> Iterator[None]:
    other = apsw.Connection(str(run.place / "journal.db"))
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


PROOFS = (Proof("U6", "health is red when a part is broken", 10, 5, prove_health, needs.server),)
