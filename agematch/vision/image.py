"""Bytes of an uploaded photograph to upright RGB pixels, within limits; what cannot be read is a Failure."""

from __future__ import annotations

import io
import logging
import re
import struct
import warnings
import zlib
from dataclasses import dataclass
from datetime import date
from typing import Any

import cv2
import numpy as np
import pi_heif
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

from agematch.i18n import _
from agematch.records import Failure, FailureReason
from agematch.vision.heic import items_are_named
from agematch.vision.settings import VisionSettings

Pixels = NDArray[np.uint8]

logging.getLogger("PIL").addHandler(logging.NullHandler())  # what it has to say, a Failure says

FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "TIFF", "GIF", "BMP")
# What Pillow's and libheif's decoders raise on damaged bytes.
DECODER_FAULTS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    OverflowError,
    RuntimeError,
    NotImplementedError,
)
KNOWN_FILES = (
    (b"%PDF", "PDF"),
    (b"8BPS", "Photoshop"),
    (b"PK\x03\x04", "ZIP, Word or Excel"),
    (b"\xd0\xcf\x11\xe0", "Word or Excel"),
    (b"Rar!", "RAR"),
    (b"\x00\x00\x01\x00", "icon"),
    (b"<svg", "SVG"),
    (b"RIFF", "sound or video"),
    (b"\x1aE\xdf\xa3", "video"),
)
PHOTO_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"II*\x00", b"MM\x00*")
HEIC_BRANDS = (b"heic", b"heix", b"mif1", b"msf1", b"heim", b"heis", b"hevc")
BITS_PER_SAMPLE = 258  # a TIFF tag
TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SWAPS_SIDES = (5, 6, 7, 8)
EXIF_DATE = re.compile(r"(\d{4})[:-](\d{2})[:-](\d{2})")


@dataclass(frozen=True, eq=False)
class Decoded:
    """An upright photograph.

    `rgb` is (height, width, 3) uint8, C-contiguous, `scale` times the size of the upright, full-size photo, whose
    size is `width` by `height`. `exif_taken_on` is the camera's date, ISO 8601, or empty.
    """

    rgb: Pixels
    scale: float
    width: int
    height: int
    format: str
    exif_taken_on: str = ""


def decode(data: bytes, settings: VisionSettings) -> Decoded | Failure:
    """Decode a photograph to upright RGB, no larger than analysis needs.

    JPEG, PNG, WebP, HEIC, TIFF, BMP and the first frame of GIF; transparent parts become white, 16-bit samples are
    scaled to 8 bits. The number of pixels is taken from the header and refused before anything is decoded.
    A JPEG is reduced while it is decoded (by 2, 4 or 8, in the DCT), other formats after.
    """
    if not data:
        return Failure(
            FailureReason.EMPTY_FILE,
            _("the file has no bytes"),
            _("Copy the photo again from where it came from."),
        )
    if data[4:8] == b"ftyp" and not items_are_named(data):
        return _damaged()
    ImageFile.LOAD_TRUNCATED_IMAGES = False  # other libraries set it, and half a face must not be embedded
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        Image.MAX_IMAGE_PIXELS = settings.max_pixels
        try:
            with Image.open(io.BytesIO(data), formats=_formats()) as image:
                if image.width * image.height > settings.max_pixels:
                    return _too_large(settings)
                return _decoded(image, settings)
        except (Image.DecompressionBombWarning, Image.DecompressionBombError):
            return _too_large(settings)
        except UnidentifiedImageError:
            return _damaged() if _begins_as_a_photo(data) else _not_a_photo(data)
        except MemoryError:
            return _too_large(settings)
        except DECODER_FAULTS as err:
            said = str(err).lower()
            if "too large" in said or "limit" in said:
                return _too_large(settings)
            return _unsupported(str(err)) if "not supported" in said or "conversion" in said else _damaged()


def _formats() -> tuple[str, ...]:
    if "HEIF" not in Image.OPEN:
        Image.init()  # Pillow itself loads most readers only when the common ones do not fit
        pi_heif.register_heif_opener()
    return FORMATS


def _decoded(image: Image.Image, settings: VisionSettings) -> Decoded:
    width, height = image.size
    name = image.format or ""
    orientation, taken_on = _exif(image)
    wanted = settings.decoded_long_side_px
    if name in ("JPEG", "MPO") and max(width, height) > wanted:
        ratio = wanted / max(width, height)
        image.draft(None, (int(np.ceil(width * ratio)), int(np.ceil(height * ratio))))
    image.load()
    if name == "TIFF":  # Pillow turns a TIFF upright while it loads
        (width, height), orientation = image.size, 1
    upright = _rgb(image, max(max(image.size) // wanted, 1))
    if orientation in TRANSPOSE:
        upright = upright.transpose(TRANSPOSE[orientation])
        if orientation in SWAPS_SIDES:
            width, height = height, width
    rgb = np.ascontiguousarray(np.asarray(upright))
    return Decoded(rgb, max(rgb.shape[:2]) / max(width, height), width, height, _name(name), taken_on)


def _name(format_name: str) -> str:
    return {"MPO": "JPEG", "HEIF": "HEIC"}.get(format_name, format_name)


def _exif(image: Image.Image) -> tuple[int, str]:
    """Return orientation (1 to 8) and date taken; a broken EXIF block costs its facts and not the photo."""
    try:
        exif = image.getexif()
        orientation = exif.get(ExifTags.Base.Orientation, 1)
        taken = str(exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal, ""))
    except DECODER_FAULTS:
        return 1, ""
    return orientation if isinstance(orientation, int) else 1, _iso_date(taken)


def _iso_date(text: str) -> str:
    found = EXIF_DATE.match(text)
    if not found:
        return ""
    try:
        day = date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return ""
    return day.isoformat() if day.year >= 1900 else ""


def _rgb(image: Image.Image, factor: int) -> Image.Image:
    """Return the image as 8-bit RGB over white, `factor` times smaller by averaging."""
    if image.mode.startswith(("I", "F")):
        return _from_deep(image, factor).convert("RGB")
    if "transparency" in image.info and image.mode != "RGBA":
        image = image.convert("RGBA")
    elif image.mode in ("P", "PA", "1"):
        image = image.convert("RGBA" if image.mode == "PA" else "RGB")
    if factor > 1:
        image = image.reduce(factor)
    if image.mode in ("RGBA", "LA", "RGBa", "La"):
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, layer).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _from_deep(image: Image.Image, factor: int) -> Image.Image:
    """Return grey samples of more than 8 bits as 8 bits, scaled by the range that their kind can have."""
    samples = np.asarray(image)
    low, high = _range(image, samples)
    if factor > 1:
        size = (samples.shape[1] // factor, samples.shape[0] // factor)
        deep = samples if samples.dtype == np.uint16 else samples.astype(np.float32)
        samples = cv2.resize(deep, size, interpolation=cv2.INTER_AREA)
    scaled = (np.nan_to_num(samples.astype(np.float32)) - low) * (255.0 / max(high - low, 1e-6))
    return Image.fromarray(np.clip(np.rint(scaled), 0, 255).astype(np.uint8))


def _range(image: Image.Image, samples: NDArray[Any]) -> tuple[float, float]:
    """Return the values that mean black and white."""
    low, high = float(np.nanmin(samples)), float(np.nanmax(samples))
    if samples.dtype == np.uint16:
        tags = getattr(image, "tag_v2", {})
        return 0.0, float(2 ** min(max(tags.get(BITS_PER_SAMPLE, (16,))), 16) - 1)
    for white in (1.0, 255.0, 65535.0):
        if low >= 0 and high <= white and (white > 1 or image.mode == "F"):
            return 0.0, white
    return low, high


def _too_large(settings: VisionSettings) -> Failure:
    return Failure(
        FailureReason.TOO_LARGE,
        _("the photo unpacks to more than the limit of {limit} megapixels").format(
            limit=settings.max_pixels // 1_000_000
        ),
        _("Save a smaller copy (4,000 pixels on the long side are plenty) and submit that."),
    )


def _damaged() -> Failure:
    return Failure(
        FailureReason.TRUNCATED,
        _("the photo is cut off or damaged"),
        _(
            "Copy it again from where it came from; if it is damaged there too, open it in an image viewer and save it as JPEG."
        ),
    )


def _unsupported(reason: str) -> Failure:
    return Failure(
        FailureReason.UNSUPPORTED,
        _("photos of this kind cannot be read ({reason})").format(reason=reason),
        _("Open it in an image viewer, save it as JPEG, and submit that."),
    )


def _begins_as_a_photo(data: bytes) -> bool:
    return data.startswith(PHOTO_BEGINNINGS) or (data[4:8] == b"ftyp" and data[8:12] in HEIC_BRANDS)


def _not_a_photo(data: bytes) -> Failure:
    remedy = _("Submit the photo itself, as JPEG, PNG, WebP, HEIC, TIFF, GIF or BMP.")
    start = data[:512].lstrip()
    for magic, name in KNOWN_FILES:
        if start.startswith(magic):
            return Failure(
                FailureReason.UNSUPPORTED, _("this is a file of the kind {kind}").format(kind=name), remedy
            )
    if data[4:8] == b"ftyp":
        return Failure(
            FailureReason.UNSUPPORTED, _("this is a file of the kind {kind}").format(kind="video"), remedy
        )
    return Failure(FailureReason.NOT_AN_IMAGE, _("this is not a photo that can be read"), remedy)
