"""The Chroma index is believed only when it can be: damage, owners, hangs, forks, erasure."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memory_core import errors
from memory_core.index.chroma import ChromaIndex
from memory_core.index.derived import Derived
from memory_core.index.lane import Lane, Late
from memory_core.index.owner import Lease
from memory_core.index.place import Place
from memory_core.manager import MemoryManager
from tests.index.world import fill, found, opened, path_of

CHROMA: dict[str, Any] = {"index": "chroma", "crossover": 1}
SERVES = "chroma over"


def derived(memory: MemoryManager) -> Derived:
    assert isinstance(memory.parts.derived, Derived)
    return memory.parts.derived


def settled(memory: MemoryManager) -> bool:
    keeper = derived(memory).keeper
    return keeper is not None and keeper.wait(120)


def waited_for(condition: Callable[[], bool], seconds: float = 120) -> bool:
    until = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < until:
        time.sleep(0.02)
    return met


def place_of(home: Path) -> Place:
    with opened(home, index="exact") as memory:
        digest = memory.parts.embedder.fingerprint.digest
        return Place.of(home, memory.journal.identity, digest, "cosine")


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """A home with a clean Chroma index of 300 rows."""
    with opened(tmp_path / "home", 300, **CHROMA) as memory:
        assert settled(memory)
    return tmp_path / "home"


def rebuilt(home: Path) -> bool:
    """Open the home, and tell whether the index was built anew; it must serve rightly."""
    before = {p: p.stat().st_ino for p in place_of(home).chroma.rglob("*") if p.is_file()}
    with opened(home, **CHROMA) as memory:
        assert settled(memory)
        assert path_of(memory).startswith(SERVES)
        for number in range(0, 300, 30):
            assert found(memory, f"text {number}", k=1) == [f"text {number}"]
    after = {p: p.stat().st_ino for p in place_of(home).chroma.rglob("*") if p.is_file()}
    data = {p for p in before if p.parent.name != place_of(home).chroma.name}
    return {p: before[p] for p in data} != {p: after.get(p) for p in data}


def test_a_clean_index_is_believed(closed: Path) -> None:
    assert not rebuilt(closed)
    modes = {p.stat().st_mode & 0o777 for p in place_of(closed).chroma.rglob("*") if p.is_file()}
    assert modes == {0o600}


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def _some(place: Place, name: str) -> Path:
    return next(place.chroma.rglob(name))


DAMAGE: dict[str, Callable[[Place], object]] = {
    "a flipped bit in the database": lambda p: _flip(_some(p, "chroma.sqlite3")),
    "an empty database": lambda p: _some(p, "chroma.sqlite3").write_bytes(b""),
    "a missing database": lambda p: _some(p, "chroma.sqlite3").unlink(),
    "a file too many": lambda p: (p.chroma / "data" / "more").write_bytes(b"x"),
    "no mark": lambda p: (p.chroma / "mark").unlink(),
    "a flipped bit in the mark": lambda p: _flip(p.chroma / "mark"),
    "a mark of a process that died opening": lambda p: (p.chroma / "mark").rename(
        p.chroma / "mark.opening"
    ),
    "another chromadb": lambda p: (p.chroma / "mark").write_text(
        (p.chroma / "mark").read_text().replace('"chromadb": "', '"chromadb": "0')
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_seen_before_chroma_opens_the_files(closed: Path, damage: str) -> None:
    place = place_of(closed)
    DAMAGE[damage](place)
    assert rebuilt(closed)
    assert [p.name for p in place.quarantines()] == [f"quarantine-chroma-{place.name}"]
    assert not rebuilt(closed)


def test_a_planted_directory_is_not_opened(closed: Path, tmp_path: Path) -> None:
    """Everything is consistent, but it is sealed with another store's secret."""
    with opened(tmp_path / "other", 300, **CHROMA) as memory:
        assert settled(memory)
    place = place_of(closed)
    shutil.rmtree(place.chroma)
    shutil.copytree(place_of(tmp_path / "other").chroma, place.chroma)
    assert rebuilt(closed)


def test_while_it_is_rebuilt_exact_scan_serves_and_says_so(
    closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place_of(closed).chroma / "mark").unlink()
    real = ChromaIndex.add
    go_on = threading.Event()
    monkeypatch.setattr(ChromaIndex, "add", lambda *a: (go_on.wait(300), real(*a))[1])
    with opened(closed, **CHROMA) as memory:
        assert waited_for(lambda: "rebuilt" in path_of(memory))
        assert path_of(memory) == (
            "exact scan over 300 vectors: the Chroma index is being rebuilt (0 of 300 vectors)"
        )
        assert found(memory, "text 44", k=1) == ["text 44"]
        go_on.set()


def test_a_killed_reader_costs_no_rebuild_but_a_killed_writer_does(closed: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from tests.index.world import opened, fill
memory = opened(Path(sys.argv[1]), index="chroma", crossover=1)
assert memory.parts.derived.keeper.wait(120)
memory.recall("text 3")
if sys.argv[2] == "write":
    fill(memory, 301)
    assert memory.parts.derived.keeper.wait(120)
os._exit(9)
"""
    for how, costs in (("read", False), ("write", True)):
        done = subprocess.run([sys.executable, "-c", code, str(closed), how], check=False)
        assert done.returncode == 9
        assert rebuilt(closed) == costs


def test_a_second_process_scans_exactly_and_takes_over(
    closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = """
import sys
from pathlib import Path
from tests.index.world import opened
memory = opened(Path(sys.argv[1]), index="chroma", crossover=1)
assert memory.parts.derived.keeper.wait(120)
print("owner", flush=True)
sys.stdin.readline()
memory.close()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code, str(closed)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as owner:  # fmt: skip
        assert owner.stdout is not None
        assert owner.stdout.readline() == "owner\n"
        lease = Lease(place_of(closed).directory / f"chroma-{place_of(closed).name}.lock")
        with pytest.raises(errors.StoreBusy, match=str(owner.pid)):
            lease.acquire()
        with opened(closed, **CHROMA) as memory:
            assert waited_for(lambda: f"held by process {owner.pid}" in path_of(memory))
            fill(memory, 310)
            assert found(memory, "text 305", k=1) == ["text 305"]
            gone = memory.recall("text 7", k=1).hits[0]
            assert memory.erase(gone.id).residue == 0  # its owner gives the old index up
            owner.kill()
            owner.wait()
            assert settled(memory)
            assert path_of(memory).startswith(SERVES)
            assert "text 7" not in found(memory, "text 7", k=20)


@pytest.mark.parametrize("building", [False, True])
def test_an_erasure_takes_no_index_from_a_living_owner(
    closed: Path, building: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = place_of(closed)
    directory = place.chroma
    if building:
        directory = directory.rename(place.building)
    before = sorted(path for path in directory.rglob("*"))
    owner = Lease(place.directory / f"chroma-{place.name}.lock")  # busy for longer than we wait
    monkeypatch.setattr(Derived.erased, "__defaults__", (0.2,))
    with opened(closed, index="exact") as memory:
        gone = memory.recall("text 7", k=1).hits[0]
        owner.acquire()
        receipt = memory.erase(gone.id)
        assert receipt.residue is None
        assert f"process {os.getpid()}" in receipt.notes[0]
        assert sorted(path for path in directory.rglob("*")) == before
        assert not place.scan.exists()  # what is free goes nevertheless
    opened(closed, index="exact").close()
    assert directory.exists()  # still held
    owner.release()
    with opened(closed, index="exact") as memory:
        assert not directory.exists()
        assert memory.erase(memory.recall("text 8", k=1).hits[0].id).residue == 0


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_holds_no_lease_and_scans_exactly(closed: Path) -> None:
    with opened(closed, **CHROMA) as memory:
        assert settled(memory)
        child = os.fork()
        if child == 0:
            try:
                ok = found(memory, "text 5", k=1) == ["text 5"] and "forked" in path_of(memory)
                os._exit(0 if ok else 1)
            except BaseException:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert path_of(memory).startswith(SERVES)


def test_a_leases_end_does_not_wait_for_a_forked_child(tmp_path: Path) -> None:
    code = """
import os, sys, time
from pathlib import Path
from memory_core.index.owner import Lease
lease = Lease(Path(sys.argv[1]))
lease.acquire()
if os.fork() == 0:
    sys.stdin.read()
    os._exit(0)
print("held", flush=True)
os._exit(0)
"""
    done = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "x.lock")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert done.stdout is not None
    assert done.stdin is not None
    assert done.stdout.readline() == "held\n"
    done.wait()
    with Lease(tmp_path / "x.lock").waiting(60):  # the child lives until its input ends
        pass
    done.stdin.close()
    done.stdout.close()


def test_a_failing_query_is_answered_exactly_and_the_index_rebuilt(
    closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(closed, **CHROMA) as memory:
        assert settled(memory)

        def broken(*_: object) -> None:
            raise errors.IndexUnavailable("Chroma cannot query: InternalError")

        monkeypatch.setattr(ChromaIndex, "query", broken)
        assert found(memory, "text 8", k=1) == ["text 8"]
        monkeypatch.undo()
        assert settled(memory)
        assert path_of(memory).startswith(SERVES)


def test_a_hanging_query_is_answered_exactly_until_it_returns(
    closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(closed, **CHROMA) as memory:
        assert settled(memory)
        real, go_on = ChromaIndex.query, threading.Event()
        monkeypatch.setattr(ChromaIndex, "query", lambda *a: (go_on.wait(300), real(*a))[1])
        assert "did not answer" in path_of(memory, deadline_ms=2000)
        assert "busy with an earlier call" in path_of(memory)
        monkeypatch.undo()
        go_on.set()
        assert waited_for(lambda: path_of(memory).startswith(SERVES))


def test_a_failing_feed_is_tried_again_and_fails_no_store(
    closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(closed, **CHROMA) as memory:
        assert settled(memory)
        failures = iter(range(2))
        real = ChromaIndex.add

        def sometimes(*given: Any) -> None:
            if next(failures, None) is not None:
                raise errors.IndexUnavailable("Chroma cannot add: the disk is full")
            real(*given)

        monkeypatch.setattr(ChromaIndex, "add", sometimes)
        memory.store("text 301")
        assert found(memory, "text 301", k=1) == ["text 301"]
        assert settled(memory)
        assert path_of(memory).startswith("chroma over 301 vectors")


def test_erasing_leaves_nothing_in_derived(closed: Path) -> None:
    with opened(closed, **CHROMA) as memory:
        assert settled(memory)
        gone = memory.recall("text 7", k=1).hits[0].memory
        vector = memory.parts.embedder.encode_query(gone.text).tobytes()
        place = place_of(closed)
        old = place.directory / f"quarantine-chroma-{place.name}"
        shutil.copytree(place.chroma, old)
        assert any(vector in p.read_bytes() for p in old.rglob("*") if p.is_file())
        assert memory.erase(gone.id).residue == 0
        assert settled(memory)
        assert path_of(memory).startswith("chroma over 300 vectors")
    everything = [p.read_bytes() for p in closed.rglob("*") if p.is_file()]
    assert not [data for data in everything if vector in data]
    assert not old.exists()


def test_exact_never_loads_chromadb(closed: Path) -> None:
    code = """
import sys
from pathlib import Path
from tests.index.world import opened, found
with opened(Path(sys.argv[1]), **eval(sys.argv[2])) as memory:
    found(memory, "text 3")
print("chromadb" in sys.modules)
"""
    for settings in ({"index": "exact", "crossover": 1}, {}):
        done = subprocess.run(
            [sys.executable, "-c", code, str(closed), repr(settings)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout == "False\n", settings


def test_the_index_lets_a_directory_go_after_a_failed_opening(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "chroma.sqlite3").write_bytes(b"no database" * 1000)
    with pytest.raises(errors.IndexUnavailable):
        ChromaIndex.embedded(tmp_path / "data", "cosine")
    (tmp_path / "data" / "chroma.sqlite3").unlink()
    index = ChromaIndex.embedded(tmp_path / "data", "cosine")
    index.add(np.array([7]), np.ones((1, 3), dtype=np.float32))
    assert index.rows().tolist() == [7]
    index.close()
    with pytest.raises(errors.IndexUnavailable, match="closed"):
        index.query(np.ones(3, dtype=np.float32), 1)


def test_a_lane_gives_up_and_comes_back() -> None:
    lane, begun, go_on = Lane("the test"), threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        go_on.wait(300)

    with pytest.raises(Late, match=r"did not answer within 2\.0 s"):
        lane.run(hang, 2.0)
    assert begun.is_set()
    with pytest.raises(Late, match="busy"):
        lane.run(lambda: 1, 1)
    go_on.set()
    assert waited_for(lambda: not lane.stuck)
    assert lane.run(lambda: 1, 120) == 1
    with pytest.raises(ZeroDivisionError):
        lane.run(lambda: 1 // 0, 120)
    lane.close()
