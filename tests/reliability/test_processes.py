"""One store, several processes: forked, read-only, and side by side."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from memory_core import open_memory

READ_ONLY = """
import sys
from memory_core import open_memory
from memory_core.errors import StoreReadOnly
with open_memory(sys.argv[1], embedder="hash") as memory:
    print(memory.recall("spare key").hits[0].memory.text)
    print(memory.recall("spare key").recall_id)
    try:
        memory.store("more")
    except StoreReadOnly:
        print("refused")
"""


@pytest.mark.skipif(
    not shutil.which("setpriv") or os.getuid() != 0,
    reason="dropping the right to write anywhere needs root and setpriv",
)
def test_a_read_only_home_recalls_unrecorded(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with open_memory(home, embedder="hash") as memory:
        memory.store("the spare key is under the fern")
        memory.parts.catchup.drain()
    for path in (*home.rglob("*"), home):
        path.chmod(0o500 if path.is_dir() else 0o400)
    command = [
        "setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner", "--inh-caps=-all",
        sys.executable, "-c", READ_ONLY, str(home),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    home.chmod(0o700)
    assert done.stdout.splitlines() == ["the spare key is under the fern", "None", "refused"], (
        done.stderr
    )


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_opens_its_own_connections(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash") as memory:
        memory.store("stored by the parent")
        memory.recall("parent")
        child = os.fork()
        if child == 0:
            try:
                memory.store("stored by the child")
                found = memory.recall("stored by the child", k=1).hits[0].memory.text
                os._exit(0 if found == "stored by the child" else 1)
            except BaseException:
                os._exit(2)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        memory.store("stored by the parent again")
        assert len(memory.list()) == 3
        assert memory.journal.verify() == []


def test_what_another_process_stores_is_recalled(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder="hash") as memory:
        memory.store("a note about gardens")
        code = (
            "from memory_core import open_memory\n"
            f"with open_memory({str(tmp_path)!r}, embedder='hash') as m:\n"
            "    m.store('the xylophone is in the attic')\n"
        )
        subprocess.run([sys.executable, "-c", code], check=True)
        best = memory.recall("where is the xylophone?", k=1).hits[0].memory.text
    assert best == "the xylophone is in the attic"
