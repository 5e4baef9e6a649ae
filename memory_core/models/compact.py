"""A directory with one small ONNX file, ready to be shipped: int8 products, int8 word vectors.

    word vector = scale of the word · 8-bit row         one scale a row: half the bytes of float16

A small model is mostly its vocabulary. The products are made int8 by `models.export`.
"""

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from memory_core.errors import ModelError, ModelRejected
from memory_core.models.export import export
from memory_core.models.layout import require_new
from memory_core.models.own_file import FILE
from memory_core.models.resolve import ResolvedModel

COPIED = ("tokenizer.json", "tokenizer_config.json", "config.json", "README.md")
_LEAST = 1_000_000  # numbers; smaller tables, of positions and types, stay float32


def compact(model: ResolvedModel, out: Path, *, cache_dir: Path) -> Path:
    """Write the model as one int8 ONNX file with its tokenizer to `out`; return the file.

    Args:
        model: a cross-encoder or bi-encoder with safetensors weights.
        out: a directory that does not exist yet, or is empty.
        cache_dir: where the exported files in between are kept.

    Raises:
        InvalidInput: `out` holds something.
        MissingExtra: `onnx` is not installed.
        ModelRejected: the model cannot be exported, or has no table of word vectors.
        ModelError: the file cannot be written.
    """
    require_new(out)
    source = export(model, cache_dir=cache_dir, precision="int8")
    import onnx

    graph = onnx.load(str(source))
    _halve(graph.graph, model.name)
    try:
        out.mkdir(parents=True, exist_ok=True)
        onnx.save(graph, str(out / FILE))
        for name in COPIED:
            if (model.path / name).is_file():
                shutil.copyfile(model.path / name, out / name)
    except OSError as error:
        raise ModelError(f"cannot write {out}: {error}; make room there") from error
    return out / FILE


def _halve(graph: Any, name: str) -> None:
    """Replace the look-up of float32 word vectors by one of 8-bit rows and their scales."""
    from onnx import helper, numpy_helper

    tables = {table.name: table for table in graph.initializer if np.prod(table.dims) >= _LEAST}
    found = [n for n in graph.node if n.op_type == "Gather" and n.input[0] in tables]
    if len(found) != 1:
        raise ModelRejected(f"{name!r} looks up {len(found)} large tables; only one can be reduced")
    (node,) = found
    table = tables[node.input[0]]
    rows = numpy_helper.to_array(table)
    scales = np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-12) / 127
    small = np.round(rows / scales).astype(np.int8)
    graph.initializer.remove(table)
    graph.initializer.extend(
        [
            numpy_helper.from_array(small, "words"),
            numpy_helper.from_array(scales.astype(np.float32), "word_scales"),
        ]
    )
    place = list(graph.node).index(node)
    ids, output = node.input[1], node.output[0]
    graph.node.remove(node)
    made = [
        helper.make_node("Gather", ["words", ids], ["word_rows"], axis=0),
        helper.make_node("Cast", ["word_rows"], ["word_numbers"], to=1),
        helper.make_node("Gather", ["word_scales", ids], ["word_scale"], axis=0),
        helper.make_node("Mul", ["word_numbers", "word_scale"], [output]),
    ]
    for step, new in enumerate(made):
        graph.node.insert(place + step, new)
