"""Submit: photos with their facts are copied into the inbox, whole or not at all; nothing is read from the registry."""

from __future__ import annotations

import itertools
import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agematch.config import Settings
from agematch.errors import InboxError
from agematch.i18n import _
from agematch.intake import facts
from agematch.intake.sidecar import SUFFIXES
from agematch.intake.signs import IN_NAME
from agematch.jobs import inbox_files
from agematch.jobs.files import read_photo
from agematch.jobs.inbox_walk import PHOTO_ENDINGS, is_of_system, is_unfinished
from agematch.records import Failure, Sighting, Source
from agematch.store.files import sync_folder
from agematch.vision.image import decode
from agematch.vision.settings import VisionSettings

LONGEST_NAME = 200
"""Bytes of a photo's name, so that its sidecar, its receipt and its reason find room behind it."""

HIDDEN = re.compile(r"^[.~\s]+")


@dataclass(frozen=True)
class Submitted:
    """A photo that is in the inbox, or why it is not; `camera_date` is what the camera wrote into it, ISO 8601 or empty."""

    photo: str
    where: str
    camera_date: str = ""
    failure: Failure | None = None


@dataclass(frozen=True)
class Submission:
    """What is said of the photos that are submitted together, checked as a search would check it."""

    sighting: Sighting
    given: Mapping[str, str]
    same_child: bool

    @property
    def camera_date_counts(self) -> bool:
        """Return whether the camera's date will stand for the one that nobody gave."""
        return not self.sighting.taken_on and self.sighting.source is not Source.SELF


def submission(sighting_id: str | None, given: Mapping[str, str]) -> Submission:
    """Return what was said, checked.

    Raises:
        UsageError: a fact is unknown or cannot be read, or the id cannot be used.
    """
    sighting = facts.sighting_from_options("-" if sighting_id is None else sighting_id, given)
    return Submission(sighting, given, sighting_id is not None)


def submit(inbox: Path, photos: Sequence[Path], said: Submission, settings: Settings) -> Iterator[Submitted]:
    """Copy photos into the inbox, each with a sidecar of its facts, and yield what became of each.

    The sidecar comes first, so that no photo is ever there without its facts. A name that is taken gets a number. What is no
    photo is told at once and not copied.

    Raises:
        InboxError: the inbox is not there, or cannot be written.
    """
    if not inbox.is_dir():
        raise InboxError(
            _("There is no inbox {path}.").format(path=inbox), _("Name the right folder with --inbox.")
        )
    body = dict(said.given)
    if said.same_child:
        body = {"sighting_id": said.sighting.sighting_id, **body}
    sidecar = (json.dumps(body, ensure_ascii=False, indent=1) + "\n").encode("utf-8") if body else b""
    vision = VisionSettings(max_pixels=settings.max_megapixels * 1_000_000)
    for photo in photos:
        data = read_photo(photo, settings.max_file_megabytes * 2**20)
        if isinstance(data, Failure):
            yield Submitted(str(photo), "", failure=data)
            continue
        decoded = decode(data, vision)
        if isinstance(decoded, Failure):
            yield Submitted(str(photo), "", failure=decoded)
            continue
        where = _put(inbox, _plain_name(photo.name, decoded.format), data, sidecar)
        yield Submitted(str(photo), where, decoded.exif_taken_on)


def _plain_name(name: str, form: str) -> str:
    """Return the name under which a photo goes into the inbox, which takes neither hidden nor unprintable names."""
    plain = HIDDEN.sub("", IN_NAME.sub("_", name)) or "photo"
    if not plain.lower().endswith(PHOTO_ENDINGS) or is_unfinished(plain) or is_of_system(plain):
        plain = f"{plain}.{form.lower()}"
    return inbox_files.fitting(Path(plain).stem, Path(plain).suffix, LONGEST_NAME)


def _put(inbox: Path, name: str, data: bytes, sidecar: bytes) -> str:
    """Put a photo, behind its sidecar, under a name that nobody has; returns it."""
    partial = inbox / f"{inbox_files.PARTIAL}{secrets.token_hex(8)}"
    facts = partial.with_name(partial.name + ".json")
    try:
        _write(partial, data)
        for number in itertools.count(1):
            target = inbox_files.numbered(inbox / name, number)
            if _is_taken(target):
                continue
            beside = target.with_name(target.name + ".json")
            if sidecar:
                _write(facts, sidecar)
                if not _place(facts, beside):
                    continue
            if _place(partial, target):
                break
            if sidecar:  # somebody else put a photo of this name there just now
                os.unlink(beside)
        sync_folder(inbox)
    except OSError as err:
        raise inbox_files.not_written(inbox / name, err) from err
    finally:
        partial.unlink(missing_ok=True)
        facts.unlink(missing_ok=True)
    return target.name


def _is_taken(target: Path) -> bool:
    """Return whether a photo of this name is there, or a sidecar that would be taken for its."""
    bases = (target.name, target.stem)
    sidecars = [target.with_name(base + ending) for base in bases for ending in SUFFIXES]
    return any(map(os.path.lexists, (target, *sidecars)))


def _write(path: Path, data: bytes) -> None:
    """Write a file that the group of the inbox may read, as far as the umask allows."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o660), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _place(partial: Path, target: Path) -> bool:
    """Give a written file its name; returns False where another file has it."""
    try:
        os.link(partial, target)
    except FileExistsError:
        return False
    except OSError:  # this file system has no second names for files
        if os.path.lexists(target):
            return False
        os.replace(partial, target)
    return True
