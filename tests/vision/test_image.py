"""Decoding: every kind of photo upright and in the right colours, every kind of bad file refused in words."""

import base64
import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFile

from agematch.records import Failure, FailureReason
from agematch.vision.heic import items_are_named
from agematch.vision.image import Decoded, decode
from agematch.vision.settings import VisionSettings

SETTINGS = VisionSettings()
CORNERS = (
    (200, 30, 30),
    (30, 200, 30),
    (30, 30, 200),
    (220, 220, 40),
)  # left and right above, left and right below
ORIENTATION, DATE_TAKEN, EXIF_IFD = 0x0112, 36867, 0x8769
# 64 x 48 in CORNERS' colours, EXIF orientation 6 (as the HEIC's own rotation), taken on 2009-08-07; made with pillow-heif.
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAchtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAADRpbG9j"
    "AAAAAERAAAIAAQAAAAAB7AABAAAAAAAAAMoAAgAAAAACtgABAAAAAAAAAFYAAAA4aWluZgAAAAAAAgAAABVpbmZlAgAAAAABAABodmMxAAAA"
    "ABVpbmZlAgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAABB2lwcnAAAADmaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNg"
    "AAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZE"
    "AcFzwIkAAAATY29scm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcAAAAEAAAAABAAAAMAAAAAEAAAAAAAAAAv////AA"
    "AAACAAAAEHBpeGkAAAAAAwgICAAAAAlpcm90AwAAABlpcG1hAAAAAAAAAAEAAQaBAgMFhIYAAAAaaXJlZgAAAAAAAAAOY2RzYwACAAEAAQAA"
    "AShtZGF0AAAAxigBrwngITip//M8b/78nZe0xyeVp79Y//y3r7y4H/36G3R+ja83/xqjv0Aa/4Q7Ewsn5R/+sLL3fQWfiZ7AywHO/G8Q2GeG"
    "EL5MxdbEGVrTEAHowU1p+fyhJ9JHCoYTldvDqRX1nucbO10hi0591FIOvI++pv5WmuvgUFABysLFW9443FP0xuLvTUlndlkqUknytzEa5Slr"
    "mcgAEdj//EXUjxjvc/hzekKMY1NxJCzUwjJ8sppUf6/WviUUspD4OjsAi9/BgQAAAAZFeGlmAABNTQAqAAAACAACARIAAwAAAAEABgAAh2kA"
    "BAAAAAEAAAAmAAAAAAABkAMAAgAAABQAAAA4AAAAADIwMDk6MDg6MDcgMDY6MDU6MDQA"
)


def four_corners(width: int = 96, height: int = 64) -> Image.Image:
    pixels = np.zeros((height, width, 3), np.uint8)
    for i, colour in enumerate(CORNERS):
        rows = slice(0, height // 2) if i < 2 else slice(height // 2, None)
        pixels[rows, slice(0, width // 2) if i % 2 == 0 else slice(width // 2, None)] = colour
    return Image.fromarray(pixels)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)  # type: ignore[arg-type]  # Pillow types no format's own options
    return out.getvalue()


def good(data: bytes, settings: VisionSettings = SETTINGS) -> Decoded:
    photo = decode(data, settings)
    assert isinstance(photo, Decoded), photo
    assert photo.rgb.dtype == np.uint8
    assert photo.rgb.flags.c_contiguous
    return photo


def bad(data: bytes, settings: VisionSettings = SETTINGS) -> Failure:
    failure = decode(data, settings)
    assert isinstance(failure, Failure), failure
    assert failure.detail
    assert failure.remedy.endswith(".")
    return failure


def corners(photo: Decoded) -> list[NDArray[np.int_]]:
    rgb = photo.rgb.astype(int)
    return [rgb[5, 5], rgb[5, -6], rgb[-6, 5], rgb[-6, -6]]


def assert_corners(photo: Decoded, order: tuple[int, ...] = (0, 1, 2, 3), tolerance: int = 30) -> None:
    for seen, corner in zip(corners(photo), order, strict=True):
        assert np.abs(seen - CORNERS[corner]).max() <= tolerance, (corners(photo), order)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 95}),
        ("JPEG", {"quality": 95, "progressive": True}),
        ("PNG", {}),
        ("WEBP", {"quality": 95}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("BMP", {}),
    ],
)
def test_each_format_keeps_its_colours_and_size(kind: str, options: dict[str, object]) -> None:
    photo = good(encoded(four_corners(), kind, **options))
    assert (photo.width, photo.height, photo.scale, photo.format) == (96, 64, 1.0, kind)
    assert_corners(photo)


def test_heic_comes_out_turned_upright_with_its_date() -> None:
    photo = good(HEIC)
    assert (photo.width, photo.height, photo.format, photo.exif_taken_on) == (48, 64, "HEIC", "2009-08-07")
    assert_corners(photo, (2, 0, 3, 1))


def test_only_the_first_frame_of_a_gif_counts() -> None:
    frames = [four_corners().quantize(64), Image.new("P", (96, 64), 0)]
    assert_corners(good(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])))


def test_a_picture_of_several_jpegs_is_read_by_its_first() -> None:
    photo = good(encoded(four_corners(), "MPO", save_all=True, append_images=[Image.new("RGB", (96, 64))]))
    assert photo.format == "JPEG"
    assert_corners(photo)


# Where the corners come to lie when the photo is turned as its EXIF orientation says.
UPRIGHT = {
    1: (0, 1, 2, 3),
    2: (1, 0, 3, 2),
    3: (3, 2, 1, 0),
    4: (2, 3, 0, 1),
    5: (0, 2, 1, 3),
    6: (2, 0, 3, 1),
    7: (3, 1, 2, 0),
    8: (1, 3, 0, 2),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    photo = good(encoded(four_corners(), kind, exif=exif))
    assert (photo.width, photo.height) == ((64, 96) if orientation > 4 else (96, 64))
    assert_corners(photo, UPRIGHT[orientation])


@pytest.mark.parametrize("orientation", [3, 6])
def test_a_reduced_photo_is_turned_as_well(orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    photo = good(encoded(four_corners(4000, 3000), "JPEG", exif=exif))
    assert (photo.width, photo.height) == ((3000, 4000) if orientation == 6 else (4000, 3000))
    assert photo.scale == 0.5
    assert_corners(photo, UPRIGHT[orientation])


@pytest.mark.parametrize(
    "broken", [b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0", b"Exif\0\0II*\0\x08\0\0\0\xff\xff"]
)
def test_a_broken_exif_block_costs_its_facts_and_not_the_photo(broken: bytes) -> None:
    photo = good(encoded(four_corners(), "JPEG", exif=broken))
    assert photo.exif_taken_on == ""
    assert_corners(photo, tolerance=40)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2009:08:07 06:05:04", "2009-08-07"),
        ("2009-08-07", "2009-08-07"),
        ("0000:00:00 00:00:00", ""),
        ("1601:01:01 00:00:00", ""),
        ("2009:02:30 00:00:00", ""),
        ("    :  :     :  :  ", ""),
    ],
)
def test_the_cameras_date_is_read_only_where_it_is_one(written: str, read: str) -> None:
    exif = Image.Exif()
    exif.get_ifd(EXIF_IFD)[DATE_TAKEN] = written
    assert good(encoded(four_corners(), "JPEG", exif=exif)).exif_taken_on == read


def test_cmyk_becomes_rgb() -> None:
    assert_corners(good(encoded(four_corners().convert("CMYK"), "JPEG", quality=95)), tolerance=60)


def test_grey_becomes_three_equal_channels() -> None:
    photo = good(encoded(four_corners().convert("L"), "JPEG"))
    assert photo.rgb.shape == (64, 96, 3)
    assert np.array_equal(photo.rgb[..., 0], photo.rgb[..., 2])


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bits_are_scaled_and_not_clipped(kind: str) -> None:
    ramp = np.tile(np.linspace(0, 65535, 96).astype(np.uint16), (64, 1))
    photo = good(encoded(Image.fromarray(ramp), kind))
    assert np.abs(photo.rgb[0, :, 0].astype(int) - np.linspace(0, 255, 96)).max() <= 1


def test_a_dark_16_bit_photo_stays_dark() -> None:
    photo = good(encoded(Image.fromarray(np.full((64, 96), 6553, np.uint16)), "PNG"))
    assert int(photo.rgb.max()) == int(photo.rgb.min()) == 25


def test_floating_point_samples_from_0_to_1_fill_the_range() -> None:
    ramp = np.tile(np.linspace(0, 1, 96, dtype=np.float32), (64, 1))
    assert good(encoded(Image.fromarray(ramp), "TIFF")).rgb[0, [0, -1], 0].tolist() == [0, 255]


def test_a_large_16_bit_photo_is_reduced_by_averaging() -> None:
    fine = np.zeros((3400, 3400), np.uint16)
    fine[:, ::2] = 65535
    photo = good(encoded(Image.fromarray(fine), "PNG"))
    assert photo.rgb.shape == (1700, 1700, 3)
    assert set(np.unique(photo.rgb)) == {128}


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_parts_are_white(mode: str) -> None:
    image = Image.new(mode, (96, 64), 0)
    assert good(encoded(image, "PNG")).rgb.min() == 255


def test_a_transparent_colour_of_a_palette_is_white() -> None:
    image = Image.new("P", (96, 64), 3)
    image.putpalette([10, 20, 30] * 256)
    assert good(encoded(image, "PNG", transparency=3)).rgb.min() == 255
    assert good(encoded(image, "PNG")).rgb[0, 0].tolist() == [10, 20, 30]


@pytest.mark.parametrize(
    ("size", "decoded"),
    [((4624, 3468), (2312, 1734)), ((1600, 1200), (1600, 1200)), ((6400, 800), (1600, 200))],
)
def test_a_jpeg_is_reduced_to_no_less_than_the_size_that_analysis_needs(
    size: tuple[int, int], decoded: tuple[int, int]
) -> None:
    photo = good(encoded(four_corners(*size), "JPEG"))
    assert photo.rgb.shape[1::-1] == decoded
    assert (photo.width, photo.height) == size
    assert photo.scale == pytest.approx(decoded[0] / size[0])


def test_other_formats_are_reduced_after_they_are_decoded() -> None:
    photo = good(encoded(four_corners(4000, 3000), "PNG", compress_level=1))
    assert photo.rgb.shape == (1500, 2000, 3)
    assert_corners(photo)


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_photo_that_is_cut_off_is_refused(kind: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    failure = bad(data[: int(len(data) * share)])
    assert failure.reason is FailureReason.TRUNCATED
    assert failure.detail == "the photo is cut off or damaged"


@pytest.mark.parametrize("length", [16, 100, 300, 700, len(HEIC) - 100])
def test_a_heic_that_is_cut_off_is_refused(length: int) -> None:
    assert bad(HEIC[:length]).reason is FailureReason.TRUNCATED


def test_cut_off_photos_are_refused_after_another_library_has_allowed_them() -> None:
    ImageFile.LOAD_TRUNCATED_IMAGES = True  # as importing face_recognition does
    try:
        noise = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
        data = encoded(Image.fromarray(noise), "JPEG")
        assert bad(data[: len(data) // 2]).reason is FailureReason.TRUNCATED
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False


def test_a_file_without_bytes_is_called_empty() -> None:
    failure = bad(b"")
    assert failure.reason is FailureReason.EMPTY_FILE
    assert failure.detail == "the file has no bytes"


@pytest.mark.parametrize(
    ("data", "reason", "words"),
    [
        (b"Dear sir, the photo is in the other envelope.", FailureReason.NOT_AN_IMAGE, "not a photo"),
        ("照片在另一封信里".encode("gb18030"), FailureReason.NOT_AN_IMAGE, "not a photo"),
        (b"\0" * 1000, FailureReason.NOT_AN_IMAGE, "not a photo"),
        (b"%PDF-1.7 ...", FailureReason.UNSUPPORTED, "PDF"),
        (b"PK\x03\x04 ...", FailureReason.UNSUPPORTED, "ZIP"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", FailureReason.UNSUPPORTED, "video"),
        (b"8BPS\0\x01", FailureReason.UNSUPPORTED, "Photoshop"),
    ],
)
def test_a_file_that_is_no_photo_is_named(data: bytes, reason: FailureReason, words: str) -> None:
    failure = bad(data)
    assert failure.reason is reason
    assert words in failure.detail
    assert "JPEG" in failure.remedy


def png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 10_000))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(10_001, 10_000), (15_000, 10_000), (60_000, 60_000)])
def test_a_photo_that_claims_too_many_pixels_is_refused_by_its_header(size: tuple[int, int]) -> None:
    failure = bad(png_that_claims(*size))
    assert failure.reason is FailureReason.TOO_LARGE
    assert "100 megapixels" in failure.detail


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
def test_the_limit_on_pixels_holds_in_every_format(kind: str) -> None:
    data = encoded(four_corners(), kind)
    assert bad(data, replace(SETTINGS, max_pixels=96 * 64 - 1)).reason is FailureReason.TOO_LARGE
    good(data, replace(SETTINGS, max_pixels=96 * 64))


def test_the_limit_on_pixels_holds_for_heic() -> None:
    assert bad(HEIC, replace(SETTINGS, max_pixels=64 * 48 - 1)).reason is FailureReason.TOO_LARGE


def test_text_that_unpacks_to_gigabytes_is_refused() -> None:
    body = b"Comment\0\0" + zlib.compress(b"\0" * 200_000_000, 9)
    text = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    data = encoded(four_corners(), "PNG")
    assert bad(data[:33] + text + data[33:]).reason is FailureReason.TOO_LARGE


def test_a_heic_item_whose_kind_is_no_text_is_refused_before_the_decoder_crashes_on_it() -> None:
    assert items_are_named(HEIC)
    hostile = bytearray(HEIC)
    hostile[HEIC.index(b"Exif")] = 0xF5
    assert not items_are_named(bytes(hostile))
    assert bad(bytes(hostile)).reason is FailureReason.TRUNCATED


def test_damage_ends_as_a_photo_or_as_a_failure_and_never_otherwise(
    damaged: Callable[[bytes], list[bytes]],
) -> None:
    samples = [encoded(four_corners(), kind) for kind in ("JPEG", "PNG", "WEBP", "BMP", "GIF")] + [HEIC]
    seen = {type(decode(data, SETTINGS)) for sample in samples for data in damaged(sample)}
    assert seen == {Decoded, Failure}


@pytest.fixture
def damaged() -> Callable[[bytes], list[bytes]]:
    """Return a photo's bytes damaged in a hundred ways, a few bytes each, mostly near the header."""
    random = np.random.default_rng(2)

    def damage(data: bytes) -> list[bytes]:
        copies = []
        for i in range(100):
            copy = bytearray(data)
            for _ in range(random.integers(1, 6)):
                copy[random.integers(0, min(len(copy), 400) if i % 2 else len(copy))] = random.integers(
                    0, 256
                )
            copies.append(bytes(copy))
        return copies

    return damage
