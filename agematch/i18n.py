"""The one function that every sentence for a volunteer goes through, so that a catalogue can translate it."""

from __future__ import annotations

import gettext
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

CATALOGUES = Path(__file__).with_name("locales")


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    return gettext.translation(
        "agematch", CATALOGUES, languages=[language] if language else None, fallback=True
    )


def _(text: str) -> str:
    """Return `text` in the language of AGEMATCH_LANGUAGE, or of the user's locale, or as it is."""
    return _catalogue(os.environ.get("AGEMATCH_LANGUAGE", "")).gettext(text)


def in_language(language: str) -> Callable[[str], str]:
    """Return the function that says a text in a language of its own, for what others than the user will read."""
    return _catalogue(language.split(".")[0].replace("-", "_")).gettext
