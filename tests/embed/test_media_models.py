"""Real two-tower models, tiny and made here: a file gets its vector from the tower for its kind."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from memory_core import open_memory
from memory_core.embed.base import encode_media, modalities_of
from memory_core.embed.decoding import sound_of
from memory_core.errors import EmbeddingFailed
from memory_core.media import Media, whole
from tests.lifecycle.test_media import png, wav

pytest.importorskip("PIL", reason="needs the media extra")

WORDS = ["<start>", "<end>", "<unk>", "a", "red", "green", "blue", "square", "sea", "the", "fox"]


def tokenizer_of(words: Sequence[str], ends: tuple[str, str], *, pad: str, most: int) -> Any:
    """Return a tokenizer of whole words, numbered by their places, at most so many in a text."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    numbers = {word: number for number, word in enumerate(words)}
    made = Tokenizer(models.WordLevel(numbers, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single=f"{ends[0]} $A {ends[1]}", special_tokens=[(end, numbers[end]) for end in ends]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token="<unk>", bos_token=ends[0], eos_token=ends[1],
        pad_token=pad, model_max_length=most,
    )  # fmt: skip


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from transformers import CLIPConfig, CLIPModel, CLIPProcessor
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
    fast = tokenizer_of(WORDS, ("<start>", "<end>"), pad="<end>", most=16)
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


RATE = 8_000
SPOKEN = ["<s>", "<pad>", "</s>", "<unk>", "a", "bell", "rings", "the", "sea"]
KINDS = {"flac": ("FLAC", "PCM_16"), "ogg": ("OGG", "VORBIS"), "mp3": ("MP3", "MPEG_LAYER_III")}


@pytest.fixture(scope="module")
def clap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel, ClapProcessor

    place = tmp_path_factory.mktemp("models") / "tiny-clap"
    torch.manual_seed(3)
    text = {
        "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1,
        "num_attention_heads": 2, "vocab_size": len(SPOKEN), "max_position_embeddings": 34,
    }  # fmt: skip
    sound = {
        "hidden_size": 16, "patch_embeds_hidden_size": 8, "depths": [1, 1], "spec_size": 64,
        "num_attention_heads": [2, 2], "num_hidden_layers": 2, "num_mel_bins": 16,
        "patch_size": 4, "patch_stride": [4, 4], "window_size": 4, "enable_fusion": False,
    }  # fmt: skip
    config = ClapConfig(text_config=text, audio_config=sound, projection_dim=8)
    ClapModel(config).save_pretrained(place, safe_serialization=True)
    fast = tokenizer_of(SPOKEN, ("<s>", "</s>"), pad="<pad>", most=32)
    sounds = ClapFeatureExtractor(
        feature_size=16, sampling_rate=RATE, hop_length=80, max_length_s=1, fft_window_size=256,
        frequency_min=50, frequency_max=RATE // 2 - 100, truncation="rand_trunc",
    )  # fmt: skip
    ClapProcessor(feature_extractor=sounds, tokenizer=fast).save_pretrained(place)
    return place


def tone(hertz: float, kind: str) -> bytes:
    """Return a second of a tone as a file that libsndfile writes."""
    soundfile = pytest.importorskip("soundfile", reason="needs the media extra")
    form, subtype = KINDS[kind]
    file = io.BytesIO()
    soundfile.write(file, played(hertz), RATE, format=form, subtype=subtype)
    return file.getvalue()


def played(hertz: float) -> NDArray[np.float32]:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE)).astype(np.float32)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_of_any_kind_becomes_the_samples_that_were_written(kind: str) -> None:
    media = Media(digest="0" * 64, type=whole(tone(440, kind), "audio"), size=1)
    assert media.type == {"flac": "audio/flac", "ogg": "audio/ogg", "mp3": "audio/mpeg"}[kind]
    samples = sound_of(tone(440, kind), media, RATE)
    assert samples.dtype == np.float32 and samples.shape == (RATE,)
    assert np.corrcoef(samples, played(440))[0, 1] > 0.99
    assert abs(len(sound_of(tone(440, kind), media, 2 * RATE)) - 2 * RATE) <= 2
    with pytest.raises(EmbeddingFailed, match="cannot be decoded"):
        sound_of(tone(440, kind)[:20], media, RATE)


def test_a_text_recalls_a_sound_by_the_sound_towers_vector(clap: Path, tmp_path: Path) -> None:
    files = [tone(hertz, kind) for hertz, kind in zip((200, 600, 1800), KINDS, strict=True)]
    with open_memory(tmp_path, embedder=str(clap), min_relevance=0) as memory:
        stored = [memory.store(audio=file) for file in files]
        assert memory.parts.catchup.drain() == 0
        hits = {hit.id: hit for hit in memory.recall("the bell rings").hits}
        model = memory.parts.embedder
        assert modalities_of(model) == {"text", "audio"}
        query = model.encode_query("the bell rings")
        vectors = []
        for one, file in zip(stored, files, strict=True):
            assert one.media is not None
            vectors.append(encode_media(model, one.media, file))
            found = hits[one.id].signals["dense"]
            assert found == pytest.approx(float(query @ vectors[-1]), abs=1e-5)
        assert len(np.unique(np.round(vectors, 4), axis=0)) == len(files)
