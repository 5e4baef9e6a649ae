"""Another embedding model: refused by accident, filled and switched to on purpose, and back."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from memory_core import open_memory
from memory_core.build import Opening, opened
from memory_core.config import load
from memory_core.embed.base import CANARY, Fingerprint
from memory_core.embed.hashing import HashEmbedder
from memory_core.errors import (
    EmbeddingFailed,
    InvalidInput,
    ModelMismatch,
    ModelNotFound,
    NotFound,
)
from memory_core.journal.events import Migrated
from memory_core.migrate import drop, migrate, rollback, standings
from memory_core.migrate.run import Plan
from memory_core.replay import Replay
from memory_core.serving import spec_of

TEXTS = [f"Ana keeps box {n} in room {n % 7} of the house in Lisbon" for n in range(150)]
OLD, NEW = "hash:64", "hash:128"


class Moody(HashEmbedder):
    """Hashes into 128 coordinates until told to fail."""

    def __init__(self, after: int = 1_000_000, *, lasting: bool = True) -> None:
        super().__init__(128)
        self.left, self.lasting = after, lasting

    @property
    def fingerprint(self) -> Fingerprint:
        return Fingerprint(model="moody", revision="1", dimension=128)

    def encode_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.left -= len(texts)
        if self.left < 0 and (self.lasting or list(texts) != [CANARY]):
            raise EmbeddingFailed("out of memory; use a smaller batch")
        return super().encode_documents(texts)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with open_memory(tmp_path, embedder=OLD) as memory:
        memory.store_many(TEXTS)
        memory.parts.catchup.drain()
        for number in (3, 40, 77):
            memory.recall(f"where is box {number}?", k=5)
    return tmp_path


def dimension(home: Path, **settings: object) -> int:
    with open_memory(home, **settings) as memory:  # type: ignore[arg-type]
        assert memory.parts.catchup.drain() == 0
        found = memory.recall(TEXTS[40], k=3, record=False)
        assert found.hits[0].memory.text == TEXTS[40]
        return memory.parts.embedder.fingerprint.dimension


def test_a_store_knows_its_model(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert dimension(home) == 64
    assert dimension(home, readonly=True) == 64
    assert dimension(home, embedder=HashEmbedder(64)) == 64
    monkeypatch.setenv("MEMORY_EMBEDDER", "hash:64")
    assert dimension(home) == 64


@pytest.mark.parametrize("options", [{}, {"readonly": True}])
def test_another_model_is_refused_naming_both_and_the_command(
    home: Path, options: dict[str, bool]
) -> None:
    with pytest.raises(ModelMismatch) as caught:
        open_memory(home, embedder=NEW, **options)  # type: ignore[arg-type]
    for told in (
        OLD,
        NEW,
        HashEmbedder(64).fingerprint.digest,
        HashEmbedder(128).fingerprint.digest,
    ):
        assert told in str(caught.value)
    assert "memory migrate --to hash:128" in str(caught.value)
    assert len(standings(home, "default")) == 1


def test_nothing_serves_before_the_first_vector(tmp_path: Path) -> None:
    open_memory(tmp_path, embedder=OLD).close()
    with open_memory(tmp_path, embedder=NEW) as memory:
        memory.store("tea")
        memory.parts.catchup.drain()
    assert dimension_of(tmp_path) == 128


def test_of_two_first_models_one_is_refused(tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder=OLD) as one, open_memory(tmp_path, embedder=NEW) as two:
        one.store("tea")
        one.parts.catchup.drain()
        with pytest.raises(ModelMismatch):
            two.parts.catchup.drain()
        with pytest.raises(ModelMismatch):
            two.recall("tea")
    assert dimension_of(tmp_path) == 64


def dimension_of(home: Path) -> int:
    serving = [one.model for one in standings(home, "default") if one.serves]
    assert len(serving) == 1
    return int(serving[0].details["dimension"])


def test_migrated_and_back(home: Path) -> None:
    done = migrate(home, NEW, plan=Plan(recalls=2))
    assert (done.embedded, done.reason) == (len(TEXTS), "")
    assert done.switched is not None and done.switched.pending == 0
    assert len(done.shadow.recalls) == 2 and done.shadow.overlap is not None
    assert 0 < done.shadow.overlap <= 1
    assert dimension(home) == 128
    with pytest.raises(ModelMismatch):
        open_memory(home, embedder=OLD)
    with open_memory(home) as memory:
        entry = list(memory.journal.entries())[-1]
        assert isinstance(entry.event, Migrated)
        assert memory.journal.verify() == []
        assert memory.journal.rebuild() == len(TEXTS) + 1
        memory.store("stored under the new model")
    assert dimension(home) == 128
    gone_back = rollback(home, "default")
    assert gone_back.pending == 1
    assert dimension(home, embedder=OLD) == 64
    assert rollback(home, "default").pending == 0
    assert dimension(home) == 128


def test_migrating_twice_changes_nothing_more(home: Path) -> None:
    migrate(home, NEW)
    again = migrate(home, NEW)
    assert (again.embedded, again.switched, again.reason) == (0, None, "it serves already")


def test_an_empty_namespace_needs_no_migration(tmp_path: Path) -> None:
    open_memory(tmp_path, embedder=OLD).close()
    assert migrate(tmp_path, NEW).switched is None
    with open_memory(tmp_path, embedder=NEW) as memory:
        assert memory.recall("tea").status == "empty"


def test_a_model_that_goes_down_leaves_the_old_one_and_goes_on(home: Path) -> None:
    with pytest.raises(EmbeddingFailed, match="out of memory"):
        migrate(home, Moody(after=70))
    assert dimension(home) == 64
    half = {one.model.details["model"]: one.pending for one in standings(home, "default")}
    assert half == {"hash": 0, "moody": len(TEXTS) - 64}
    done = migrate(home, Moody())
    assert done.embedded == len(TEXTS) - 64
    with pytest.raises(ModelMismatch, match="moody"):
        open_memory(home)
    with open_memory(home, embedder=Moody()) as memory:
        assert memory.recall(TEXTS[3]).hits[0].memory.text == TEXTS[3]


def test_texts_that_the_new_model_refuses_stop_the_switch(home: Path) -> None:
    with pytest.raises(EmbeddingFailed, match=f"refuses {len(TEXTS) - 64} texts"):
        migrate(home, Moody(after=70, lasting=False))
    assert dimension(home) == 64


def test_a_model_that_changed_is_refused(home: Path) -> None:
    migrate(home, Moody(), plan=Plan(switching=False))

    class Other(Moody):
        def encode_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
            return np.roll(super().encode_documents(texts), 1, axis=1)

    with open_memory(home) as memory:
        memory.store("one more")
    with pytest.raises(ModelMismatch, match="canary"):
        migrate(home, Other())
    assert dimension(home) == 64


def test_too_little_overlap_switches_nothing(home: Path) -> None:
    class Backwards(Moody):
        def encode_query(self, text: str) -> NDArray[np.float32]:
            return -super().encode_query(text)

    done = migrate(home, Backwards(), plan=Plan(least_overlap=1.0))
    assert done.switched is None and done.reason.startswith("overlap")
    assert dimension(home) == 64


def test_an_unknown_model_and_a_missing_store_are_told(home: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound):
        migrate(home, "no-such-model")
    with pytest.raises(NotFound, match="no store"):
        migrate(tmp_path / "elsewhere", NEW)
    with pytest.raises(InvalidInput, match="least overlap"):
        migrate(home, NEW, plan=Plan(least_overlap=2))
    with pytest.raises(NotFound, match="never migrated"):
        rollback(home, "default")


def test_a_dropped_model_is_gone_and_others_stay(home: Path) -> None:
    with open_memory(home, embedder=OLD) as running:
        migrate(home, NEW)
        with pytest.raises(InvalidInput, match="serves"):
            drop(home, "default", NEW)
        model, removed = drop(home, "default", OLD)
        assert (model.details["dimension"], removed) == (64, len(TEXTS))
        running.store("one more")
        with pytest.raises(ModelMismatch, match="dropped"):
            running.recall("one more")
    with pytest.raises(NotFound, match="dropped"):
        rollback(home, "default")
    assert dimension(home) == 128
    files = {path.name for path in (home / "derived").glob("scan-*.f32")}
    assert len(files) == 1
    assert migrate(home, OLD).embedded == len(TEXTS) + 1
    assert dimension(home) == 64


def test_recalls_before_the_switch_replay_exactly(home: Path) -> None:
    migrate(home, NEW)
    with open_memory(home) as memory:
        recalled = memory.recall("where is box 9?")
        for recall in Replay(memory).list(10):
            assert Replay(memory).reexecute(recall.id).verdict == "exact"
        assert recalled.recall_id


def test_a_namespace_changes_alone(home: Path) -> None:
    with open_memory(home, namespace="ben", embedder=OLD) as memory:
        memory.store("coffee")
        memory.parts.catchup.drain()
    migrate(home, NEW)
    with open_memory(home, namespace="ben") as memory:
        assert memory.parts.embedder.fingerprint.dimension == 64


def test_a_model_directory_is_found_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tuned").mkdir()
    monkeypatch.chdir(tmp_path)
    spec = json.loads(spec_of(load(tmp_path, {"embedder": "tuned", "pooling": "cls"})))
    assert spec == {"embedder": str((tmp_path / "tuned").resolve()), "pooling": "cls"}
    for name in ("hash", "hash:64", "all-MiniLM-L6-v2", "elsewhere"):
        assert json.loads(spec_of(load(tmp_path, {"embedder": name}))) == {"embedder": name}


def test_an_endpoint_is_never_taken_from_a_store(home: Path) -> None:
    spec = json.dumps({"embedder": "openai:text-embedding-3-small"})
    settings = load(home, {"recordings": False})
    with opened(home, settings, Opening("eve", HashEmbedder(32), spec)) as memory:
        memory.store("coffee")
        memory.parts.catchup.drain()
    with pytest.raises(ModelMismatch, match="openai:text-embedding-3-small"):
        open_memory(home, namespace="eve", embedder="hash")
    with pytest.raises(ModelMismatch, match=r"MiniLM|serves"):
        open_memory(home, namespace="eve", embedder=HashEmbedder(64))


def test_a_full_disk_stops_it_and_the_old_model_serves(home: Path) -> None:
    script = Path(__file__).with_name("full_disk.py")
    said = subprocess.run(
        [sys.executable, script, home], capture_output=True, text=True, check=True
    ).stdout.split("\n")
    assert said[0].startswith(("NotStored", "OutcomeUnknown")), said
    assert dimension(home) == 64
    done = migrate(home, NEW)
    assert done.switched is not None
    assert dimension(home) == 128
