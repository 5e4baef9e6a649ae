"""Thirty sessions over two and a half years, and the process is killed in between.

with open_memory(home, namespace="ana", clock=clock) as memory:
    memory.store("Ana lives in Porto", subject="Ana", attribute="city", valid_from="2025-06-01")
    memory.recall("Where does Ana live?")                       # what holds now
    memory.recall("Where did Ana live?", as_of="2025-03-01")    # what held then
"""

import signal
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agents_examples.model import answer
from memory_core import MemoryHooks, MemoryManager, open_memory

START = datetime(2024, 1, 10, tzinfo=UTC)
SESSIONS = 30
FACTS = {
    0: ("city", "Ana lives in Lisbon"),
    2: ("drink", "Ana drinks coffee in the morning"),
    7: ("employer", "Ana works at a bakery"),
    11: ("city", "Ana lives in Porto"),
    16: ("drink", "Ana drinks green tea in the morning"),
    19: ("employer", "Ana works at a print shop"),
    25: ("city", "Ana lives in Braga"),
}
KILLED_AFTER = (9, 21)
"""The process that holds these sessions dies right after it stored the turn."""


def moment(session: int) -> datetime:
    """Return when a session takes place: one a month."""
    return START + timedelta(days=30 * session)


def hold(home: str, first: int) -> None:
    """Hold the sessions from the first one on, until the process is killed or all are held."""
    for session in range(first, SESSIONS):
        clock = int(moment(session).timestamp() * 1_000_000)
        with open_memory(home, namespace="ana", clock=lambda at=clock: at) as memory:
            hooks = MemoryHooks(memory, session=f"month {session}", summarise=None)
            text = f"In month {session} my project number {session} began"
            if fact := FACTS.get(session):
                memory.store(
                    fact[1], subject="Ana", attribute=fact[0], valid_from=moment(session),
                    session=f"month {session}",
                )  # fmt: skip
            turn = hooks.before_turn(text)
            hooks.after_turn(text, answer([{"role": "user", "content": f"{turn.context}\n{text}"}]))
            if session in KILLED_AFTER:
                signal.raise_signal(signal.SIGKILL)


def ask(memory: MemoryManager, question: str, as_of: datetime | None = None) -> str:
    """Return the best memory's text: what holds now, or what held then."""
    return memory.recall(question, k=1, as_of=as_of, now=moment(SESSIONS)).hits[0].memory.text


def main(home: str | Path | None = None) -> list[str]:
    """Live through the sessions and ask about now and then; return the answers."""
    with tempfile.TemporaryDirectory() as temporary:
        place = str(home or temporary)
        begin, kills = 0, 0
        while True:
            module = f"agents_examples.{Path(__file__).stem}"  # however it was started
            done = subprocess.run([sys.executable, "-m", module, place, str(begin)])
            if done.returncode == 0:
                break
            kills += 1
            begin = KILLED_AFTER[kills - 1] + 1
            print(f"the process was killed after session {begin - 1}; the next one goes on")
        with open_memory(place, namespace="ana") as memory:
            projects = [m for m in memory.list(limit=200) if "project number" in m.text]
            print(f"{len(projects)} of {SESSIONS} sessions are there")
            answers = [
                ask(memory, "In which city does Ana live?"),
                ask(memory, "In which city does Ana live?", moment(5)),
                ask(memory, "What does Ana drink in the morning?"),
                ask(memory, "What does Ana drink in the morning?", moment(10)),
                ask(memory, "Where does Ana work?"),
                ask(memory, "Where does Ana work?", moment(15)),
            ]
    for text in answers:
        print(text)
    return [*answers, str(len(projects)), str(kills)]


if __name__ == "__main__":
    if len(sys.argv) == 3:
        hold(sys.argv[1], int(sys.argv[2]))
    else:
        main()
