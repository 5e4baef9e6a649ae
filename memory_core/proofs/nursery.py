"""Child processes that start in milliseconds, to be killed by the thousand.

A server imports everything once and opens nothing; each child is a fork of it that runs one
function and speaks line by line. One child lives at a time, and it is reaped only when its parent
says so: its process id cannot belong to another process while somebody may still kill it.

    with Nursery() as nursery:
        life = nursery.life("memory_core.proofs.writer:write", {"home": home}, 0.1)
"""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

READY = "ready"
"""What a child says when its life begins to count."""
_PRELOADED = ("memory_core.build", "memory_core.proofs.writer")


@dataclass(frozen=True, slots=True)
class Life:
    """What a child said between "ready" and its end, and how it ended."""

    said: list[str]
    """Complete lines."""
    code: int
    """0 for an ending, 1 for an exception, -9 for a kill."""

    @property
    def killed(self) -> bool:
        """Whether it died by SIGKILL."""
        return self.code == -signal.SIGKILL


class Nursery:
    """Starts children one after another; a context manager."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = 0
        """The process id of the child that lives, 0 while none does."""

    def life(
        self, function: str, arguments: Mapping[str, object], seconds: float | None = None
    ) -> Life:
        """Return what became of a child.

        Args:
            function: what it runs, as `module:name`.
            arguments: passed to the function by name; what JSON can carry.
            seconds: after how long it is killed with SIGKILL; None lets it end by itself.

        Raises:
            RuntimeError: the server is gone.
        """
        self._tell(json.dumps([function, dict(arguments)]))
        pid = self.pid = int(self._line())
        said = [self._line()]
        if said[0] == READY and seconds is not None:
            time.sleep(seconds)
            os.kill(pid, signal.SIGKILL)
        self._tell("reap")
        end = f"dead {pid}"
        while not said[-1].startswith(end):
            said.append(self._line())
        self.pid = 0
        code = int(said.pop().removeprefix(end))
        return Life(said[1:] if said[:1] == [READY] else said, code)

    def _tell(self, line: str) -> None:
        if self._server.stdin is None:
            raise RuntimeError("the server has no input")
        self._server.stdin.write(line + "\n")
        self._server.stdin.flush()

    def _line(self) -> str:
        line = self._server.stdout.readline() if self._server.stdout else ""
        if not line.endswith("\n"):
            raise RuntimeError("the server of the children is gone")
        return line.rstrip("\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.__exit__(kind, error, traceback)


def say(line: str) -> None:
    """Write one line in one system call: a kill leaves all of it or nothing."""
    os.write(1, (line + "\n").encode())


def serve() -> None:
    """Fork a child for every line of standard input, until that ends."""
    for name in _PRELOADED:
        importlib.import_module(name)
    for line in iter(sys.stdin.readline, ""):
        if (pid := os.fork()) == 0:
            _live(*json.loads(line))
        sys.stdin.readline()
        _, status = os.waitpid(pid, 0)
        say(f"dead {pid} {os.waitstatus_to_exitcode(status)}")


def _live(function: str, arguments: Mapping[str, object]) -> None:
    say(str(os.getpid()))
    code = 1
    try:
        module, name = function.split(":")
        getattr(importlib.import_module(module), name)(**arguments)
        code = 0
    except BaseException as error:
        say(f"error {type(error).__name__}: {error}".replace("\n", " "))
    finally:
        os._exit(code)


if __name__ == "__main__":
    serve()
