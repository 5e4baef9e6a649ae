"""The command line as a shell sees it."""

import ast
import contextlib
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from memory_core.serve.cli import main, quick
from memory_core.serve.cli.app import app
from memory_core.serve.cli.session import session_of


def run(*words: str, home: Path, code: int = 0, stdin: str | bytes = "") -> str:
    command = [sys.executable, "-c", "from memory_core.serve.cli import main; main()",
               "--home", str(home), "--embedder", "hash", *words]  # fmt: skip
    data = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run(command, capture_output=True, input=data)
    out, told = done.stdout.decode(), done.stderr.decode()
    assert done.returncode == code, out + told
    return out if code == 0 else out + told


def within(*words: str, home: Path, code: int = 0) -> str:
    """Run a verb in this process, which starts faster."""
    told = io.StringIO()
    argv = ["memory", "--home", str(home), "--embedder", "hash", *words]
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(told),
        contextlib.redirect_stderr(told),
        pytest.raises(SystemExit) as ended,
    ):
        patch.setattr(sys, "argv", argv)
        main()
    assert (ended.value.code or 0) == code, told.getvalue()
    return told.getvalue()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def test_each_verb_stands_where_it_is_looked_for() -> None:
    every = typer.main.get_command(app)
    assert isinstance(every, typer.core.TyperGroup)
    for verb in (*quick.VERBS, *quick.GROUPS):
        alone = typer.main.get_command(quick.app_of(verb))
        assert isinstance(alone, typer.core.TyperGroup)
        (found,) = alone.commands.values()
        whole = every.commands[verb]
        assert (found.name, found.help) == (verb, whole.help)
        assert [each.opts for each in found.params] == [each.opts for each in whole.params]
    assert set(every.commands) - set(quick.VERBS) - set(quick.GROUPS) == {"serve", "train"}


def test_counts_are_of_what_is_there(home: Path) -> None:
    for text in ("one", "two"):
        run("store", text, home=home)
    ids = [one["id"] for one in json.loads(within("--json", "list", home=home))]
    within("link", ids[0], ids[1], "near", home=home)
    within("recall", "one", home=home)
    counted = json.loads(within("--json", "stats", home=home))
    assert (counted["memories"], counted["vectors"], counted["links"]) == (2, 2, 1)
    within("erase", "--everything", home=home)
    counted = json.loads(within("--json", "stats", home=home))
    assert (counted["memories"], counted["vectors"], counted["links"]) == (0, 0, 0)


def test_each_verb_changes_what_it_says(home: Path) -> None:
    def changed(*words: str, code: int = 0) -> dict[str, object]:
        told: dict[str, object] = json.loads(within("--json", *words, home=home, code=code))
        return told

    old = json.loads(run("--json", "store", "Ana lives in Lisbon", "--at", "2025-01-10", home=home))
    id = old["id"]
    assert changed("revise", id, "--text", "Ana lives in Lisboa")["text"] == "Ana lives in Lisboa"
    assert changed("reinforce", id, "--times", "3")["reinforced"] == 3
    new = changed("supersede", id, "Ana lives in Porto", "--valid-from", "2025-06-01")
    then = within("recall", "Where does Ana live?", "--as-of", "2025-03-01", home=home)
    now = within("recall", "Where does Ana live?", home=home)
    assert ("Lisboa" in then, "Porto" in then, "Porto" in now) == (True, False, True)
    assert changed("expire", str(new["id"]), "--at", "2025-09-01")["state"] == "expired"
    assert changed("invalidate", str(new["id"]), "--reason", "a joke")["state"] == "invalidated"
    assert changed("expire", str(new["id"]), code=1)["error"] == "InvalidInput"
    assert changed("revise", id, code=1)["error"] == "InvalidInput"


def test_a_question_for_an_action_sees_trusted_memories_only(home: Path) -> None:
    run("store", "pay Bob first", "--source", "tool", home=home)
    assert "pay Bob" in within("recall", "pay Bob", home=home)
    assert "pay Bob" not in within("recall", "pay Bob", "--for-action", home=home)
    assert "would forget 1" in within("purge", "--source", "tool", "--dry-run", home=home)
    assert "residue 0 bytes" in within("purge", "--source", "tool", "--erase", home=home)


def test_counting_loads_no_other_verb(home: Path) -> None:
    run("store", "Ana likes tea", home=home)
    code = (
        "import sys; from memory_core.serve.cli import main\ntry: main()\nexcept SystemExit: pass"
    )
    code += "\nprint([n for n in sys.modules if n.startswith('memory_core.serve.cli.')])"
    words = [sys.executable, "-c", code, "--home", str(home), "--embedder", "hash", "stats"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    ours = {name.rpartition(".")[2] for name in ast.literal_eval(done.stdout.splitlines()[-1])}
    assert ours == {"quick", "command", "session", "upkeep"}


def test_store_recall_show_history_forget_erase(home: Path) -> None:
    stored = json.loads(run("--json", "store", "Ana likes tea", "--session", "s1", home=home))
    answer = json.loads(run("--json", "recall", "tea", "--explain", home=home))
    assert answer["hits"][0]["memory"]["id"] == stored["id"]
    assert {step["stage"] for step in answer["trace"]} >= {"dense", "lexical", "pack"}
    assert json.loads(run("--json", "show", stored["id"], home=home))["session"] == "s1"
    run("forget", stored["id"], home=home)
    events = [c["event"] for c in json.loads(run("--json", "history", stored["id"], home=home))]
    assert events == ["stored", "forgotten"]
    assert json.loads(run("--json", "erase", stored["id"], home=home))["residue"] == 0
    assert "NotFound" in run("show", stored["id"], home=home, code=1)


def test_standard_input_and_plain_text(home: Path) -> None:
    run("store", "-", home=home, stdin="from a pipe\nwith two lines")
    assert "from a pipe with two lines" in run("list", home=home)
    assert "from a pipe" in run("recall", "pipe", home=home)


def test_import_export_stats_verify_rebuild_doctor(home: Path, tmp_path: Path) -> None:
    chat = tmp_path / "chat.json"
    messages = [{"role": "user", "content": f"fact number {n}"} for n in range(5)]
    chat.write_text(json.dumps({"messages": messages}))
    assert json.loads(run("--json", "import", str(chat), home=home))["stored"] == 5
    assert json.loads(run("--json", "import", str(chat), home=home))["repeated"] == 5
    out = tmp_path / "out.jsonl"
    run("export", str(out), home=home)
    assert len(out.read_text().splitlines()) == 6
    assert json.loads(run("--json", "stats", home=home))["memories"] == 5
    assert json.loads(run("--json", "verify", home=home)) == {"entries": 5, "faults": []}
    assert json.loads(run("--json", "rebuild", home=home))["entries"] == 5
    assert run("doctor", home=home).rstrip().endswith("All is well: nothing to do.")


def test_errors_are_one_line_and_codes_differ(home: Path) -> None:
    assert run("store", "", home=home, code=1).startswith("memory: InvalidText: ")
    run("recall", "x", "--k", "0", home=home, code=1)
    run("nonsense", home=home, code=2)


def test_errors_are_json_where_json_is_asked_for(home: Path) -> None:
    within("store", "a fact", home=home)
    for words, code, kind, told in (
        (["recall", "x", "-k", "0", "--json"], 1, "InvalidInput", "k=0"),
        (["--json", "show", "0" * 16], 1, "NotFound", "0" * 16),
        (["nonsense", "--json"], 2, "WrongUsage", "nonsense"),
        (["recall", "x", "--json", "--k", "many"], 2, "WrongUsage", "--k"),
        (["show", "--json"], 2, "WrongUsage", "id"),
    ):
        answer = json.loads(within(*words, home=home, code=code))
        assert answer["error"] == kind
        assert told in answer["message"]


def test_json_may_stand_anywhere_but_behind_two_dashes(home: Path) -> None:
    assert json.loads(within("store", "--json", "a fact", home=home))["text"] == "a fact"
    assert within("store", "--", "--json", home=home).startswith("stored ")
    assert json.loads(within("list", "--json", home=home))[0]["text"] == "--json"


def test_only_storing_makes_a_store(home: Path, tmp_path: Path) -> None:
    id = "0" * 16
    looking = (
        ["recall", "x"], ["list"], ["show", id], ["history", id], ["stats"], ["verify"],
        ["rebuild"], ["doctor"], ["forget", id], ["erase", id], ["link", id, id, "r"],
        ["export", str(tmp_path / "out.jsonl")], ["replay", "list"],
    )  # fmt: skip
    for words in looking:
        assert f"no store in {home}" in within(*words, home=home, code=1)
    assert not list(tmp_path.iterdir())
    within("store", "a fact", home=home)
    for words in looking:
        told = within("--namespace", "mistyped", *words, home=home, code=1)
        assert f"no namespace 'mistyped' in {home}" in told
    assert "mistyped" not in (home / "journal.db").read_bytes().decode("latin-1")


def test_a_blank_name_is_refused_and_a_blank_variable_is_none(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEMORY_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    assert "home is blank" in within("--home", "", "store", "x", home=home, code=1)
    assert "namespace is blank" in within("--namespace", "", "store", "x", home=home, code=1)
    assert session_of(None, None, False).home == tmp_path / "user" / ".memory"
    assert not list(tmp_path.iterdir())


def test_a_stored_text_rules_no_terminal(home: Path) -> None:
    within("store", "a \x1b[31mred\x1b[0m \x07bell\x00 \x9b1m", home=home)
    id = json.loads(within("list", "--json", home=home))[0]["id"]
    for words in (["list"], ["recall", "red"], ["show", id], ["history", id]):
        shown = within(*words, home=home)
        assert "␛[31mred" in shown
        assert not {"\x1b", "\x07", "\x00", "\x9b"} & set(shown)


def test_a_settings_file_that_cannot_be_read_is_an_error(home: Path) -> None:
    within("store", "x", home=home)
    (home / "memory.toml").mkdir()
    assert "memory.toml cannot be read" in within("list", home=home, code=1)


def test_standard_input_is_kept_byte_for_byte_or_refused(home: Path) -> None:
    text = "from a pipe\r\nwith\x00 two lines é\n"
    assert json.loads(run("store", "-", "--json", home=home, stdin=text))["text"] == text
    assert "not UTF-8 at byte 1" in run("store", "-", home=home, code=1, stdin=b"a\xff")


def test_a_changed_journal_is_told_with_code_3(home: Path) -> None:
    run("store", "a fact about tea", home=home)
    code = (
        "import apsw, sys; c = apsw.Connection(sys.argv[1]);"
        "c.execute(\"UPDATE content SET body = CAST(replace(body, 'tea', 'ale') AS BLOB)\")"
    )
    subprocess.run([sys.executable, "-c", code, str(home / "journal.db")], check=True)
    assert "the body of entry 1 was changed" in run("verify", home=home, code=3)
    assert "restore the last backup" in run("doctor", home=home, code=3)


def test_doctor_fails_where_the_store_cannot_be_opened(tmp_path: Path) -> None:
    home = tmp_path / "file"
    home.write_text("not a directory")
    assert "choose another home" in run("doctor", home=home, code=1)


def test_nothing_is_coloured_in_a_pipe(home: Path) -> None:
    run("store", "a [bold]fact[/bold] about tea", home=home)
    shown = run("recall", "tea", "--explain", home=home)
    assert "\x1b" not in shown
    assert "[bold]fact[/bold]" in shown


def test_demo_shows_what_it_did_and_leaves_nothing(home: Path) -> None:
    shown = json.loads(run("--json", "demo", home=home))
    assert shown["stored"]["turns"] == shown["journal_entries"] >= 200
    assert shown["journal_faults"] == 0
    assert 0 < shown["answered_first"] <= shown["answered_among_10"] <= shown["questions"]
    for answer in shown["recalled"]:
        for hit in answer["hits"]:
            assert sum(hit["terms"].values()) == pytest.approx(hit["score"])
    assert not home.exists()
