"""L1, T8: logs hold no word of a memory, and no name leads out of the home.

L1 puts a word that stands nowhere else into every text field and lets things go well and badly,
with a handler on the root logger. T8 uses hostile names for namespaces, sessions and keys, and
looks at every file that appears, beside and below the home.
"""

import logging
import random
import string
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from memory_core.build import open_memory
from memory_core.embed.function import FunctionEmbedder
from memory_core.errors import MemoryCoreError
from memory_core.hooks import MemoryHooks
from memory_core.lifecycle.backup import backup
from memory_core.lifecycle.duplicates import duplicates_plan
from memory_core.lifecycle.policies import carry_out
from memory_core.manager import MemoryManager
from memory_core.proofs.plants import planted
from memory_core.proofs.row import Findings, Proof, Run

FIELDS = ("text", "role", "speaker", "session", "subject", "attribute", "key", "writer")
NAMES: tuple[str, ...] = (
    "..", "../..", "../../etc/passwd", "/etc/passwd", "/tmp/x", "a/../../b", "~", "~/x", "C:\\con",
    "con", "nul", ".", "...", "-rf", "--help", "a\nb", "a\tb", "%2e%2e%2f", "\\\\host\\share",
    "journal.db", "derived", "journal.db-wal", "memory.toml", "recordings.db", "Ana", "ana", "ANA",
    "\u00c5", "A\u030a", "\u202ecod.txt", "x" * 256, "\U0001f600" * 60, "a b", " a", "a ", "$HOME",
    "`id`", "$(id)", "file:x?mode=memory", "x?immutable=1", ":memory:", "'; --", "*", "?", "|cat",
)  # fmt: skip


def prove_quiet_logs(run: Run, findings: Findings) -> None:
    """Live through successes and failures; no record at INFO or above may hold a canary."""
    said: list[str] = []
    with planted(run.planted), _listening(said):
        for round_ in range(run.size):
            words = {name: _word(run.random) for name in (*FIELDS, "value", "question", "reason")}
            for act in (_lived, _failed, _broken_model):
                before = len(said)
                act(run.place / f"home{round_}-{act.__name__}", words, findings)
                told = [line for line in said[before:] if _holds(line, words)]
                findings.check(not told, f"{act.__name__[1:]}: {told[:1]}")
    findings.measured["records"] = len(said)


@contextmanager
def _listening(said: list[str]) -> Iterator[None]:
    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(self.format(record))  # with its traceback

    handler, root = Keeping(logging.INFO), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def _lived(home: Path, words: dict[str, str], findings: Findings) -> None:
    with open_memory(home, embedder="hash:32", index="chroma") as memory:
        stored = memory.store(**_fields(words))  # type: ignore[arg-type]
        other = memory.store(f"another {words['text']}")
        memory.recall(f"{words['question']}?")
        memory.revise(stored.id, text=f"now {words['text']}")
        memory.link(stored.id, other.id, words["reason"])
        memory.forget(other.id, words["reason"])
        carry_out(memory, duplicates_plan(memory))
        hooks = MemoryHooks(memory, session=words["session"])
        hooks.before_turn(words["question"])
        hooks.after_turn(words["question"], words["text"])
        memory.erase(stored.id)
        backup(memory, home.with_name(f"{home.name}-backup"))
        findings.injected += 1


def _failed(home: Path, words: dict[str, str], findings: Findings) -> None:
    with open_memory(home, embedder="hash:32", index="exact", secrets="reject") as memory:
        memory.store(words["text"], key=words["key"])
        secret = f"password: {words['value']}1A!"
        acts: tuple[Callable[[], object], ...] = (
            lambda: memory.store(words["value"], key=words["key"]),
            lambda: memory.store(secret),
            lambda: memory.store(words["text"], metadata={words["value"]: {"nested": 1}}),
            lambda: memory.store(words["text"] + "\ud800"),
            lambda: memory.get(words["value"]),
            lambda: memory.recall(words["question"], where={words["value"]: 1}),
        )
        for act in acts:
            try:
                act()
            except MemoryCoreError:
                findings.injected += 1
        hooks = MemoryHooks(memory, session=words["session"])
    hooks.before_turn(words["question"])  # the store is closed: logged, never raised
    hooks.after_turn(words["question"], words["text"])
    findings.injected += 2


def _broken_model(home: Path, words: dict[str, str], findings: Findings) -> None:
    def fails(texts: list[str]) -> np.ndarray:
        raise RuntimeError(f"cannot encode {texts}")

    embedder = FunctionEmbedder(fails, dimension=8, name="broken")
    try:
        with open_memory(home, embedder=embedder, index="exact") as memory:
            memory.store(words["text"])
            memory.recall(words["question"], deadline_ms=200)
    except MemoryCoreError:
        pass
    findings.injected += 1


def _fields(words: dict[str, str]) -> dict[str, object]:
    fields: dict[str, object] = {name: words[name] for name in FIELDS}
    return {**fields, "metadata": {"a": words["value"], "b": [words["value"]]}}


def _holds(line: str, words: dict[str, str]) -> bool:
    return any(word in line.casefold() for word in words.values())


def prove_paths(run: Run, findings: Findings) -> None:
    """Open namespaces of hostile names, and store, recall and erase under hostile names."""
    outside = run.place / "outside"
    home = outside / "home"
    outside.mkdir(parents=True)
    (outside / "neighbour").write_text("untouched")
    seen: dict[str, bytes] = {}
    with planted(run.planted):
        for number in range(run.size):
            name = NAMES[number] if number < len(NAMES) else _hostile(run.random)
            findings.injected += 1
            try:
                memory = open_memory(home, namespace=name, embedder="hash:16")
            except MemoryCoreError:  # blank, too long, or with NUL: refused with a reason
                continue
            with memory:
                _use(memory, name, seen, findings)
    beside = sorted(path.name for path in outside.iterdir())
    findings.check(beside == ["home", "neighbour"], f"beside the home: {beside}")
    findings.check((outside / "neighbour").read_text() == "untouched", "a neighbour was changed")
    here = home.resolve()
    astray = [path for path in home.rglob("*") if here not in path.resolve().parents]
    findings.check(not astray, f"outside the home: {astray[:1]}")
    findings.measured["namespaces"] = len(seen)


def _use(memory: MemoryManager, name: str, seen: dict[str, bytes], findings: Findings) -> None:
    uid = memory.journal.identity.uid
    findings.check(seen.setdefault(name, uid) == uid, f"{name!r} is another namespace now")
    shared = [other for other, theirs in seen.items() if theirs == uid and other != name]
    findings.check(not shared, f"{name!r} and {shared[:1]} are one namespace")
    stored = memory.store(f"of {name!r}", session=name, key=f"k{name}"[:200], speaker=name)
    memory.recall("whose is it", session=name)
    memory.parts.catchup.drain()
    findings.check(memory.get(stored.id).session == name, f"{name!r} came back changed")
    findings.check(len(memory.list(limit=9)) == 1, f"{name!r} sees what is not its own")
    memory.erase(stored.id)


def _hostile(chance: random.Random) -> str:
    parts = ("..", "/", "\\", ".", "~", "a", "A", "\u0301", "journal.db", "%00", " ", "-", ":", "x")
    return "".join(chance.choices(parts, k=chance.randint(1, 12)))


def _word(chance: random.Random) -> str:
    return "zq" + "".join(chance.choices(string.ascii_lowercase, k=14))


PROOFS = (
    Proof("L1", "logs hold no word of a memory", 5, 1, prove_quiet_logs),
    Proof("T8", "no name leads out of the home", 60, 10, prove_paths),
)
