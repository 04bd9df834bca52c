"""Numbers and evidence as sentences a lay person can read, the same ones in the terminal and in HTML."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from agematch.i18n import _
from agematch.records import AgeRange

MOST = 1000
"""Where numbers end and "more than" begins: published verbal scales for likelihood ratios agree up to 1,000 only
(ENFSI guideline for evaluative reporting, as quoted by its secondary sources)."""

MINUS = "\N{MINUS SIGN}"
TIMES = "\N{MULTIPLICATION SIGN}"
DIVIDED = "\N{DIVISION SIGN}"

UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)
"""Control characters, terminal escapes, direction overrides (a file name must not read backwards) and lone
surrogates (a file name that is not UTF-8)."""


def printable(text: str) -> str:
    """Return `text` with everything that could act instead of being read replaced by U+FFFD."""
    return UNPRINTABLE.sub("\ufffd", text)


def number(value: float) -> str:
    """Write a number >= 0 to two significant digits, never as an exponent: 0.043, 0.4, 4.3, 43, 4,300."""
    if value == 0:
        return "0"
    digits = 1 - math.floor(math.log10(value))
    rounded = round(value, digits)
    if rounded >= 10:
        return f"{rounded:,.0f}"
    return f"{rounded:.{max(digits, 0)}f}".rstrip("0").rstrip(".")


def factor(log10_lr: float) -> str:
    """Write one part of the evidence as what it multiplies or divides the likelihood ratio by: ×180, ÷3.2, ×1.

    Beyond a million only that is said; the hundredths beside it stay exact.
    """
    size = number(10 ** min(abs(log10_lr), 6))
    sign = DIVIDED if log10_lr < 0 and size != "1" else TIMES
    return f"> {sign}{size}" if abs(log10_lr) > 6 else sign + size


def signed(hundredths: int) -> str:
    """Write hundredths as a number with its sign, two decimals: +1.20, −0.35, 0.00."""
    text = f"{abs(hundredths) / 100:.2f}"
    return text if hundredths == 0 else ("+" if hundredths > 0 else MINUS) + text


def hundredths_that_add_up(parts: Sequence[float], total: float) -> list[int]:
    """Round the parts of a total to hundredths so that what is printed adds up to what is printed as the total.

    The hundredths that plain rounding gains or loses go to the parts that were rounded furthest. Where the parts do
    not add up before rounding either, one more number than there are parts is returned: what they leave unexplained.
    """
    goal = round(total * 100)
    rounded = [round(part * 100) for part in parts]
    left = goal - sum(rounded)
    if abs(math.fsum(parts) - total) > 0.005:
        return [*rounded, left]
    step = 1 if left > 0 else -1
    furthest = sorted(range(len(parts)), key=lambda i: step * (rounded[i] - parts[i] * 100))
    for i in furthest[: abs(left)]:
        rounded[i] += step
    return rounded


def evidence_sentence(log10_lr: float) -> str:
    """Say what a likelihood ratio means, in words that name both propositions."""
    size = 10 ** min(abs(log10_lr), 6)
    many = number(min(size, MOST))
    if many == "1":
        return _(
            "These photos are about as probable if they show the same child as if they show two different children."
        )
    if log10_lr > 0 and size > MOST * 1.001:
        text = _(
            "These photos are more than {times} times more probable if they show the same child "
            "than if they show two different children."
        )
    elif log10_lr > 0:
        text = _(
            "These photos are about {times} times more probable if they show the same child "
            "than if they show two different children."
        )
    elif size > MOST * 1.001:
        text = _(
            "These photos are more than {times} times more probable if they show two different children "
            "than if they show the same child."
        )
    else:
        text = _(
            "These photos are about {times} times more probable if they show two different children "
            "than if they show the same child."
        )
    return text.format(times=many)


def likelihood_ratio(log10_lr: float) -> str:
    """Write a likelihood ratio for a table cell: 250, 1.3, 1/40, > 1,000, < 1/1,000."""
    size = 10 ** min(abs(log10_lr), 6)
    many = number(min(size, MOST))
    if size > MOST * 1.001:
        return f"> {many}" if log10_lr > 0 else f"< 1/{many}"
    return many if log10_lr >= 0 or many == "1" else f"1/{many}"


def chance_number(expected: float) -> str:
    """Write a chance count for a table cell: 3.2, 0.043, < 0.001, > 1,000."""
    if expected < 1 / MOST:
        return f"< {number(1 / MOST)}"
    return f"> {number(MOST)}" if expected > MOST else number(expected)


def cases_words(count: int) -> str:
    """Write the size of a gallery: "1 case", "38 cases"."""
    return _("1 case") if count == 1 else _("{number} cases").format(number=f"{count:,}")


def _children(expected: float) -> str:
    if expected > MOST:
        return _("more than {number} unrelated children").format(number=number(MOST))
    if (written := number(expected)) == "1":
        return _("about 1 unrelated child")
    return _("about {number} unrelated children").format(number=written)


def chance_sentence(expected: float, gallery_cases: int) -> str:
    """Say how many unrelated children a registry of this size shows at this score by accident.

    Below one child the count is also said as a number of searches: with unrelated children that arise independently
    (Poisson), the share of searches that show at least one is 1 - exp(-expected).
    """
    searches = number(MOST)
    if expected < 1 / MOST:
        text = _(
            "In a registry of {cases}, fewer than 1 search in {searches} would show "
            "an unrelated child that scores this high by accident."
        )
    elif expected > 1:
        text = _(
            "In a registry of {cases}, {children} would score this high by accident: "
            "this is no more than chance."
        )
    elif (one_in := -1 / math.expm1(-expected)) < 2.5:
        text = _(
            "In a registry of {cases}, {children} would score this high by accident: "
            "at least one in about half of all searches."
        )
    else:
        text = _(
            "In a registry of {cases}, {children} would score this high by accident: "
            "at least one in about every {searches} searches."
        )
        searches = number(round(one_in))
    return text.format(cases=cases_words(gallery_cases), children=_children(expected), searches=searches)


def night_sentence(sightings: int, cases: int, expected: float, found: int) -> str:
    """Say whether a night's leads are more than chance makes: the warning stands up to expected + 2 standard deviations.

    Args:
        expected: how many leads of this strength unrelated children make; its own deviation is its square root (Poisson).
        found: how many leads the night has.
    """
    text = _(
        "{sightings} sightings were searched against {cases} cases. "
        "Leads as strong as these arise by chance {expected} times; there are {found}."
    ).format(
        sightings=f"{sightings:,}",
        cases=f"{cases:,}",
        expected=number_from_chance(expected),
        found=f"{found:,}",
    )
    if found <= expected + 2 * math.sqrt(max(expected, 0.0)):
        return text + " " + _("As a whole they are no evidence of any find; each is still worth a look.")
    return text


def number_from_chance(expected: float) -> str:
    """Write an expected count inside a sentence: "about 2,900", "fewer than 0.001"."""
    if expected < 1 / MOST:
        return _("fewer than {number}").format(number=number(1 / MOST))
    return _("about {number}").format(number=number(expected))


def years(value: float) -> str:
    """Write a duration: "7 months", "1 year", "12 years"; months are named below two years only."""
    if value < 2:
        months = round(value * 12)
        if months != 12:
            return _("1 month") if months == 1 else _("{months} months").format(months=months)
    whole = round(value)
    return _("1 year") if whole == 1 else _("{years} years").format(years=whole)


def age(age_years: AgeRange) -> str:
    """Write an age known to within a range: "5 to 6 years old", "7 months old", "about 12 years old"."""
    low, high = age_years.low, age_years.high
    if high - low <= 0.05:
        return _("{age} old").format(age=years(age_years.middle))
    if high >= 2 and math.floor(low) == math.floor(high):
        return _("{age} old").format(age=years(math.floor(low)))
    if high < 2:
        return _("{low} to {high} old").format(low=years(low), high=years(high))
    return _("{low} to {high} years old").format(low=math.floor(low), high=math.floor(high))


def size(size_bytes: int) -> str:
    """Write a size in the units that disks are sold in."""
    for unit, unit_bytes in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= unit_bytes:
            value = size_bytes / unit_bytes
            return f"{value:.0f} {unit}" if value >= 99.5 else f"{value:.3g} {unit}"
    return f"{size_bytes} B"


def duration(seconds: float) -> str:
    """Write how long something took: "0.4 s", "41 s", "6 min 5 s", "1 h 42 min"."""
    if seconds < 9.95:
        return _("{seconds} s").format(seconds=f"{seconds:.1f}")
    whole = round(seconds)
    if whole < 60:
        return _("{seconds} s").format(seconds=whole)
    if whole < 3600:
        return _("{minutes} min {seconds} s").format(minutes=whole // 60, seconds=whole % 60)
    minutes = round(seconds / 60)
    return _("{hours} h {minutes} min").format(hours=minutes // 60, minutes=minutes % 60)
