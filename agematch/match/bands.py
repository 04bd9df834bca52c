"""The words for a likelihood ratio, and the reasons for caution, as sentences that a volunteer reads."""

from __future__ import annotations

from collections.abc import Sequence

from agematch.i18n import _

NO_MORE_THAN_CHANCE = "no more than chance"
AGAINST = "support against"
STEPS = ((1.0, "weak"), (2.0, "moderate"), (3.0, "moderately strong"))
"""Upper ends in log10 of the verbal scale on which published sources agree (ENFSI guideline as quoted by them); they
disagree above 1,000, where only the number is given."""
ABOVE = "more than 1,000"

POOR_QUALITY = 30.0
"""Below this quality score of the probe (0 to 100) the band goes no further than the first word; a choice, not measured."""
GUESSWORK_AGE_YEARS = 2.5
"""Under this age at the reference photo true accept rates fall to a third (arXiv 2601.01680)."""
WITHIN_REACH = 0.5
"""A score this close, in log10, is a factor of three: less than what two photos of one child differ by."""
LEAD_CHANCE = 1.0


def band(log10_lr: float, expected_by_chance: float, capped: bool) -> str:
    """Return the band in English words, the same in every language's data; `band_in_words` translates it.

    Args:
        capped: whether the words must stay at the first step, however large the number is.
    """
    if log10_lr < 0:
        word = AGAINST
    elif capped:
        word = STEPS[0][1]
    else:
        word = next((name for end, name in STEPS if log10_lr < end), ABOVE)
    return f"{word}, {NO_MORE_THAN_CHANCE}" if expected_by_chance > LEAD_CHANCE else word


def word_of(text: str) -> str:
    """Return the word of a band without what chance adds to it."""
    return text.partition(", " + NO_MORE_THAN_CHANCE)[0]


def leads_by_chance(chance_at_bands: Sequence[float], limit: float, capped: bool) -> dict[str, float]:
    """Return how many unrelated cases are expected among the leads of one search, by the word of their band.

    Args:
        chance_at_bands: how many unrelated cases are expected at 0, 1, 2 and 3 in log10 LR or above.
        limit: the chance count up to which a candidate is a lead: no more than so many unrelated ones are.
    """
    words = [*(word for _end, word in STEPS), ABOVE]
    reached = [min(count, limit) for count in chance_at_bands]
    against = {AGAINST: limit - reached[0]}  # a lead all the same, where the registry is so small
    if capped:
        return against | {words[0]: reached[0]}
    return against | {
        word: here - above for word, here, above in zip(words, reached, [*reached[1:], 0.0], strict=True)
    }


def band_in_words(text: str) -> str:
    """Return a band in the reader's language."""
    words = {
        AGAINST: _("support against"),
        "weak": _("weak"),
        "moderate": _("moderate"),
        "moderately strong": _("moderately strong"),
        ABOVE: _("more than 1,000"),
    }
    word = word_of(text)
    known = words.get(word, word)
    return _("{band}, no more than chance").format(band=known) if word != text else known


def probe_cautions(quality: float | None, flags: Sequence[str], calibrated: bool) -> tuple[str, ...]:
    """Return the cautions that hold for every candidate of a probe."""
    texts = []
    if not calibrated:
        texts.append(
            _(
                "These networks have not been calibrated: the face counts as evidence of nothing, only the order means something."
            )
        )
    if quality is not None and quality < POOR_QUALITY:
        texts.append(
            _("The photo of the found child is of poor quality ({quality} of 100).").format(
                quality=round(quality)
            )
        )
    if flags:
        texts.append(_("The photo of the found child is marked: {flags}.").format(flags=", ".join(flags)))
    return tuple(texts)


def age_cautions(
    age: tuple[float, float] | None, gap: tuple[float, float] | None, before_birth: bool, unmeasured: bool
) -> tuple[str, ...]:
    """Return the cautions about one candidate's ages, from ranges in years, None where unknown."""
    texts = []
    if before_birth:
        texts.append(
            _(
                "The photo of the found child is dated before this child's birth: one of the dates is wrong, or it is another child."
            )
        )
    if age is None:
        texts.append(_("The age in the reference photo is not known."))
    elif sum(age) / 2 < GUESSWORK_AGE_YEARS:
        texts.append(
            _(
                "The reference photo shows a child under 2.5 years: comparing faces from that age is near guesswork."
            )
        )
    if gap is not None and sum(gap) / 2 >= 0.5:
        years = round(sum(gap) / 2)
        if years >= LONG_GAP_YEARS:
            texts.append(_("The photos are about {years} years apart.").format(years=years))
    if unmeasured:
        texts.append(
            _(
                "Nothing was measured for this age and these years between: the face counts as evidence of nothing."
            )
        )
    return tuple(texts)


LONG_GAP_YEARS = 10
"""From this gap on published open-set rates fall to a quarter (ITWCC, Deb et al. 2020)."""


def rival_caution(case_id: str) -> str:
    """Return the caution that another case scores almost the same."""
    return _("Case {case_id} scores about as high.").format(case_id=case_id)
