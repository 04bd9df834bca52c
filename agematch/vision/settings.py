"""What may be chosen about the analysis of photographs: plain, frozen, cheap to import and to send to a worker."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class VisionSettings:
    """How photographs are decoded, searched for faces and embedded.

    Attributes:
        max_pixels: photographs with more pixels, by their header, are refused before they are decoded.
        decoded_long_side_px: photographs are decoded to the smallest size whose long side is not below this. A JPEG of 12
            to 16 megapixels decodes in 30 to 60 ms at 800, 1,200 or 1,600 alike, so the size with most detail is taken.
        detection_long_sides_px: long sides of the copies in which faces are looked for; those that would enlarge
            the photo by more than a third are left out, the first excepted.
        min_confidence: the detector's confidence, 0 to 1, below which a detection is no face. In 302 FG-NET and CACD
            photos with the faces painted over nothing upright is above 0.31; the least sure face of FG-NET has 0.86.
        embedders: ids of the embedders to run; empty means those that the manifest marks as default.
    """

    max_pixels: int = 100_000_000
    decoded_long_side_px: int = 1600
    detection_long_sides_px: tuple[int, ...] = (160, 320, 640, 1280)
    min_confidence: float = 0.6
    embedders: tuple[str, ...] = ()
