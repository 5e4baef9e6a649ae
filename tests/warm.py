"""The `memory` command for shells in tests, without a second of imports for each of its lines.

    place/memory      what the shell finds on its path: hands words and streams over, waits
    place/socket      a server that has imported the command line and forks for every line

Each line still runs in a process of its own, in the caller's directory and environment.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

CLIENT = """#!{python} -IS
import json, os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
asked = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(server, [len(asked).to_bytes(4, "big")], [0, 1, 2])
server.sendall(asked)
sys.exit(int(server.makefile().readline()))
"""


@contextmanager
def warm_command(place: Path) -> Iterator[Path]:
    """Lend a directory with a `memory` command, to be put on the path."""
    address = str(place / "socket")
    client = place / "memory"
    client.write_text(CLIENT.format(python=sys.executable, address=address))
    client.chmod(0o755)
    server = subprocess.Popen([sys.executable, __file__, address], stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        yield place
    finally:
        server.kill()
        server.communicate()


def serve(address: str) -> None:
    """Answer every client in a process of its own."""
    from memory_core.serve.cli import app

    assert app
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(8)
    print("ready", flush=True)
    waiters: list[int] = []
    while True:
        client, _ = listener.accept()
        if not (waiter := os.fork()):
            _answer(client)
        client.close()
        waiters = [one for one in (*waiters, waiter) if not os.waitpid(one, os.WNOHANG)[0]]


def _answer(client: socket.socket) -> NoReturn:
    """Run what a client asks for, and tell it the exit code."""
    if not (child := os.fork()):
        _run(client)
    _, status = os.waitpid(child, 0)
    client.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _run(client: socket.socket) -> NoReturn:
    size, streams, _, _ = socket.recv_fds(client, 4, 3)
    words, directory, environment = json.loads(
        client.recv(int.from_bytes(size, "big"), socket.MSG_WAITALL)
    )
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["memory", *words]
    from memory_core.serve.cli import main

    code: object = 1
    try:
        main()
        code = 0
    except SystemExit as ended:
        code = ended.code or 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    serve(sys.argv[1])
