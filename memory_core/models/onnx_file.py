"""A model's ONNX file in the cache: where it lies, and that it is the one that was exported.

    <models_dir>/onnx-<revision>/float32.onnx   and beside it float32.json, its manifest
    <models_dir>/onnx-<revision>/int8.onnx      and int8.json

The manifest names the sha256 of the file and of the configuration it was made from. A file that
is cut off, changed or made from something else is never run: what was hashed is what is loaded.
"""

import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from memory_core.errors import ModelError, ModelNotFound, ModelRejected
from memory_core.models.resolve import ResolvedModel

logger = logging.getLogger(__name__)

Precision = Literal["float32", "int8"]

PRECISIONS: tuple[Precision, ...] = ("float32", "int8")
RECIPE = 1
"""Rises when the export changes what a file computes; files of another recipe are made anew."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an exported file is, written beside it."""

    sha256: str
    """Of the ONNX file."""
    source: str
    """`source_of` the model it was made from."""
    precision: Precision
    recipe: int = RECIPE


@dataclass(frozen=True, slots=True)
class OnnxPlace:
    """Where the ONNX file of one model and precision lies, or would."""

    model: ResolvedModel
    cache_dir: Path
    precision: Precision = "float32"

    @property
    def path(self) -> Path:
        """The ONNX file."""
        return self.cache_dir / f"onnx-{self.model.revision}" / f"{self.precision}.onnx"

    @property
    def there(self) -> bool:
        """Whether a file lies here that names this model; its bytes are checked by `read`."""
        return self.path.is_file() and not isinstance(self._manifest(), str)

    def read(self) -> bytes:
        """Return the file's bytes after checking them against the manifest.

        Raises:
            ModelNotFound: the model has not been exported.
            ModelRejected: the file is cut off, changed, or made from another model.
        """
        if not self.path.is_file():
            raise ModelNotFound(f"{self._named} is not there; run: {self.command}")
        manifest = self._manifest()
        if isinstance(manifest, str):
            raise ModelRejected(f"{self._named} {manifest}; run: {self.command}")
        content = self.path.read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if found != manifest.sha256:
            raise ModelRejected(
                f"{self._named} has sha256 {found[:12]}…, its manifest says "
                f"{manifest.sha256[:12]}… (cut off or changed); run: {self.command}"
            )
        return content

    @contextmanager
    def arriving(self) -> Iterator[Path]:
        """Give a file to write; it takes its name only if the block ends well."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".arriving-", dir=self.path.parent))
        try:
            file = folder / self.path.name
            yield file
            with file.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
                os.fsync(stream.fileno())
            manifest = Manifest(digest, source_of(self.model), self.precision)
            note = folder / self._note.name
            note.write_text(json.dumps(asdict(manifest), indent=1) + "\n", encoding="utf-8")
            file.replace(self.path)  # a kill before the next line leaves a file that is refused
            note.replace(self._note)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def command(self) -> str:
        """What to run to have the file."""
        what = self.model.path if self.model.origin == "path" else self.model.name
        return f"memory models export {what}{' --int8' if self.precision == 'int8' else ''}"

    @property
    def _named(self) -> str:
        return f"the {self.precision} ONNX file of {self.model.name!r}"

    @property
    def _note(self) -> Path:
        return self.path.with_suffix(".json")

    def _manifest(self) -> Manifest | str:
        """Return the manifest, or in words why the file must not be used."""
        try:
            manifest = Manifest(**json.loads(self._note.read_bytes()))
        except (OSError, ValueError, TypeError):
            return "has no readable manifest"
        if manifest.recipe != RECIPE or manifest.precision != self.precision:
            return "was exported by another version"
        if manifest.source != source_of(self.model):
            return "was made from another model"
        return manifest


def source_of(model: ResolvedModel) -> str:
    """Return what decides the exported graph: the weights' revision and the configuration."""
    config = model.path / "config.json"
    content = config.read_bytes() if config.is_file() else b""
    return f"{model.revision}-{hashlib.sha256(content).hexdigest()}"


def exported(model: ResolvedModel, cache_dir: Path) -> tuple[Precision, ...]:
    """Return the precisions in which the model has been exported."""
    return tuple(p for p in PRECISIONS if OnnxPlace(model, cache_dir, p).there)


def opened(place: OnnxPlace) -> bytes:
    """Return the file's bytes; one that is missing or damaged is exported anew.

    Raises:
        MissingExtra: it must be exported, and the packages for that are not installed.
        ModelRejected: the model cannot be exported.
    """
    try:
        return place.read()
    except ModelError as error:
        from memory_core.models.export import export

        logger.info("%s", error)
        export(place.model, cache_dir=place.cache_dir, precision=place.precision)
        return place.read()
