"""A fork while another thread writes leaves the child a memory that works.

A fork in the middle of another thread's *recall* may still find a lock of SQLite or of the
allocator held, which nobody can renew: agents that recall in threads should start processes by
spawn.
"""

import os
import threading
import time
from pathlib import Path

from memory_core import open_memory


def finished(pid: int, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if os.waitpid(pid, os.WNOHANG)[0]:
            return True
        time.sleep(0.02)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return False


def test_children_of_a_busy_parent_write_and_recall(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash", index="exact") as memory:
        memory.store("the seed of the fern")
        memory.recall("fern")
        stop = threading.Event()

        def write() -> None:
            while not stop.is_set():
                memory.store("thing by the fern")

        writer = threading.Thread(target=write)
        writer.start()
        done = 0
        for n in range(8):
            time.sleep(0.02)
            pid = os.fork()
            if not pid:
                try:
                    memory.store(f"child {n}", key=f"child-{n}")
                    memory.recall("child")
                    os._exit(0)
                finally:
                    os._exit(1)
            done += finished(pid, 15)
        stop.set()
        writer.join()
        assert done >= 7  # the embedding worker may be inside SQLite or the allocator
        stored = sum(memory.outcome(f"child-{n}").stored for n in range(8))
        assert stored >= done - 1
