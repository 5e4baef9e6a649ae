"""A real two-tower model, tiny and made here: an image gets its vector from the image tower."""

from pathlib import Path

import numpy as np
import pytest

from memory_core import open_memory
from memory_core.embed.decoding import sound_of
from memory_core.errors import EmbeddingFailed
from memory_core.media import Media
from tests.lifecycle.test_media import png, wav

pytest.importorskip("PIL", reason="needs the media extra")

WORDS = ["<start>", "<end>", "<unk>", "a", "red", "green", "blue", "square", "sea", "the", "fox"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import CLIPConfig, CLIPModel, CLIPProcessor, PreTrainedTokenizerFast
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    place = tmp_path_factory.mktemp("models") / "tiny-clip"
    torch.manual_seed(3)
    tower = {
        "hidden_size": 16, "intermediate_size": 32,
        "num_hidden_layers": 1, "num_attention_heads": 2,
    }  # fmt: skip
    text = {"vocab_size": len(WORDS), "max_position_embeddings": 16, "bos_token_id": 0}
    config = CLIPConfig(
        text_config={**tower, **text, "eos_token_id": 1, "pad_token_id": 1},
        vision_config={**tower, "image_size": 32, "patch_size": 16},
        projection_dim=8,
    )
    CLIPModel(config).save_pretrained(place, safe_serialization=True)
    words = Tokenizer(models.WordLevel({w: n for n, w in enumerate(WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", 0), ("<end>", 1)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=words, unk_token="<unk>", bos_token="<start>", eos_token="<end>",
        pad_token="<end>", model_max_length=16,
    )  # fmt: skip
    size = {"height": 32, "width": 32}
    images = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=size)
    CLIPProcessor(image_processor=images, tokenizer=fast).save_pretrained(place)
    return place


def test_a_text_recalls_an_image_by_the_image_towers_vector(clip: Path, tmp_path: Path) -> None:
    with open_memory(tmp_path, embedder=str(clip)) as memory:
        alone = memory.store(image=png(b"\xff\0\0", 40), speaker="Ana")
        both = memory.store("the sea", image=png(b"\0\0\xff", 40))
        assert memory.parts.catchup.drain() == 0
        hits = {hit.id: hit for hit in memory.recall("a red square").hits}
        model = memory.parts.embedder
        query = model.encode_query("a red square")
        assert alone.media is not None
        image = model.encode_media(alone.media, png(b"\xff\0\0", 40))  # type: ignore[attr-defined]
        assert hits[alone.id].signals["dense"] == pytest.approx(float(query @ image), abs=1e-5)
        assert hits[alone.id].span is None and hits[alone.id].memory.media == alone.media
        assert memory.recall("the sea", k=1).hits[0].id == both.id
        assert memory.erase(alone.id).vectors == 1
        with pytest.raises(EmbeddingFailed, match="does not take audio"):
            model.encode_media(  # type: ignore[attr-defined]
                Media(digest="0" * 64, type="audio/wav", size=9), wav()
            )
        broken = png(b"\0\xff\0", 40).replace(b"IDAT", b"IDAX")
        kept = memory.store("a green square", image=broken)  # its words are found all the same
        assert memory.parts.catchup.drain() == 0
        assert memory.recall("a green square", k=1).hits[0].id == kept.id


def test_a_wave_becomes_samples_at_the_models_rate() -> None:
    media = Media(digest="0" * 64, type="audio/wav", size=1)
    samples = sound_of(wav(0.5, 8_000), media, 16_000)
    assert samples.dtype == np.float32 and abs(len(samples) - 8_000) <= 2
    assert 0 < float(np.abs(samples).max()) <= 1
