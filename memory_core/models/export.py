"""From a safetensors directory to an ONNX file, once: the only use of torch for the ONNX runtime.

    safetensors -> torch -> ONNX, float32 -> compared with torch -> kept -> int8, if asked

A file that does not compute what torch computes is not kept. int8 holds the weights of the
matrix products as 8-bit numbers, one scale for each output channel; everything else stays
float32, and activations are quantised while it runs (Zafrir et al. 2019, "Q8BERT").
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np

from memory_core.errors import MissingExtra, ModelError, ModelRejected
from memory_core.models.onnx_file import OnnxPlace, Precision
from memory_core.models.quiet import no_bars
from memory_core.models.resolve import ResolvedModel, verify
from memory_core.models.weights import read_object

Head = Literal["tokens", "logits"]

OPSET = 17  # has LayerNormalization as one node; the newest that every onnxruntime >= 1.12 reads
TOLERANCE = 1e-4  # of the raw outputs, whose components reach 10; vectors then agree to 1e-5
_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def export(model: ResolvedModel, *, cache_dir: Path, precision: Precision = "float32") -> Path:
    """Write the model's ONNX file into the cache, in place of one that is there; return its path.

    Takes seconds and, for the default model, 90 MB (float32) or 59 MB (int8).

    Raises:
        MissingExtra: `onnx` is not installed.
        ModelRejected: the weights are not the pinned ones, or the model cannot be exported.
        ModelError: the file cannot be written.
    """
    check_tools()
    if problems := verify(model):
        raise ModelRejected(f"{problems[0]}; get the model again")
    place = OnnxPlace(model, cache_dir)
    try:
        if precision == "float32" or not _intact(place):
            with place.arriving() as file:
                _trace(model, file)
        if precision == "int8":
            return _quantised(OnnxPlace(model, cache_dir, "int8"), place.path)
    except OSError as error:
        raise ModelError(f"cannot write {place.path.parent}: {error}; make room there") from error
    return place.path


def can_export() -> bool:
    """Tell whether the packages that an export needs are installed."""
    return find_spec("onnx") is not None


def check_tools() -> None:
    """Raise `MissingExtra` unless an export is possible here."""
    if not can_export():
        raise MissingExtra("onnx", "onnx")


def head_of(model: ResolvedModel) -> Head:
    """Return what the model gives: token vectors (bi-encoder) or logits (cross-encoder)."""
    named = read_object(model.path / "config.json").get("architectures") or []
    return "logits" if any("SequenceClassification" in name for name in named) else "tokens"


def _intact(place: OnnxPlace) -> bool:
    try:
        place.read()
    except ModelError:
        return False
    return True


def _trace(model: ResolvedModel, file: Path) -> None:
    import torch

    head = head_of(model)
    body = _loaded(model, head)
    names = _accepted(body)
    given = tuple(torch.from_numpy(rows) for rows in _probe(body.config, names, (2, 5)))
    axes = {0: "batch", 1: "sequence"}
    output = {0: "batch"} if head == "logits" else axes
    with _quiet(model), torch.inference_mode():
        torch.onnx.export(
            _positional(body, names, head),
            given,
            str(file),
            dynamo=False,  # the new exporter needs onnxscript and takes ten times as long
            opset_version=OPSET,
            input_names=list(names),
            output_names=[head],
            dynamic_axes={**dict.fromkeys(names, axes), head: output},
        )
    _compare(model, body, file, names)


def _loaded(model: ResolvedModel, head: Head) -> Any:
    import torch
    from transformers import AutoModel, AutoModelForSequenceClassification

    kind = AutoModel if head == "tokens" else AutoModelForSequenceClassification
    with _quiet(model):
        body = kind.from_pretrained(
            str(model.path),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            attn_implementation="eager",  # plain matrix products, which onnxruntime fuses
        )
    if {weight.dtype for weight in body.parameters()} != {torch.float32}:
        raise ModelRejected(f"{model.name!r} has no float32 weights; use runtime='torch'")
    return body.eval()


def _accepted(body: Any) -> tuple[str, ...]:
    """Return the inputs that the model's forward takes, in the order of `_INPUTS`."""
    from inspect import signature

    known = signature(body.forward).parameters
    return tuple(name for name in _INPUTS if name in known)


def _probe(config: Any, names: tuple[str, ...], shape: tuple[int, int]) -> list[Any]:
    """Return token ids with one text padded; the same for the same shape."""
    rng = np.random.default_rng(sum(shape))
    ids = rng.integers(5, min(config.vocab_size, 1000), size=shape)
    mask = np.ones(shape, dtype=np.int64)
    mask[-1, shape[1] // 2 :] = 0
    ids = np.where(mask == 1, ids, config.pad_token_id or 0)
    rows = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    return [rows[name] for name in names]


def _positional(body: Any, names: tuple[str, ...], head: Head) -> Any:
    """Return a module that takes the inputs by position and gives one tensor."""
    import torch

    class Positional(torch.nn.Module):  # type: ignore[misc]  # torch is not typed here
        def __init__(self) -> None:
            super().__init__()
            self.body = body

        def forward(self, *inputs: Any) -> Any:
            answer = self.body(**dict(zip(names, inputs, strict=True)), return_dict=True)
            return answer.last_hidden_state if head == "tokens" else answer.logits

    return Positional().eval()


def _compare(model: ResolvedModel, body: Any, file: Path, names: tuple[str, ...]) -> None:
    """Refuse a file that does not compute what torch does, at shapes it was not traced with."""
    import torch
    from onnxruntime import InferenceSession

    session = InferenceSession(str(file), providers=["CPUExecutionProvider"])
    for shape in ((1, 3), (3, 40)):
        given = _probe(body.config, names, shape)
        with torch.inference_mode():
            answer = body(**{n: torch.from_numpy(g) for n, g in zip(names, given, strict=True)})
        want = answer[0].numpy()
        got = session.run(None, dict(zip(names, given, strict=True)))[0]
        gap = float(np.abs(got - want).max()) if got.shape == want.shape else float("inf")
        if not gap <= TOLERANCE:
            raise ModelRejected(
                f"the ONNX file of {model.name!r} is {gap:.1e} off torch, more than {TOLERANCE}; "
                "nothing was kept, use runtime='torch'"
            )


def _quantised(place: OnnxPlace, source: Path) -> Path:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with place.arriving() as file, _quiet(place.model):
        quantize_dynamic(
            source,
            file,
            op_types_to_quantize=["MatMul"],  # 8-bit word embeddings cost accuracy and no time
            per_channel=True,
            weight_type=QuantType.QInt8,
            extra_options={"MatMulConstBOnly": True},
        )
    return place.path


@contextmanager
def _quiet(model: ResolvedModel) -> Iterator[None]:
    """Keep tracer warnings and loading bars off the terminal; map what the tools raise."""
    import logging

    root = logging.getLogger()
    kept = root.filters[:]
    root.addFilter(lambda record: "pre-processing" not in record.getMessage())
    try:
        with no_bars(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (RuntimeError, ValueError, TypeError, KeyError, ImportError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelRejected(
            f"{model.name!r} cannot be exported to ONNX: {reason}; use runtime='torch'"
        ) from error
    finally:
        root.filters[:] = kept
