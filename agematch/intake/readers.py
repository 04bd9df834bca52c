"""Readers of single values: words, ids, paths, days, numbers, and the words that a column takes, also in Chinese."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from agematch.i18n import _
from agematch.intake import dates
from agematch.intake.dates import Unreadable
from agematch.intake.signs import IN_NAME, IN_TEXT, shown
from agematch.records import Sex, Source

SEXES: Mapping[str, Sex] = MappingProxyType(
    {"female": Sex.FEMALE, "f": Sex.FEMALE, "女": Sex.FEMALE, "女性": Sex.FEMALE}
    | {"male": Sex.MALE, "m": Sex.MALE, "男": Sex.MALE, "男性": Sex.MALE}
    | {"unknown": Sex.UNKNOWN, "u": Sex.UNKNOWN, "?": Sex.UNKNOWN, "未知": Sex.UNKNOWN, "不详": Sex.UNKNOWN}
)
SOURCES: Mapping[str, Source] = MappingProxyType(
    {source.value: source for source in Source}
    | {"孤儿院": Source.ORPHANAGE, "福利院": Source.ORPHANAGE, "街头": Source.STREET, "流浪": Source.STREET}
    | {"派出所": Source.POLICE, "公安": Source.POLICE, "警察": Source.POLICE, "医院": Source.HOSPITAL}
    | {"学校": Source.SCHOOL, "本人": Source.SELF, "其他": Source.OTHER, "其它": Source.OTHER}
)
AGE_KINDS = MappingProxyType(
    {
        "completed": "completed",
        "周岁": "completed",
        "实岁": "completed",
        "nominal": "nominal",
        "虚岁": "nominal",
    }
)
CALENDARS = MappingProxyType(
    {"solar": "solar", "公历": "solar", "阳历": "solar", "lunar": "lunar", "农历": "lunar", "阴历": "lunar"}
)
LONGEST = 10_000
NOT_KNOWN = frozenset(
    {"-", "--", "?", "n/a", "none", "unknown", "not known", "未知", "不详", "不明", "不清楚", "无"}
)
"""What people write into a cell of a date, an age or a blood type to say that nothing is known."""

SHORTENED_NUMBER = re.compile(r"\d(?:[.,]\d+)?E\+\d+", re.IGNORECASE)
FORCED_TEXT = re.compile(r'="([^"]*)"')
"""How some programs write a number that is to stay a text: ="00123"."""

FRINGE = "\ufeff\u200b\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069"
"""Invisible signs that copying a path out of a Windows dialogue leaves at its ends."""

ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
"""Names that Windows gives to devices in every folder, with any ending."""

DEVICE_FOLDERS = ("/dev/", "/proc/", "/sys/")


def text(value: str) -> str:
    """Read words: one line of them or several, without signs that a terminal would obey."""
    plain = value.strip()
    if not plain.isascii():
        plain = unicodedata.normalize("NFC", plain)
    if IN_TEXT.search(plain):
        raise Unreadable(_("there are control characters in it."), _("Type it anew."))
    if len(plain) > LONGEST:
        raise Unreadable(_("it is longer than {number} characters.").format(number=LONGEST), _("Shorten it."))
    return plain.replace("\r\n", "\n").replace("\r", "\n") if "\r" in plain else plain


def identifier(value: str) -> str:
    """Read an id: one line, not empty, without signs that nobody sees."""
    forced = FORCED_TEXT.fullmatch(value.strip())
    plain = text(forced[1] if forced else value)
    if SHORTENED_NUMBER.fullmatch(plain):
        raise Unreadable(
            _("{value} is a long number of which the spreadsheet kept only the first digits.").format(
                value=shown(plain)
            ),
            _("Format the column as text and type the ids again, or different children share one id."),
        )
    if not plain or "\n" in plain or "\t" in plain:
        raise Unreadable(_("an id is one line of text."), _("Give one."))
    if IN_NAME.search(plain):
        raise Unreadable(_("there are invisible or control characters in the id."), _("Type it anew."))
    return plain


def path(value: str) -> str:
    """Read the path of a photo, with the separators of any system."""
    plain = value.strip().strip(FRINGE).strip()
    if len(plain) > 1 and plain[0] == plain[-1] == '"':  # as Windows copies a path
        plain = plain[1:-1].strip()
    if not plain:
        raise Unreadable(_("no photo is named."), _("Name its file."))
    if ADDRESS.match(plain):
        raise Unreadable(
            _("{file} is an address, not a file.").format(file=shown(plain)),
            _("Save the photo and name its file."),
        )
    if _is_device(plain.replace("\\", "/")):
        raise Unreadable(
            _("{file} is a device, not a photo.").format(file=shown(plain)), _("Name the file of the photo.")
        )
    if IN_NAME.search(plain):
        raise Unreadable(
            _("there are invisible or control characters in the name of the photo."),
            _("Rename the file and type its name anew."),
        )
    return plain


def _is_device(plain: str) -> bool:
    if plain.startswith(("//./", "//?/")) or DEVICE.fullmatch(posixpath.basename(plain).rstrip(" .")):
        return True
    # two leading slashes survive normpath
    return plain.startswith("/") and posixpath.normpath("/" + plain.lstrip("/")).startswith(DEVICE_FOLDERS)


def is_not_known(value: str) -> bool:
    """Return whether a cell says that nothing is known."""
    return word(value) in NOT_KNOWN


@lru_cache(maxsize=65_536)
def _read_day(value: str, calendar: str, today: date) -> str:
    dates.reject_future(dates.date_range(value, calendar), today)
    return dates.normalise(value)


def day(value: str) -> str:
    """Read a date that lies in the past."""
    return _read_day(value, "solar", datetime.now(UTC).date())


def lunar_day(value: str) -> str:
    """Read a date of the Chinese lunar calendar, whose months all may have 30 days."""
    return _read_day(value, "lunar", datetime.now(UTC).date())


def age(value: str) -> float:
    """Read an age in years."""
    return dates.parse_age(value)


def count(value: str) -> int:
    """Read a number from 1."""
    plain = unicodedata.normalize("NFKC", value).strip()
    if not plain.isdecimal() or len(plain) > 4 or not 1 <= int(plain) <= 1000:
        raise Unreadable(
            _("{value} is not a number from 1.").format(value=shown(value)),
            _("Count the faces from the left, from 1."),
        )
    return int(plain)


def box(value: str) -> tuple[float, float, float, float]:
    """Read x, y, width, height of a face in pixels, separated by commas or spaces."""
    parts = unicodedata.normalize("NFKC", value).replace(",", " ").split()
    wrong = Unreadable(
        _("{value} is not a box.").format(value=shown(value)), _("Write x y width height, in pixels.")
    )
    try:
        x, y, width, height = map(float, parts)
    except ValueError as err:
        raise wrong from err
    if not (width > 0 and height > 0 and abs(x) < 1e6 and abs(y) < 1e6 and width < 1e6 and height < 1e6):
        raise wrong
    return x, y, width, height


def word(value: str) -> str:
    """Return a word as it is compared: lower case, full-width letters as plain ones."""
    return unicodedata.normalize("NFKC", value).strip().lower()


def one_of(words: Mapping[str, Any], allowed: str) -> Callable[[str], Any]:
    """Return a reader that takes these words only; `allowed` names them to people."""

    def read(value: str) -> Any:
        found = words.get(value)
        if found is None and (found := words.get(word(value))) is None:
            raise Unreadable(
                _('"{value}" is not one of the words for it.').format(value=shown(value)),
                _("Use {allowed}.").format(allowed=allowed),
            )
        return found

    return read
