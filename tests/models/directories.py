"""Small model directories, whole and broken, for the tests of finding and refusing them."""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file


def write_model(folder: Path, *, seed: int = 0, modules: list[str] | None = None) -> Path:
    """Write a directory that passes inspection; its weights differ by `seed`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", "hidden_size": 4}))
    weights = np.random.default_rng(seed).normal(size=(3, 4)).astype(np.float32)
    save_file({"embeddings": weights}, str(folder / "model.safetensors"))
    if modules is not None:
        parts = [{"idx": i, "name": str(i), "path": "", "type": m} for i, m in enumerate(modules)]
        (folder / "modules.json").write_text(json.dumps(parts))
    return folder
