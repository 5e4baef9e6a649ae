"""A model that comes as an ONNX file: `model.onnx` beside its tokenizer and configuration.

Such a directory has no safetensors weights, so nothing is exported; its revision is the file's.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from memory_core.errors import ModelNotFound, ModelRejected
from memory_core.models.resolve import ResolvedModel

FILE = "model.onnx"


@dataclass(frozen=True, slots=True)
class OwnFile:
    """The ONNX file of a model that has no other weights."""

    model: ResolvedModel

    @property
    def path(self) -> Path:
        """The ONNX file."""
        return self.model.path / FILE

    @property
    def there(self) -> bool:
        """Whether the file lies here; its bytes are checked by `read`."""
        return self.path.is_file()

    def read(self) -> bytes:
        """Return the file's bytes after checking them against the model's revision.

        Raises:
            ModelNotFound: the file is gone.
            ModelRejected: it is cut off or changed.
        """
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise ModelNotFound(
                f"{FILE} of {self.model.name!r} cannot be read: {error}; install it again"
            ) from error
        found = hashlib.sha256(content).hexdigest()
        if not found.startswith(self.model.revision):
            raise ModelRejected(
                f"{FILE} of {self.model.name!r} has sha256 {found[:12]}…, not "
                f"{self.model.revision}… (cut off or changed); install it again"
            )
        return content


def has_own_file(model: ResolvedModel) -> bool:
    """Tell whether the model's only weights are an ONNX file."""
    folder = model.path
    return (folder / FILE).is_file() and not any(folder.glob("*.safetensors"))
