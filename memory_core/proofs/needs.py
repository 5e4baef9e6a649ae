"""What some rows need of the machine; each function returns what is missing, None when nothing is.

A row whose need is missing is not tried and says so; it is never counted as held.
"""

import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import memory_core
from memory_core.config import Settings
from memory_core.errors import MemoryCoreError
from memory_core.models.resolve import resolve
from memory_core.proofs.browser import browser_path


def tracing() -> str | None:
    """Return why `strace` cannot trace here."""
    if shutil.which("strace") is None:
        return "strace is not installed; run: apt-get install strace"
    return None if _runs("strace", "-o", "/dev/null", "true") else "strace may not trace here"


def own_disk() -> str | None:
    """Return why no small disk can be mounted in a user namespace here."""
    return None if _runs("unshare", "-Urm", "true") else "user namespaces are not allowed here"


def server() -> str | None:
    """Return which part of the extra `server` is missing."""
    return _extra("server", ("starlette", "uvicorn"))


def page() -> str | None:
    """Return what is missing to look at the page."""
    if missing := server() or _extra("dev", ("websockets",)):
        return missing
    if browser_path() is None:
        return "no Chromium is installed; run: apt-get install chromium"
    return None


def generator() -> str | None:
    """Return whether Hypothesis is missing."""
    return _extra("dev", ("hypothesis",))


def checkout() -> str | None:
    """Return what is missing to run the product's own tests."""
    root = Path(memory_core.__file__).parents[1]
    if not (root / "tests" / "test_manager.py").is_file():
        return "the tests are not here; run it from a checkout of the repository"
    return _extra("dev", ("pytest", "pytest_asyncio", "hypothesis"))


def model() -> str | None:
    """Return why the real embedding model cannot be loaded here."""
    settings = Settings()
    try:
        resolve(settings.embedder, cache_dir=settings.models_dir.expanduser())
    except MemoryCoreError as error:
        return str(error)
    return None


def _extra(extra: str, packages: Sequence[str]) -> str | None:
    missing = [package for package in packages if find_spec(package) is None]
    if not missing:
        return None
    return f"{', '.join(missing)} is not installed; run: pip install 'memory-core[{extra}]'"


@cache
def _runs(*command: str) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
