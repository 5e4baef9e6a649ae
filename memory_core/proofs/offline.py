"""T7: a whole session with the real model and Chroma makes no connection.

Three watchers at once, as far as the machine has them: Python's audit hook in the session itself,
an empty network namespace around it (`unshare -rn`), and `strace` below it, which also sees what
compiled code does.

    python -m memory_core.proofs.offline HOME [PLANT]
"""

import io
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from memory_core.build import open_memory
from memory_core.interchange.transfer import export_jsonl
from memory_core.proofs import needs
from memory_core.proofs.plants import planted
from memory_core.proofs.row import Findings, Proof, Run

WATCHED = (
    "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr",
    "socket.sendto", "socket.sendmsg", "urllib.Request", "http.client.connect",
)  # fmt: skip
CALLS = "trace=connect,sendto,sendmsg,sendmmsg"
LAST_UNTRACED = 0  # strace takes four times as long, so only the second session is traced
INTERNET = ("AF_INET", "sin_addr", "sin6_addr")


def prove_silence(run: Run, findings: Findings) -> None:
    """Run the session `run.size` times in a child and count what it tried to reach."""
    unshare = _works(["unshare", "-rn", "true"])
    traced = _works(["strace", "-f", "-e", CALLS, "-o", "/dev/null", "true"])
    for number in range(run.size):
        strace = traced and number == LAST_UNTRACED + 1
        home = run.place / str(number)
        with tempfile.NamedTemporaryFile(mode="r") as log:
            command = [
                *(["unshare", "-rn"] if unshare else []),
                *(["strace", "-f", "-e", CALLS, "-o", log.name] if strace else []),
                sys.executable, "-m", __name__, str(home), *([run.planted] if run.planted else []),
            ]  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True)
            findings.check(done.returncode == 0, f"the session failed: {done.stderr[-300:]}")
            report = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {}
            findings.check(not report.get("reached"), f"Python reached for {report.get('reached')}")
            calls = [line for line in log if any(word in line for word in INTERNET)]
            findings.check(not calls, f"{len(calls)} system calls to a network: {calls[:1]}")
            findings.injected += int(report.get("operations", 0))
    findings.measured |= {
        "network_removed": unshare,
        "system_calls_watched": traced and run.size > LAST_UNTRACED + 1,
    }


def session(home: Path) -> int:
    """Use a memory as an agent would, and return how many operations that were."""
    operations = 0
    for index in ("exact", "chroma"):
        with open_memory(home, index=index) as memory:
            stored = [
                memory.store(f"{name} lives in {place}", session="s1", role="user")
                for name, place in (("Ana", "Lisbon"), ("Bo", "Oslo"), ("Eve", "Turin"))
            ]
            memory.link(stored[0].id, stored[1].id, "knows")
            memory.supersede(stored[2].id, "Eve lives in Milan")
            memory.parts.catchup.drain()
            result = memory.recall("Who lives in Portugal?", k=2)
            if not result.hits:
                raise LookupError("nothing was recalled")
            memory.erase(stored[1].id)
            operations += 9
        with open_memory(home, index=index) as memory:
            memory.recall("Where does Eve live?")
            export_jsonl(memory, io.StringIO())
            operations += 2
    return operations


def main(home: str, plant: str | None = None) -> None:
    """Run the session under the hook and print what it reached for."""
    reached: list[str] = []

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in WATCHED and "AddressFamily.AF_UNIX" not in repr(arguments):
            reached.append(f"{event} {arguments[1:]!r}"[:200])

    sys.addaudithook(hook)
    with planted(plant):
        operations = session(Path(home))
    sys.stdout.write(json.dumps({"operations": operations, "reached": reached}) + "\n")


def _works(command: list[str]) -> bool:
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, capture_output=True).returncode == 0


PROOFS = (Proof("T7", "nothing is sent to a network", 3, 1, prove_silence, needs.model),)

if __name__ == "__main__":
    main(*sys.argv[1:])
