"""The one function that every sentence for a volunteer goes through, so that a catalogue can translate it."""

from __future__ import annotations

import gettext
import os
from pathlib import Path

CATALOGUES = Path(__file__).with_name("locales")


def _translation() -> gettext.NullTranslations:
    language = os.environ.get("AGEMATCH_LANGUAGE", "")
    languages = [language] if language else None
    return gettext.translation("agematch", CATALOGUES, languages=languages, fallback=True)


def _(text: str) -> str:
    """Return `text` in the language of AGEMATCH_LANGUAGE, or of the user's locale, or as it is."""
    return _translation().gettext(text)
