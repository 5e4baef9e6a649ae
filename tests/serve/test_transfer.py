"""`memory import` and `memory export`: where things go, what is told, what stays whole."""

import gzip
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from memory_core import open_memory
from memory_core.errors import InvalidInput, NotFound
from memory_core.serve.cli.app import app

Command = Callable[..., Result]


@pytest.fixture
def memory(tmp_path: Path) -> Command:
    def run(*words: str, namespace: str = "ana", code: int = 0) -> Result:
        first = ["--home", str(tmp_path / "home"), "--namespace", namespace, "--embedder", "hash"]
        done = CliRunner().invoke(app, [*first, *words])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == code, done.output
        return done

    return run


def texts(home: Path, namespace: str) -> set[str]:
    with open_memory(home, namespace=namespace, embedder="hash") as memory:
        return {found.text for found in memory.list(limit=1000)}


def two_chats(path: Path) -> Path:
    chats = [
        {"id": name, "messages": [{"role": "user", "content": f"{name} has {n} cats"}]}
        for n, name in enumerate(["ann", "bob"])
    ]
    path.write_text("".join(json.dumps(chat) + "\n" for chat in chats))
    return path


def test_into_each_gives_a_namespace_to_each_conversation(memory: Command, tmp_path: Path) -> None:
    path = two_chats(tmp_path / "c.jsonl")
    report = json.loads(memory("--json", "import", str(path), "--into", "each").stdout)
    assert report["namespaces"] == {"ann": 1, "bob": 1}
    assert report["pending"] == 0
    assert texts(tmp_path / "home", "ann") == {"ann has 0 cats"}
    assert texts(tmp_path / "home", "ana") == set()


def test_conversations_go_into_one_namespace_unless_asked(memory: Command, tmp_path: Path) -> None:
    path = two_chats(tmp_path / "c.jsonl")
    report = json.loads(memory("--json", "import", str(path)).stdout)
    assert report["namespaces"] == {"ana": 2}


def test_one_conversation_goes_where_the_option_says(memory: Command, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps({"id": "ann", "messages": [{"role": "user", "content": "hi"}]}))
    memory("import", str(path))
    assert texts(tmp_path / "home", "ana") == {"hi"}
    memory("import", str(path), "--into", "each")
    assert texts(tmp_path / "home", "ann") == {"hi"}


def test_rejections_are_told_once_with_their_line_and_code_3(
    memory: Command, tmp_path: Path
) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text('{"format": "memory-core", "version": 1}\n{"text": "a"}\n{"text"\n')
    done = memory("import", str(path), code=3)
    assert "stored 1, repeated 0, rejected 1" in done.stdout
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("rejected")]
    assert line.startswith("rejected m.jsonl:3: malformed")
    assert memory("import", str(path), code=3).stdout.startswith("stored 0, repeated 1, rejected 1")


def test_a_cut_archive_gives_what_came_before_the_cut(memory: Command, tmp_path: Path) -> None:
    lines = [
        json.dumps({"text": f"{n} " + sha256(str(n).encode()).hexdigest()}) for n in range(2000)
    ]
    header = '{"format": "memory-core", "version": 1}'
    whole = gzip.compress("\n".join([header, *lines]).encode())
    path = tmp_path / "m.jsonl.gz"
    path.write_bytes(whole[: len(whole) // 2])
    report = json.loads(memory("--json", "import", str(path), code=3).stdout)
    assert 500 < report["stored"] < 1500
    (rejected,) = report["rejected"]
    assert "gzip stream damaged or cut off" in rejected
    path.write_bytes(whole)
    again = json.loads(memory("--json", "import", str(path)).stdout)
    assert again["stored"] + again["repeated"] == 2000


def test_without_embedding_the_vectors_come_later(memory: Command, tmp_path: Path) -> None:
    path = two_chats(tmp_path / "c.jsonl")
    words = ("import", str(path), "--into", "one")
    assert json.loads(memory("--json", *words, "--no-embed").stdout)["pending"] == 2
    assert json.loads(memory("--json", *words).stdout)["pending"] == 0


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_an_export_comes_back(memory: Command, tmp_path: Path, name: str) -> None:
    memory("store", "Ana likes tea", "--at", "2026-03-14T18:30:00Z")
    memory("export", str(tmp_path / name))
    packed = (tmp_path / name).read_bytes()[:2] == b"\x1f\x8b"
    assert packed == name.endswith(".gz")
    assert memory("import", str(tmp_path / name)).stdout.startswith("stored 0, repeated 1")
    memory("import", str(tmp_path / name), namespace="new")
    with open_memory(tmp_path / "home", namespace="new", embedder="hash") as new:
        (found,) = new.list()
    assert (found.text, found.occurred_at.isoformat()) == (
        "Ana likes tea",
        "2026-03-14T18:30:00+00:00",
    )


def test_standard_output_holds_only_the_export(memory: Command) -> None:
    memory("store", "Zoë drinks tea ☕")
    header, line = map(json.loads, memory("export", "-").stdout.splitlines())
    assert header["format"] == "memory-core"
    assert line["text"] == "Zoë drinks tea ☕"


def test_an_export_never_replaces_a_file_or_leaves_a_part(memory: Command, tmp_path: Path) -> None:
    memory("store", "tea")
    taken = tmp_path / "taken"
    taken.write_text("mine")
    with pytest.raises(InvalidInput, match="is there already"):
        memory("export", str(taken))
    with pytest.raises(InvalidInput, match="cannot be written"):
        memory("export", str(tmp_path / "nowhere" / "out"))
    with pytest.raises(NotFound):
        memory("export", str(tmp_path / "out"), namespace="misspelt")
    assert taken.read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["home", "taken"]


def test_an_unknown_format_stores_nothing(memory: Command, tmp_path: Path) -> None:
    path = two_chats(tmp_path / "c.jsonl")
    with pytest.raises(InvalidInput, match="format 'mbox' is not known"):
        memory("import", str(path), "--format", "mbox")
    (tmp_path / "noise").write_text("not a format")
    with pytest.raises(InvalidInput, match="of no known format"):
        memory("import", str(tmp_path / "noise"))
    assert texts(tmp_path / "home", "ana") == set()
