"""Every code that one room gives has its words in the report room."""

import re
from pathlib import Path

from agematch.match import bands
from agematch.report import codes
from agematch.vision import quality


def test_every_quality_flag_has_words_and_advice():
    source = Path(quality.__file__).read_text(encoding="utf-8")
    flags = set(re.findall(r'said\["(\w+)"\]', source)) | set(re.findall(r'"(\w+)": _', source))
    assert {"small", "blurred", "grey"} <= flags, "the flags are written otherwise: adapt this test"
    assert flags <= set(codes.FLAGS)


def test_every_band_has_words():
    words = {bands.AGAINST, bands.ABOVE, *(name for _end, name in bands.STEPS)}
    assert words == set(codes.BANDS)
