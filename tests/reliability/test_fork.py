"""A fork while other threads write and recall leaves the child a memory that works."""

import os
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from memory_core import MemoryManager, open_memory


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[MemoryManager]:
    with open_memory(tmp_path, embedder="hash", index="exact") as opened:
        opened.store("the seed of the fern")
        opened.recall("fern")
        yield opened


def finished(pid: int, seconds: float = 120) -> bool:
    """Wait for a child; a machine under load may be slow, a child that hangs is killed."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return status == 0
        time.sleep(0.02)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return False


def forked(child: Callable[[], object]) -> int:
    pid = os.fork()
    if not pid:
        try:
            child()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    return pid


@contextmanager
def busy(*calls: Callable[[], object]) -> Iterator[None]:
    """Run each call over and over in a thread of its own."""
    stop = threading.Event()

    def repeat(call: Callable[[], object]) -> None:
        while not stop.is_set():
            call()

    threads = [threading.Thread(target=repeat, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_children_of_a_busy_parent_write_and_recall(memory: MemoryManager) -> None:
    def child(key: str) -> None:
        memory.store("a child", key=key)
        memory.recall("child")

    keys = [f"child-{n}" for n in range(20)]
    with busy(
        lambda: memory.store("thing by the fern"),
        lambda: memory.recall("fern seed"),
        lambda: memory.recall("thing"),
    ):
        ended = []
        for n, key in enumerate(keys):
            time.sleep(0.003 * (n % 5))
            ended.append(finished(forked(lambda key=key: child(key))))  # type: ignore[misc]
    assert all(ended)
    assert all(memory.outcome(key).stored for key in keys)


@pytest.mark.model
def test_a_child_recalls_with_the_models_that_the_parent_has_loaded(tmp_path: Path) -> None:
    with open_memory(tmp_path, index="exact") as memory:
        memory.store("The spare key lies under the fern")
        memory.parts.catchup.drain()
        assert memory.recall("Where is the key?").status == "ok"

        def child() -> None:
            memory.store("The cat sleeps on the boiler")
            assert memory.parts.catchup.drain() == 0
            result = memory.recall("Where does the cat sleep?")
            assert result.status == "ok", result.reasons
            assert result.hits[0].memory.text == "The cat sleeps on the boiler"
            assert "dense" in result.hits[0].signals

        assert finished(forked(child), 300)


def test_a_fork_inside_a_read_gives_no_connection_of_the_parent_to_the_child(
    memory: MemoryManager,
) -> None:
    with memory.journal.database.read() as connection:
        parent = os.getpid()
        pid = os.fork()
    if os.getpid() == parent:
        assert finished(pid)
        assert memory.recall("fern").hits
        return
    try:
        with memory.journal.database.read() as other:
            os._exit(0 if other is not connection and memory.recall("fern").hits else 1)
    finally:
        os._exit(1)


def test_a_reader_that_rests_holds_up_no_fork(memory: MemoryManager) -> None:
    for n in range(5):
        memory.store(f"text {n}")
    resting = memory.journal.entries()
    next(resting)
    began = threading.Event()

    def fork_elsewhere() -> None:
        assert finished(forked(lambda: memory.recall("fern")))
        began.set()

    thread = threading.Thread(target=fork_elsewhere)
    thread.start()
    thread.join()
    assert began.is_set()
    assert [entry.seq for entry in resting] == [2, 3, 4, 5, 6]
