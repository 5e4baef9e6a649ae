"""Bytes of an image or a sound to what a model's own preprocessing takes.

Images go through Pillow, which refuses one of more pixels than is safe. Sounds become one channel
of float32 at the model's sampling rate: WAV with whole-number samples by the standard library, the
rest by libsndfile (soundfile). Nothing here reads a file by name.
"""

import io
import wave
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memory_core.errors import EmbeddingFailed, MissingExtra
from memory_core.media import Media

MAX_SECONDS = 3_600
"""Of one sound: an hour at 16 kHz is 230 MB of float32."""

Samples = NDArray[np.float32]


def image_of(content: bytes, name: str) -> Any:
    """Return a Pillow image in RGB, turned as the camera was held; of an animation the first.

    Raises:
        EmbeddingFailed: it cannot be decoded, or has too many pixels.
        MissingExtra: Pillow is not installed.
    """
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise MissingExtra("pillow", "media") from error
    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.width * image.height > (Image.MAX_IMAGE_PIXELS or 0):  # else only a warning
                raise EmbeddingFailed(f"{name} has {image.width}×{image.height} pixels")
            return ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise EmbeddingFailed(f"{name} cannot be decoded: {error}; get the file again") from error


def sound_of(content: bytes, media: Media, rate: int) -> Samples:
    """Return a sound's samples `(n,)`, -1..1, one channel, at `rate` a second.

    Raises:
        EmbeddingFailed: it cannot be decoded, is empty, or is longer than `MAX_SECONDS`.
        MissingExtra: it takes soundfile, and that is not installed.
    """
    samples, found = _wave(content) if media.type == "audio/wav" else (None, 0)
    if samples is None:
        samples, found = _by_libsndfile(content, media.name)
    if not len(samples) or len(samples) > found * MAX_SECONDS:
        raise EmbeddingFailed(f"{media.name} has {len(samples):,} samples at {found} Hz; cut it")
    mono: Samples = samples.mean(axis=1, dtype=np.float32)
    if found == rate:
        return mono
    from scipy.signal import resample_poly

    divisor = int(np.gcd(found, rate))
    return np.asarray(resample_poly(mono, rate // divisor, found // divisor), dtype=np.float32)


def _wave(content: bytes) -> tuple[Samples | None, int]:
    """Return the samples `(n, channels)` of whole-number PCM, None where it is another kind."""
    try:
        with wave.open(io.BytesIO(content)) as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            if rate * MAX_SECONDS < file.getnframes():
                raise EmbeddingFailed(f"a sound of more than {MAX_SECONDS:,} seconds; cut it")
            frames = file.readframes(file.getnframes())
    except (wave.Error, EOFError):
        return None, 0
    if width not in (1, 2, 4):
        return None, 0
    raw = np.frombuffer(
        frames[: len(frames) // width * width], dtype=f"<{'u' if width == 1 else 'i'}{width}"
    )
    scaled = (raw.astype(np.float32) - (128 if width == 1 else 0)) / float(1 << 8 * width - 1)
    whole = len(scaled) // channels * channels
    return scaled[:whole].reshape(-1, channels), rate


def _by_libsndfile(content: bytes, name: str) -> tuple[Samples, int]:
    try:
        import soundfile
    except (ImportError, OSError) as error:  # OSError: its library is not there
        raise MissingExtra("soundfile", "media") from error
    try:
        samples, rate = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    except (RuntimeError, TypeError, ValueError) as error:
        raise EmbeddingFailed(f"{name} cannot be decoded: {error}; get the file again") from error
    return np.asarray(samples, dtype=np.float32), int(rate)
