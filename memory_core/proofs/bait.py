"""What an attacker would plant: files that leave a marker behind if anything runs them.

pickle        its opcodes call `open(marker, "a")` when it is read (CWE-502)
npy           an array of objects, which is a pickle inside
model         a directory whose code, tokenizer or weights do the same
"""

import io
import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

EMPTY_WEIGHTS = (2).to_bytes(8, "little") + b"{}"
"""A whole safetensors file without tensors."""
MODULE = """
class Module:
    @classmethod
    def load(cls, *arguments, **named):
        return cls()
"""


class _Opening:
    def __init__(self, marker: str) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return io.open, (self.marker, "a")


@dataclass(frozen=True, slots=True)
class Bait:
    """Everything that touches one marker."""

    marker: Path

    @property
    def source(self) -> str:
        """One line of Python."""
        return f"open({str(self.marker)!r}, 'a').close()"

    @property
    def pickled(self) -> bytes:
        """A pickle."""
        return pickle.dumps(_Opening(str(self.marker)), protocol=2)

    @property
    def array(self) -> bytes:
        """An `.npy` file."""
        stream = io.BytesIO()
        np.save(stream, np.array([_Opening(str(self.marker))], dtype=object), allow_pickle=True)
        return stream.getvalue()

    def model(self, place: Path, how: str) -> Path:
        """Make a model directory and return it; see `MODELS` for the ways."""
        place.mkdir(parents=True)
        for name, content in MODELS[how](self).items():
            (place / name).parent.mkdir(exist_ok=True)
            (place / name).write_bytes(content)
        return place


def _plain(**files: bytes) -> dict[str, bytes]:
    return {
        "config.json": json.dumps({"model_type": "bert"}).encode(),
        "model.safetensors": EMPTY_WEIGHTS,
        **files,
    }


def _modules(bait: Bait) -> dict[str, bytes]:
    modules = [{"idx": 0, "name": "0", "path": "", "type": "evil.Module"}]
    return _plain() | {
        "modules.json": json.dumps(modules).encode(),
        "evil.py": (bait.source + "\n" + MODULE).encode(),
    }


def _automatic(bait: Bait) -> dict[str, bytes]:
    named = {"AutoConfig": "evil.Config", "AutoModel": "evil.Model", "AutoTokenizer": "evil.Words"}
    config = {"model_type": "evil", "auto_map": named, "architectures": ["Model"]}
    return _plain() | {
        "config.json": json.dumps(config).encode(),
        "tokenizer_config.json": json.dumps(
            {"tokenizer_class": "Words", "auto_map": {"AutoTokenizer": ["evil.Words", None]}}
        ).encode(),
        "evil.py": bait.source.encode(),
    }


def _pickled(bait: Bait) -> dict[str, bytes]:
    files = _plain() | {"pytorch_model.bin": bait.pickled}
    del files["model.safetensors"]
    return files


def _disguised(bait: Bait) -> dict[str, bytes]:
    return _plain() | {"model.safetensors": bait.pickled}


def _beside(bait: Bait) -> dict[str, bytes]:
    return _plain() | {"pytorch_model.bin": bait.pickled, "training_args.bin": bait.pickled}


def _layer(bait: Bait) -> dict[str, bytes]:
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "2_Dense", "type": "sentence_transformers.models.Dense"},
    ]
    return _plain() | {
        "modules.json": json.dumps(modules).encode(),
        "2_Dense/config.json": b'{"in_features": 4, "out_features": 4}',
        "2_Dense/pytorch_model.bin": bait.pickled,
    }


MODELS = {
    "a module of its own": _modules,
    "pickled weights": _pickled,
    "a pickle named safetensors": _disguised,
    "a pickled layer": _layer,
    "pickles beside safe weights": _beside,
    "classes of its own": _automatic,
}
"""Way -> the files of such a model directory."""
