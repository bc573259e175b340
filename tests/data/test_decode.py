"""Every format, mode and fault an image can have."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from PIL import Image

from transferium.data.images.decode import PIXEL_LIMIT, _check_size, decode
from transferium.data.images.pixels import UnreadableImage


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def photo(width: int = 48, height: int = 32) -> Image.Image:
    """Red on the left, blue on the right, a green top row third: every rotation is told apart."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2, 0] = 220
    pixels[:, width // 2 :, 2] = 220
    pixels[: height // 3, :, 1] = 180
    return Image.fromarray(pixels)


def difference(a: Image.Image, b: Image.Image) -> float:
    return float(np.abs(np.asarray(a, np.float64) - np.asarray(b, np.float64)).mean())


@pytest.mark.parametrize(
    "format, options, tolerance",
    [
        ("JPEG", {"quality": 95}, 4),
        ("JPEG", {"quality": 95, "progressive": True}, 4),
        ("PNG", {}, 0),
        ("GIF", {}, 2),
        ("BMP", {}, 0),
        ("TIFF", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("WEBP", {"lossless": True}, 0),
    ],
)
def test_every_format_comes_back_as_it_was(format: str, options: dict[str, Any], tolerance: float) -> None:
    read = decode(encoded(photo(), format, **options))
    assert (read.mode, read.size) == ("RGB", (48, 32))
    assert difference(read, photo()) <= tolerance


TURNS: dict[int, Callable[[Image.Image], Image.Image]] = {
    2: lambda im: im.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    3: lambda im: im.transpose(Image.Transpose.ROTATE_180),
    4: lambda im: im.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    5: lambda im: im.transpose(Image.Transpose.TRANSPOSE),
    6: lambda im: im.transpose(Image.Transpose.ROTATE_90),
    7: lambda im: im.transpose(Image.Transpose.TRANSVERSE),
    8: lambda im: im.transpose(Image.Transpose.ROTATE_270),
}


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", TURNS)
def test_exif_orientation_is_undone_in_every_format(orientation: int, format: str) -> None:
    """The camera stored the picture turned; the tag says how to turn it back. ``TURNS`` is that turn's inverse."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = {"JPEG": {"quality": 95}, "WEBP": {"lossless": True}}.get(format, {})
    stored = encoded(TURNS[orientation](photo()), format, exif=exif, **options)
    read = decode(stored)
    assert read.size == (48, 32)
    assert difference(read, photo()) < 4


def test_cmyk_jpeg_has_its_colours() -> None:
    cmyk = photo().convert("CMYK")
    stored = encoded(cmyk, "JPEG", quality=95)
    assert b"Adobe" in stored
    assert difference(decode(stored), cmyk.convert("RGB")) < 4


def test_inverted_ycck_would_be_seen() -> None:
    cmyk = Image.new("CMYK", (16, 16), (0, 0, 0, 0))
    assert np.asarray(decode(encoded(cmyk, "JPEG"))).min() > 250, "no ink is white"


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_grey_becomes_rgb(format: str) -> None:
    grey = Image.fromarray(np.tile(np.arange(64, dtype=np.uint8) * 4, (16, 1)))
    read = np.asarray(decode(encoded(grey, format)))
    assert read.shape == (16, 64, 3)
    assert np.abs(read.astype(int) - np.asarray(grey)[:, :, None]).max() < 16


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_lies_on_white(mode: str) -> None:
    clear = Image.new(mode, (8, 8), (0,) * len(mode))
    assert np.asarray(decode(encoded(clear, "PNG"))).min() == 255
    solid = Image.new(mode, (8, 8), (0,) * (len(mode) - 1) + (255,))
    assert np.asarray(decode(encoded(solid, "PNG"))).max() == 0


@pytest.mark.parametrize("format", ["PNG", "GIF"])
def test_a_transparent_palette_colour_lies_on_white(format: str) -> None:
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30] + [0] * 750)
    assert np.asarray(decode(encoded(palette, format, transparency=1))).min() == 255
    assert tuple(np.asarray(decode(encoded(palette, format)))[0, 0]) == (10, 20, 30)


def test_palette_alpha_given_as_bytes_raises_no_warning() -> None:
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 200, 0, 0] + [0] * 750)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = decode(encoded(palette, "PNG", transparency=bytes([255, 0])))
    assert np.asarray(read).min() == 255


def test_a_key_colour_of_an_rgb_png_lies_on_white() -> None:
    image = Image.new("RGB", (4, 4), (1, 2, 3))
    assert np.asarray(decode(encoded(image, "PNG", transparency=(1, 2, 3)))).min() == 255


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_16_bit_greys_keep_their_scale(format: str) -> None:
    ramp = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (4, 1))
    read = np.asarray(decode(encoded(Image.fromarray(ramp), format)))[0, :, 0]
    assert (read[0], read[-1]) == (0, 255)
    assert np.abs(read - np.linspace(0, 255, 64)).max() <= 1


def test_one_bit_images_are_black_and_white() -> None:
    bits = Image.fromarray(np.eye(8, dtype=bool))
    assert set(np.unique(np.asarray(decode(encoded(bits, "PNG"))))) == {0, 255}


def test_float_tiff_is_stretched_between_its_own_extremes() -> None:
    values = np.linspace(-3, 7, 64, dtype=np.float32).reshape(8, 8)
    read = np.asarray(decode(encoded(Image.fromarray(values), "TIFF")))
    assert (read.min(), read.max()) == (0, 255)
    values[0, 0] = np.nan
    assert np.asarray(decode(encoded(Image.fromarray(values), "TIFF")))[0, 0, 0] == 0


def test_a_constant_float_tiff_is_black_and_one_without_finite_values_is_refused() -> None:
    flat = Image.fromarray(np.full((4, 4), 3.5, np.float32))
    assert np.asarray(decode(encoded(flat, "TIFF"))).max() == 0
    with pytest.raises(UnreadableImage, match="no finite value"):
        decode(encoded(Image.fromarray(np.full((4, 4), np.nan, np.float32)), "TIFF"))


@pytest.mark.parametrize("format", ["GIF", "TIFF", "WEBP"])
def test_the_first_of_several_frames_is_taken(format: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if format == "WEBP" else {}
    read = decode(encoded(frames[0], format, save_all=True, append_images=frames[1:], **options))
    assert tuple(np.asarray(read)[4, 4]) == (255, 0, 0)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_truncated_image_says_so(format: str, share: float) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    whole = encoded(noise, format)
    with pytest.raises(UnreadableImage, match=rf"^truncated {format} \([\d,]+ bytes, and its end is missing\)"):
        decode(whole[: int(len(whole) * share)])


def test_damage_in_the_middle_is_not_called_truncation() -> None:
    whole = bytearray(encoded(photo(), "PNG"))
    whole[60:90] = b"\x00" * 30
    with pytest.raises(UnreadableImage, match=r"^damaged PNG \("):
        decode(bytes(whole))


@pytest.mark.parametrize(
    "raw, reason",
    [
        (b"", "empty file (0 bytes)"),
        (b"<!DOCTYPE html><title>404", "not an image but an HTML page"),
        (b"%PDF-1.7 ...", "not an image but a PDF document"),
        (b"PK\x03\x04 ...", "not an image but a ZIP archive"),
        (b"hello, world", "not an image but plain text"),
        (b"\x00\x01\x02\x03" * 9, "not an image this program can read"),
    ],
)
def test_what_is_no_image_is_named(raw: bytes, reason: str) -> None:
    with pytest.raises(UnreadableImage) as caught:
        decode(raw)
    assert caught.value.reason == reason


def bomb(width: int, height: int) -> bytes:
    """A PNG that promises ``width x height`` pixels in a few hundred bytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\x00" * 9999)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("size", [(10_001, 10_000), (12_000, 9_000), (60_000, 60_000)])
def test_an_image_bomb_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UnreadableImage) as caught:
            decode(bomb(*size))
    megapixels = f"{size[0] * size[1] / 1e6:,.0f}"
    expected = f"{size[0]} x {size[1]} = {megapixels} megapixels, more than the limit of 100: scale it down first"
    assert caught.value.reason == expected


def test_the_limit_holds_for_arrays_and_pillow_images() -> None:
    side = int(PIXEL_LIMIT**0.5) + 1
    with pytest.raises(UnreadableImage, match="more than the limit"):
        decode(np.broadcast_to(np.uint8(0), (side, side)))
    huge = Image.new("1", (side, side))
    with pytest.raises(UnreadableImage, match="more than the limit"):
        decode(huge)


def test_20_megapixels_pass() -> None:
    raw = encoded(Image.new("RGB", (5472, 3648), "teal"), "JPEG")
    assert decode(raw).size == (5472, 3648)
    assert decode(raw, at_least=256).size == (684, 456)


@pytest.mark.parametrize("width, height", [(480, 640), (512, 512), (1000, 257), (511, 900), (2048, 2049), (255, 300)])
def test_a_scaled_jpeg_keeps_its_shorter_side(width: int, height: int) -> None:
    whole = decode(encoded(photo(width, height), "JPEG", quality=95))
    scaled = decode(encoded(photo(width, height), "JPEG", quality=95), at_least=256)
    assert min(scaled.size) >= min(256, width, height)
    assert min(scaled.size) < 512 or min(width, height) < 512, "it could have been halved once more"
    assert difference(whole.resize((32, 32)), scaled.resize((32, 32))) < 4


def test_scaling_leaves_other_formats_alone() -> None:
    assert decode(encoded(photo(640, 480), "PNG"), at_least=64).size == (640, 480)


def test_a_scaled_and_turned_jpeg() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode(encoded(photo(640, 480), "JPEG", exif=exif), at_least=100).size == (120, 160)


@pytest.mark.parametrize(
    "array, pixel",
    [
        (np.full((4, 4), 7, np.uint8), (7, 7, 7)),
        (np.full((4, 4, 1), 7, np.uint8), (7, 7, 7)),
        (np.full((4, 4, 3), 0.5), (128, 128, 128)),
        (np.full((4, 4, 3), 200.0), (200, 200, 200)),
        (np.full((4, 4), 200, np.int64), (200, 200, 200)),
        (np.full((4, 4), 65535, np.uint16), (255, 255, 255)),
        (np.ones((4, 4), bool), (255, 255, 255)),
        (np.zeros((4, 4, 4), np.uint8), (255, 255, 255)),
        (np.array([[-5.0, 5.0]]), (0, 0, 0)),
    ],
)
def test_arrays_become_images(array: np.ndarray, pixel: tuple[int, int, int]) -> None:
    assert tuple(np.asarray(decode(array))[0, 0]) == pixel


@pytest.mark.parametrize(
    "array, reason",
    [
        (np.zeros((4, 4, 2)), r"4 x 4 x 2 is no image: give \(h, w\)"),
        (np.zeros((0, 4)), "0 x 4 is no image"),
        (np.full((4, 4), np.nan), "NaN or infinity"),
        (np.full((4, 4), 1j), "complex128 is no image: give integers or floats"),
    ],
)
def test_arrays_that_are_no_image(array: np.ndarray, reason: str) -> None:
    with pytest.raises(UnreadableImage, match=reason):
        decode(array)


def test_a_pillow_image_is_not_changed() -> None:
    image = photo().convert("RGBA")
    before = image.tobytes()
    assert decode(image).mode == "RGB"
    assert (image.mode, image.tobytes()) == ("RGBA", before)


def test_a_pillow_image_that_cannot_be_loaded(tmp_path: Any) -> None:
    file = tmp_path / "cut.png"
    file.write_bytes(encoded(photo(400, 400), "PNG")[:200])
    with Image.open(file) as image, pytest.raises(UnreadableImage, match="damaged image"):
        decode(image)


def test_threads_do_not_disturb_one_another() -> None:
    raws = [encoded(photo(60 + i, 40), "JPEG") for i in range(20)]
    alone = [decode(raw).tobytes() for raw in raws]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda raw: decode(raw).tobytes(), raws * 5))
    assert together == alone * 5


@pytest.mark.parametrize(("mode", "most"), [("I;16", 83), ("F", 62), ("RGBA", 62), ("RGB", 100), ("P", 100)])
def test_no_mode_takes_more_memory_than_the_limit_says(mode: str, most: int) -> None:
    _check_size((most * 1_000_000, 1), mode)
    with pytest.raises(UnreadableImage, match=f"= {most + 1} megapixels, more than the limit of {most}"):
        _check_size(((most + 1) * 1_000_000, 1), mode)
