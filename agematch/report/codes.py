"""The words for every code that the other rooms give: quality flags, bands, parts of evidence, failures, states.

Cautions and details of evidence come from the matcher as sentences.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agematch.i18n import _
from agematch.records import FailureReason, Outcome, Sex, Source, UploadState


def N_(text: str) -> str:
    """Mark a sentence for the translators (gettext's customary name); `_` translates it where it is used."""
    return text


@dataclass(frozen=True)
class Said:
    """What a code means and what a person can do about it (empty where nothing can be done)."""

    words: str
    advice: str = ""


FLAGS: Mapping[str, Said] = {
    "small": Said(N_("the face is small in the photo"), N_("Use the original file, or come closer.")),
    "blurred": Said(N_("the face is blurred"), N_("Hold still, focus on the eyes, take three pictures.")),
    "turned": Said(N_("the face is turned to the side"), N_("Ask the child to look into the camera.")),
    "tilted": Said(N_("the head is tilted"), N_("Hold the camera upright and level with the eyes.")),
    "dark": Said(N_("the face is dark"), N_("Turn the face towards a window, with no light behind it.")),
    "bright": Said(N_("the face is overexposed"), N_("Move out of direct sun or switch the flash off.")),
    "low_contrast": Said(N_("there is little contrast"), N_("Use soft daylight; scan faded prints anew.")),
    "grey": Said(N_("the photo has no colour"), N_("Use a colour photo if there is one.")),
    "cut_off": Said(
        N_("part of the face lies outside the photo"), N_("Use a photo that shows the whole face.")
    ),
    "uncertain": Said(
        N_("it is not certain that this is a face"), N_("Look whether the picture shows a face.")
    ),
}

NO_MORE_THAN_CHANCE = "no more than chance"

BANDS: Mapping[str, str] = {
    "support against": N_("support against"),
    "weak": N_("weak support"),
    "moderate": N_("moderate support"),
    "moderately strong": N_("moderately strong support"),
    "more than 1,000": N_("support of more than 1,000"),
}

EVIDENCE: Mapping[str, str] = {
    "face": N_("Face"),
    "age": N_("Age"),
    "sex": N_("Sex"),
    "bound": N_("Limit"),
}

FAILURES: Mapping[FailureReason, Said] = {
    FailureReason.NO_FACE: Said(
        N_("no face was found"), N_("Send a photo that shows the face from the front, larger and sharper.")
    ),
    FailureReason.SEVERAL_FACES: Said(
        N_("several faces, and nobody said which one is meant"),
        N_("Say which face is meant, counted from the left."),
    ),
    FailureReason.NO_SUCH_FACE: Said(
        N_("the face that was named is not there"), N_("Look at the numbered picture and name another face.")
    ),
    FailureReason.MISSING_FILE: Said(N_("the file is not there"), N_("Check the path in the table.")),
    FailureReason.UNREADABLE_FILE: Said(N_("the file may not be read"), N_("Check who may read the file.")),
    FailureReason.NOT_A_FILE: Said(N_("this is not a file"), N_("Name a photo, not a folder.")),
    FailureReason.EMPTY_FILE: Said(N_("the file is empty"), N_("Copy the file again from where it came.")),
    FailureReason.NOT_AN_IMAGE: Said(
        N_("the file is not a photo"), N_("Send a JPEG, PNG, WebP, HEIC or TIFF file.")
    ),
    FailureReason.TRUNCATED: Said(
        N_("the file ends too early"), N_("Copy the file again from where it came.")
    ),
    FailureReason.TOO_LARGE: Said(N_("the photo is too large"), N_("Send a smaller copy of the photo.")),
    FailureReason.UNSUPPORTED: Said(
        N_("this kind of photo file cannot be read"), N_("Save the photo as JPEG and send that.")
    ),
    FailureReason.DECODER_CRASHED: Said(
        N_("the file broke the program that reads photos"), N_("Save the photo as JPEG and send that.")
    ),
    FailureReason.BAD_ROW: Said(N_("the row of the table cannot be used"), N_("Mend the row and run again.")),
}

STATES: Mapping[UploadState, str] = {
    UploadState.ENROLLED: N_("enrolled"),
    UploadState.SEARCHED: N_("searched"),
    UploadState.NO_FACE: N_("no face found"),
    UploadState.SEVERAL_FACES: N_("several faces, waiting for a choice"),
    UploadState.BAD_FILE: N_("file cannot be used"),
    UploadState.BAD_ROW: N_("row cannot be used"),
    UploadState.DUPLICATE: N_("duplicate"),
    UploadState.WAITING: N_("waiting"),
    UploadState.WITHDRAWN: N_("withdrawn"),
    UploadState.ERASED: N_("erased"),
    UploadState.QUARANTINED: N_("quarantined"),
}

SEXES: Mapping[Sex, str] = {Sex.FEMALE: N_("female"), Sex.MALE: N_("male"), Sex.UNKNOWN: N_("not known")}

SOURCES: Mapping[Source, str] = {
    Source.ORPHANAGE: N_("orphanage"),
    Source.STREET: N_("street"),
    Source.POLICE: N_("police"),
    Source.HOSPITAL: N_("hospital"),
    Source.SCHOOL: N_("school"),
    Source.SELF: N_("the person who searches"),
    Source.OTHER: N_("other"),
}

OUTCOMES: Mapping[Outcome, str] = {
    Outcome.SUPPORTS_SAME: N_("supports the same person"),
    Outcome.INCONCLUSIVE: N_("inconclusive"),
    Outcome.SUPPORTS_DIFFERENT: N_("supports different people"),
}


def _spelt(code: str) -> str:
    return code.replace("_", " ")


def flag_words(flag: str) -> Said:
    """Say what a quality flag means and how to retake the photo; an unknown flag is spelt out as it is."""
    said = FLAGS.get(flag)
    return Said(_(said.words), _(said.advice)) if said else Said(_spelt(flag))


def band_words(band: str) -> str:
    """Say a band of a candidate in the reader's language, with the words on chance if it has them."""
    word, chance, _rest = band.partition(", " + NO_MORE_THAN_CHANCE)
    said = _(BANDS[word]) if word in BANDS else word
    return _("{band}, no more than chance").format(band=said) if chance else said


def evidence_words(name: str) -> str:
    """Name a part of the evidence."""
    return _(EVIDENCE[name]) if name in EVIDENCE else _spelt(name)


def failure_words(reason: FailureReason) -> Said:
    """Say why an upload gave no template and what helps."""
    said = FAILURES[reason]
    return Said(_(said.words), _(said.advice))


def state_words(state: UploadState) -> str:
    """Name the state in which an upload ended."""
    return _(STATES[state])


def unaccounted_words(difference: int) -> str:
    """Say that the states do not add up to the uploads, which is a fault of the registry."""
    return _("The states do not add up to the uploads; difference: {number}. Run: agematch check").format(
        number=difference
    )
