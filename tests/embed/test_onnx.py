"""The ONNX runtime on the real model: equal to torch, refusing what is not its own file."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from memory_core import open_memory
from memory_core.bench import models as bench
from memory_core.bench.figure import Run
from memory_core.embed.onnx import OnnxEmbedder, unsuited
from memory_core.embed.registry import EmbedderOptions, make_embedder
from memory_core.embed.runtime import PreferringEmbedder, local_embedder
from memory_core.embed.sentence_transformers import SentenceTransformerEmbedder
from memory_core.errors import ModelError, ModelNotFound, ModelRejected
from memory_core.migrate import migrate
from memory_core.models import export as exporting
from memory_core.models.onnx_body import batches
from memory_core.models.onnx_file import OnnxPlace, exported, opened
from memory_core.models.resolve import ResolvedModel
from memory_core.samples import sample_turns

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(not exporting.can_export(), reason="the extra `onnx` is not installed"),
]

TEXTS = [
    *[str(turn["text"]) for turn in sample_turns()][:40],
    "a",
    "猫が好きです",
    "🙂 a\0b\ttab",
    "The kettle is broken, so tea has to wait until somebody buys a new one. " * 30,
]


@pytest.fixture(scope="session")
def cache(resolved: ResolvedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    exporting.export(resolved, cache_dir=folder, precision="int8")
    return folder


@pytest.fixture(scope="session")
def onnx(resolved: ResolvedModel, cache: Path) -> OnnxEmbedder:
    return OnnxEmbedder(resolved, cache)


@pytest.fixture(scope="session")
def int8(resolved: ResolvedModel, cache: Path) -> OnnxEmbedder:
    return OnnxEmbedder(resolved, cache, precision="int8")


@pytest.fixture
def own_cache(cache: Path, tmp_path: Path) -> Path:
    """A copy of the cache that the test may damage."""
    return Path(shutil.copytree(cache, tmp_path / "cache"))


def test_float32_gives_the_vectors_of_torch(
    onnx: OnnxEmbedder, minilm: SentenceTransformerEmbedder
) -> None:
    want = minilm.encode_documents(TEXTS)
    assert np.abs(onnx.encode_documents(TEXTS) - want).max() <= 1e-5
    assert np.abs(onnx.encode_query(TEXTS[0]) - want[0]).max() <= 1e-5
    assert onnx.fingerprint == minilm.fingerprint
    assert (onnx.limit, onnx.count(TEXTS[0])) == (minilm.limit, minilm.count(TEXTS[0]))


@pytest.mark.parametrize("options", [{"pooling": "cls"}, {"pooling": "max"}, {"normalise": False}])
def test_every_pooling_is_that_of_torch(
    resolved: ResolvedModel, cache: Path, options: dict[str, object]
) -> None:
    ours = OnnxEmbedder(resolved, cache, **options)  # type: ignore[arg-type]
    torch = SentenceTransformerEmbedder(resolved, **options)  # type: ignore[arg-type]
    got, want = ours.encode_documents(TEXTS[:8]), torch.encode_documents(TEXTS[:8])
    assert np.abs(got - want).max() <= 1e-5
    assert ours.fingerprint == torch.fingerprint


def test_int8_loses_little_and_is_another_model(onnx: OnnxEmbedder, int8: OnnxEmbedder) -> None:
    cosine = (onnx.encode_documents(TEXTS) * int8.encode_documents(TEXTS)).sum(axis=1)
    assert cosine.mean() > 0.985 and cosine.min() > 0.96
    assert cosine.min() < 0.99999  # it is another precision indeed
    assert int8.fingerprint.digest != onnx.fingerprint.digest


@pytest.mark.parametrize("name", ["onnx", "int8"])
def test_company_and_order_do_not_change_a_vector(
    name: str, request: pytest.FixtureRequest
) -> None:
    embedder: OnnxEmbedder = request.getfixturevalue(name)
    together = embedder.encode_documents(TEXTS[:12])
    backwards = embedder.encode_documents(TEXTS[:12][::-1])[::-1]
    alone = np.stack([embedder.encode_query(text) for text in TEXTS[:12]])
    assert np.abs(backwards - together).max() <= 1e-5
    assert np.abs(alone - together).max() <= 1e-5


def test_no_texts_need_no_model(resolved: ResolvedModel, tmp_path: Path) -> None:
    assert OnnxEmbedder(resolved, tmp_path).encode_documents([]).shape == (0, 384)


def test_batches_are_sorted_and_within_their_budget() -> None:
    lengths = [5, 40, 3, 7, 200, 3]
    made = list(batches(lengths, 64))
    assert made == [[2, 5, 0, 3], [1], [4]]
    assert list(batches(lengths, 0)) == [[2], [5], [0], [3], [1], [4]]
    assert list(batches([], 64)) == []


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _foreign(path: Path) -> None:
    note = path.with_suffix(".json")
    manifest = json.loads(note.read_text())
    note.write_text(json.dumps({**manifest, "source": "another"}))


def _unnamed(path: Path) -> None:
    path.with_suffix(".json").write_text("{}")


@pytest.mark.parametrize("damage", [_cut, _flipped, _foreign, _unnamed])
def test_a_damaged_file_is_refused_and_torch_serves(
    damage: object, resolved: ResolvedModel, own_cache: Path, minilm: SentenceTransformerEmbedder
) -> None:
    place = OnnxPlace(resolved, own_cache)
    damage(place.path)  # type: ignore[operator]
    with pytest.raises(ModelRejected, match="memory models export all-MiniLM-L6-v2"):
        place.read()
    auto = PreferringEmbedder(OnnxEmbedder(resolved, own_cache), minilm)
    assert np.array_equal(auto.encode_query("tea"), minilm.encode_query("tea"))


@pytest.mark.parametrize("wrapped", [{"dimensions": 64}, {"normalise": False}])
def test_a_migration_exports_the_model_that_auto_will_serve(
    wrapped: EmbedderOptions, resolved: ResolvedModel, own_cache: Path, tmp_path: Path
) -> None:
    OnnxPlace(resolved, own_cache).path.unlink()
    with open_memory(tmp_path / "home", embedder="hash:64") as memory:
        memory.store("Ana moved to Lisbon")
        memory.parts.catchup.drain()
    model = make_embedder(resolved.name, cache_dir=own_cache, **wrapped)
    assert migrate(tmp_path / "home", model).switched is not None
    assert exported(resolved, own_cache) == ("float32", "int8")


def test_a_full_disk_leaves_auto_with_torch(
    resolved: ResolvedModel, own_cache: Path, monkeypatch: pytest.MonkeyPatch,
    minilm: SentenceTransformerEmbedder,
) -> None:  # fmt: skip
    def full(model: ResolvedModel, file: Path) -> None:
        raise OSError(28, "No space left on device")

    OnnxPlace(resolved, own_cache).path.unlink()
    monkeypatch.setattr(exporting, "_trace", full)
    auto = PreferringEmbedder(OnnxEmbedder(resolved, own_cache), minilm)
    auto.prepare()
    assert np.array_equal(auto.encode_query("tea"), minilm.encode_query("tea"))


def test_a_cut_off_file_is_exported_anew_when_onnx_is_asked_for(
    resolved: ResolvedModel, own_cache: Path, onnx: OnnxEmbedder
) -> None:
    _cut(OnnxPlace(resolved, own_cache).path)
    again = local_embedder(resolved, own_cache, "onnx")
    assert np.abs(again.encode_query("tea") - onnx.encode_query("tea")).max() <= 1e-5
    assert exported(resolved, own_cache) == ("float32", "int8")
    assert not list(own_cache.rglob(".arriving*"))


def test_a_full_disk_in_mid_export_keeps_the_old_file(
    resolved: ResolvedModel, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = opened(OnnxPlace(resolved, own_cache))

    def full(model: ResolvedModel, file: Path) -> None:
        file.write_bytes(before[:1000])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(exporting, "_trace", full)
    with pytest.raises(ModelError, match="No space left"):
        exporting.export(resolved, cache_dir=own_cache)
    assert opened(OnnxPlace(resolved, own_cache)) == before
    assert not list(own_cache.rglob(".arriving*"))


def test_a_graph_that_is_not_torch_is_not_kept(
    resolved: ResolvedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "TOLERANCE", 0.0)
    with pytest.raises(ModelRejected, match="off torch"):
        exporting.export(resolved, cache_dir=tmp_path)
    with pytest.raises(ModelNotFound, match="memory models export"):
        OnnxPlace(resolved, tmp_path).read()


def test_a_model_of_more_parts_stays_with_torch(resolved: ResolvedModel, tmp_path: Path) -> None:
    folder = tmp_path / "dense"
    shutil.copytree(resolved.path, folder, symlinks=True)
    modules = json.loads((folder / "modules.json").read_text())
    modules[2]["type"] = "sentence_transformers.models.Dense"
    (folder / "modules.json").write_text(json.dumps(modules))
    model = ResolvedModel("dense", folder, "0" * 12, "path")
    assert unsuited(model) == "has a Dense module"
    assert isinstance(local_embedder(model, tmp_path), SentenceTransformerEmbedder)
    with pytest.raises(ModelRejected, match="runtime='torch'"):
        OnnxEmbedder(model, tmp_path)


def test_a_recall_imports_no_torch(cache: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from memory_core import open_memory\n"
        f"with open_memory({str(tmp_path / 'home')!r}, models_dir={str(cache)!r}) as memory:\n"
        "    memory.store('I moved to Lisbon in March')\n"
        "    memory.parts.catchup.drain()\n"
        "    hits = memory.recall('Where do I live?').hits\n"
        "    assert hits[0].signals['dense'] > 0.2, hits\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'chromadb', 'onnx'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_the_setting_names_the_runtime(cache: Path) -> None:
    def dtype(runtime: str) -> str:
        made = make_embedder("all-MiniLM-L6-v2", cache_dir=cache, runtime=runtime)  # type: ignore[arg-type]
        return made.fingerprint.dtype

    assert [dtype(r) for r in ("auto", "torch", "onnx", "onnx-int8")] == [*["float32"] * 3, "int8"]
    assert make_embedder("hash", cache_dir=cache, runtime="onnx").fingerprint.model == "hash"


def test_the_benchmark_compares_the_runtimes_in_one_run(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "TEXTS", 16)
    settings = {"models_dir": cache, "embedder": "all-MiniLM-L6-v2"}
    run = Run(tmp_path, settings, rounds=1, recalls=2)
    figures = {figure.name: figure for figure in bench.bench_models(run)}
    assert [name.removeprefix("models.") for name in figures] == [
        *(f"{what}.{name}" for what in ("texts", "query") for name in bench.RUNTIMES),
        "loss.onnx-int8",
    ]
    torch, onnx = figures["models.texts.torch"], figures["models.texts.onnx"]
    assert onnx.ratio == pytest.approx(onnx.value / torch.value)
    assert 0.96 < figures["models.loss.onnx-int8"].value < 0.99999
