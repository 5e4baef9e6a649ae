"""What Chroma writes beyond its vectors is process memory, and must not reach the disk to stay."""

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from memory_core.index.blank import HEADER, LENGTHS, ROWS, blank_unused
from tests.index.world import found, opened

BUILD = """
import sys
from pathlib import Path
from tests.index.test_trust import CHROMA, settled
from tests.index.world import fill, found, opened

with opened(Path(sys.argv[1]), 50, **CHROMA) as memory:
    assert settled(memory)
    if {late}:
        fill(memory, 1_250)
        assert settled(memory)
"""


def unused(home: Path) -> int:
    """Return how many bytes that belong to no vector are not zero, in all tables of a home."""
    dirty = 0
    for header in home.rglob(HEADER):
        _, _, _, count, width = struct.unpack_from("<iQQQQ", header.read_bytes())
        for name, size in ((ROWS, width), (LENGTHS, 4)):
            rest = header.with_name(name).read_bytes()[count * size :]
            dirty += len(rest) - rest.count(0)
    return dirty


@pytest.mark.parametrize("late", [False, True], ids=["built", "fed"])
def test_no_process_memory_stays_in_the_files(tmp_path: Path, late: bool) -> None:
    code = BUILD.format(late=late)
    # glibc fills what it allocates with this byte: what a long-lived process has there anyway
    environment = {**os.environ, "MALLOC_PERTURB_": "90", "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code, tmp_path], env=environment, check=True)
    assert list(tmp_path.rglob(HEADER))
    assert not unused(tmp_path)


def test_only_what_is_unused_is_blanked(tmp_path: Path) -> None:
    table = tmp_path / "segment"
    table.mkdir()
    (table / HEADER).write_bytes(struct.pack("<iQQQQ", 1, 0, 5, 2, 10) + bytes(60))
    (table / ROWS).write_bytes(b"\x07" * 50)
    (table / LENGTHS).write_bytes(b"\x07" * 20)
    assert blank_unused(tmp_path) == 30 + 12
    assert (table / ROWS).read_bytes() == b"\x07" * 20 + bytes(30)
    assert (table / LENGTHS).read_bytes() == b"\x07" * 8 + bytes(12)
    assert blank_unused(tmp_path) == 0


def test_a_table_without_a_whole_header_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / HEADER).write_bytes(b"\x01")
    (tmp_path / ROWS).write_bytes(b"\x07" * 50)
    assert blank_unused(tmp_path) == 0
    assert (tmp_path / ROWS).read_bytes() == b"\x07" * 50


def test_a_blanked_index_is_believed_and_answers(tmp_path: Path) -> None:
    for _ in range(2):
        with opened(tmp_path, 1_250, index="chroma", crossover=1) as memory:
            assert memory.parts.derived is not None
            assert found(memory, "text 700", k=1) == ["text 700"]
