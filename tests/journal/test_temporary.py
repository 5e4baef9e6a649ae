"""Temporary directories: gone with their process, whichever way it ends."""

import subprocess
import sys
from pathlib import Path

import pytest

from memory_core.journal.temporary import temporary

MAKER = (
    "import sys\n"
    "from pathlib import Path\n"
    "from memory_core.journal.temporary import temporary\n"
    "with temporary(Path(sys.argv[1]), 'work') as place:\n"
    "    (place / 'words').write_text('secret')\n"
    "    print(place.name, flush=True)\n"
    "    sys.stdin.read()\n"
)


def names(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir())


def test_it_is_private_and_removed_even_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="broken"), temporary(tmp_path, "work") as place:
        assert place.stat().st_mode & 0o777 == 0o700
        (place / "words").write_text("secret")
        raise OSError("broken")
    assert names(tmp_path) == []


def test_one_that_was_renamed_stays(tmp_path: Path) -> None:
    with temporary(tmp_path, "work") as place:
        place.rename(tmp_path / "done")
    assert names(tmp_path) == ["done"]


def test_those_of_the_dead_are_removed_and_no_others(tmp_path: Path) -> None:
    for name in ("work", "work-12-notes", "worker-12-0123abcd"):
        (tmp_path / name).mkdir()
    maker = subprocess.Popen(
        [sys.executable, "-c", MAKER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with maker:
        assert maker.stdout is not None
        made = maker.stdout.readline().strip()
        with temporary(tmp_path, "work"):
            assert made in names(tmp_path)  # it lives
        maker.kill()
    assert made in names(tmp_path)
    with temporary(tmp_path, "work"):
        assert made not in names(tmp_path)
    assert names(tmp_path) == ["work", "work-12-notes", "worker-12-0123abcd"]
