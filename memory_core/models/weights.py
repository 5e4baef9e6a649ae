"""What may be loaded: a directory with whole safetensors or ONNX weights and no code of its own.

Pickle runs code when it is read (CWE-502), and a `modules.json` may name a Python file that
lies beside it; both are refused here, before any library opens the directory.
"""

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from memory_core.errors import ModelNotFound, ModelRejected

MODULES = "modules.json"

_SAFE = (".safetensors", ".onnx")
_PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib")
_HEADER_LIMIT = 100_000_000  # bytes; the safetensors format's own limit


def inspect(path: Path) -> tuple[Path, ...]:
    """Return the weight files of the model directory `path`, sorted, after checking it.

    Only headers and sizes are read, so this takes milliseconds for any model.

    Raises:
        ModelNotFound: `path` is no model directory.
        ModelRejected: its weights are pickled, cut off, or it brings its own code.
    """
    if not path.is_dir():
        raise ModelNotFound(f"no model directory {str(path)!r}; check the path")
    if not (path / "config.json").is_file() and not (path / MODULES).is_file():
        raise ModelNotFound(
            f"{str(path)!r} has neither config.json nor modules.json; "
            "give the directory that `save_pretrained` wrote"
        )
    read_object(path / "config.json")
    _refuse_code(path)
    weights = _refuse_pickle(path)
    for file in weights:
        _refuse_damage(file)
    return weights


def digest(files: tuple[Path, ...]) -> str:
    """Return the sha256 (64 hexadecimal characters) of one file, or of several files' sums."""
    sums = [_sha256(file) for file in files]
    return sums[0] if len(sums) == 1 else hashlib.sha256("\n".join(sums).encode()).hexdigest()


def read_object(file: Path) -> dict[str, Any]:
    """Return the JSON object in `file`; an empty one when there is no such file.

    Raises:
        ModelRejected: the file holds something else.
    """
    return cast(dict[str, Any], _read(file, dict))


def read_modules(path: Path) -> list[tuple[str, Path]]:
    """Return the type and the directory of each module of the model directory `path`, in order.

    Raises:
        ModelRejected: `modules.json` is not a list of types and directories inside `path`.
    """
    try:
        modules = [(str(part["type"]), str(part["path"])) for part in _read(path / MODULES, list)]
    except (KeyError, TypeError) as error:
        raise ModelRejected(
            f"{MODULES} in {path.name!r} lists no types and paths; get the model again"
        ) from error
    for _, folder in modules:
        if Path(folder).is_absolute() or ".." in Path(folder).parts:
            raise ModelRejected(
                f"{MODULES} in {path.name!r} leads out of it ({folder!r}); get the model again"
            )
    return [(kind, path / folder) for kind, folder in modules]


def _read(file: Path, kind: type) -> Any:
    if not file.is_file():
        return kind()
    try:
        content = json.loads(file.read_bytes())
    except ValueError as error:
        raise ModelRejected(
            f"{file.name} in {file.parent.name!r} is not JSON ({error}); get the model again"
        ) from error
    if not isinstance(content, kind):
        raise ModelRejected(
            f"{file.name} in {file.parent.name!r} holds no {kind.__name__}; get the model again"
        )
    return content


def _refuse_code(path: Path) -> None:
    kinds = [kind for kind, _ in read_modules(path)]
    foreign = [kind for kind in kinds if not kind.startswith("sentence_transformers.")]
    if foreign:
        raise ModelRejected(
            f"{path.name!r} wants to run its own code ({foreign[0]}); "
            "choose a model made of sentence-transformers modules only"
        )


def _refuse_pickle(path: Path) -> tuple[Path, ...]:
    """Return the safe weights; every directory with weights must have safe ones."""
    files = sorted(file for file in path.rglob("*") if file.is_file() and not _hidden(file, path))
    safe = tuple(file for file in files if file.suffix in _SAFE)
    homes = {file.parent for file in safe}
    pickled = [file for file in files if file.suffix in _PICKLED and file.parent not in homes]
    loaded = {path, *(folder for _, folder in read_modules(path))}
    for file in pickled:
        if not safe or file.parent in loaded:
            raise ModelRejected(
                f"{path.name!r} has pickled weights ({file.relative_to(path)}), which run code "
                "when loaded; convert them to safetensors"
            )
    if not safe:
        raise ModelNotFound(
            f"{str(path)!r} has no .safetensors or .onnx weights; copy the whole model directory"
        )
    preferred = tuple(file for file in safe if file.suffix == ".safetensors")
    return preferred or safe


def _hidden(file: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(root).parts)


def _refuse_damage(file: Path) -> None:
    """Refuse a safetensors file whose header does not account for exactly its bytes."""
    size = file.stat().st_size
    if file.suffix != ".safetensors":
        if size == 0:
            raise ModelRejected(f"weights {file.name} are empty; get the model again")
        return
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(min(length, _HEADER_LIMIT)))
        ends = [part["data_offsets"][1] for name, part in header.items() if name != "__metadata__"]
    except (ValueError, AttributeError, KeyError, TypeError, IndexError) as error:
        raise ModelRejected(
            f"{file.name} is no safetensors file (an LFS pointer or cut off?); get the model again"
        ) from error
    if 8 + length + max(ends, default=0) != size:
        want = 8 + length + max(ends, default=0)
        raise ModelRejected(f"{file.name} has {size} bytes, not {want}; get the model again")


def _sha256(file: Path) -> str:
    stat = file.stat()
    return _sha256_of(file, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=256)
def _sha256_of(file: Path, size: int, mtime_ns: int) -> str:
    """Hash a file once per process and state; `size` and `mtime_ns` are the cache's key."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
