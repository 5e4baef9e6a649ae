"""The one place of the library that talks to a model hub, and only when asked to."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memory_core.errors import ModelNotFound

_WANTED = ["*.json", "*.txt", "*.model", "*.safetensors"]  # no pickle is ever fetched
_UNWANTED = ["onnx/*", "openvino/*"]


@contextmanager
def fetch(
    repository: str, cache_dir: Path, revision: str | None, endpoint: str | None
) -> Iterator[Path]:
    """Give a directory in `cache_dir` with the files of `repository`; it is gone afterwards.

    The caller gives it to `keep` if it likes what it sees.

    Raises:
        ModelNotFound: no such model or revision, or no network.
    """
    cache_dir.mkdir(parents=True, exist_ok=True)
    arriving = Path(tempfile.mkdtemp(prefix=".arriving-", dir=cache_dir))
    try:
        with _bar_on_terminals_only():
            _download(repository, arriving, revision, endpoint)
        shutil.rmtree(arriving / ".cache", ignore_errors=True)  # the hub client's own notes
        yield arriving
    finally:
        shutil.rmtree(arriving, ignore_errors=True)


def keep(arriving: Path, target: Path) -> None:
    """Move a fetched directory to its final name, replacing what was there."""
    old = arriving.with_name(arriving.name + "-old")
    if target.exists():
        target.rename(old)
    arriving.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _download(repository: str, folder: Path, revision: str | None, endpoint: str | None) -> None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        snapshot_download(
            repository,
            revision=revision,
            endpoint=endpoint,
            local_dir=folder,
            allow_patterns=_WANTED,
            ignore_patterns=_UNWANTED,
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        wanted = repository if revision is None else f"{repository}@{revision}"
        raise ModelNotFound(
            f"cannot download {wanted!r} ({type(error).__name__}); "
            "check the name and the network, or give the path of a local copy"
        ) from error


@contextmanager
def _bar_on_terminals_only() -> Iterator[None]:
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    if sys.stderr.isatty() or are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()
