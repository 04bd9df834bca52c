"""Labelled data sets in the layouts of data/README.md, read with all faults named and every photograph hashed."""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from agematch.errors import NotFound, UsageError
from agematch.evaluation.faces import LabelledFaces, Pairs, labelled_faces
from agematch.i18n import _
from agematch.records import Sex

Value = TypeVar("Value")
LABELS, PAIRS = "labels.csv", "pairs.csv"
LABEL_COLUMNS = ("file", "subject", "age")
PAIR_COLUMNS = ("pair", "fold", "same_person")
SEXES: Mapping[str, Sex] = {
    "": Sex.UNKNOWN,
    "unknown": Sex.UNKNOWN,
    "female": Sex.FEMALE,
    "f": Sex.FEMALE,
    "male": Sex.MALE,
    "m": Sex.MALE,
}
TRUE_FALSE = {"1": True, "0": False}
PHOTO_ENDINGS = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".ppm"}
)
SEE_LAYOUT = _("data/README.md shows the layout.")


@dataclass(frozen=True)
class LabelledPhoto:
    """A photograph of a data set: its path within the folder, who it shows, the age in years, nan unknown.

    `stranger` names the group within which different names may be one person (a fold of pairs), else the person.
    """

    file: str
    person: str
    age: float = math.nan
    sex: Sex = Sex.UNKNOWN
    stranger: str = ""


@dataclass(frozen=True)
class PairLabel:
    """Two photographs by their place among the photos, whether they show one person, and the fold."""

    first: int
    second: int
    same: bool
    fold: str


@dataclass(frozen=True)
class Dataset:
    """A folder of labelled photographs; `pairs` is empty where the set has none."""

    folder: Path
    photos: tuple[LabelledPhoto, ...]
    pairs: tuple[PairLabel, ...] = ()

    @property
    def name(self) -> str:
        return self.folder.resolve().name

    @property
    def has_ages(self) -> bool:
        return any(not math.isnan(photo.age) for photo in self.photos)

    def faces(
        self, templates: Mapping[str, NDArray[np.float32]], network_years: NDArray[np.floating] | None = None
    ) -> LabelledFaces:
        """Return the photos as labelled faces, with (n, d) templates of each network in the order of the photos.

        Args:
            network_years: (n,) the age network's readings, nan where there is none.
        """
        return labelled_faces(
            templates,
            [photo.person for photo in self.photos],
            [photo.file for photo in self.photos],
            [photo.age for photo in self.photos],
            [photo.sex for photo in self.photos],
            [photo.stranger or photo.person for photo in self.photos],
            None if network_years is None else network_years.astype(np.float64),
        )

    def pair_rows(self) -> Pairs:
        """Return the pairs as rows of the faces."""
        return Pairs(
            np.array([pair.first for pair in self.pairs], dtype=np.int64),
            np.array([pair.second for pair in self.pairs], dtype=np.int64),
            np.array([pair.same for pair in self.pairs], dtype=bool),
            tuple(pair.fold for pair in self.pairs),
        )


def read_dataset(folder: Path) -> Dataset:
    """Read labels.csv or pairs.csv of a folder.

    Raises:
        NotFound: the folder, its table, or photographs that the table names are not there.
        UsageError: the table cannot be read; the first fault is named with file and line.
    """
    if not folder.is_dir():
        raise NotFound(_("There is no folder {path}.").format(path=folder), SEE_LAYOUT)
    labels, pairs = folder / LABELS, folder / PAIRS
    if labels.is_file() and pairs.is_file():
        raise UsageError(
            _("{path} holds both labels.csv and pairs.csv.").format(path=folder),
            _("Give each its own folder."),
        )
    if labels.is_file():
        dataset = Dataset(folder, tuple(_labels(labels)))
    elif pairs.is_file():
        dataset = _pairs(folder, pairs)
    else:
        raise NotFound(_("{path} holds neither labels.csv nor pairs.csv.").format(path=folder), SEE_LAYOUT)
    _require_photos(dataset, labels if labels.is_file() else pairs)
    return dataset


def read_distractors(folder: Path, number: int) -> Dataset:
    """Return the first photos of a folder as people of their own, by name; of pairs (`*_0`, `*_1`) the first photo each.

    Raises:
        NotFound: the folder is not there.
        UsageError: it holds fewer photos.
    """
    if not folder.is_dir():
        raise NotFound(_("There is no folder {path}.").format(path=folder))
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in PHOTO_ENDINGS)
    if (folder / PAIRS).is_file():
        found = [path for path in found if path.stem.endswith("_0")]
    if len(found) < number:
        raise UsageError(
            _("{path} holds {found} photos to enrol as distractors, not {number}.").format(
                path=folder, found=len(found), number=number
            ),
            _("Ask for fewer, or name another folder."),
        )
    return Dataset(folder, tuple(LabelledPhoto(path.name, path.stem) for path in found[:number]))


def sha256_of(dataset: Dataset) -> dict[str, str]:
    """Return the SHA-256 of each photograph's bytes, by its path within the folder."""
    return {
        photo.file: hashlib.sha256((dataset.folder / photo.file).read_bytes()).hexdigest()
        for photo in dataset.photos
    }


# ---------------------------------------------------------------- tables


def _labels(path: Path) -> Iterator[LabelledPhoto]:
    seen: dict[str, int] = {}
    for line, row in _rows(path, LABEL_COLUMNS):
        file = _file(path, line, row["file"])
        if file in seen:
            raise _fault(
                path, line, _("{file} is named in line {first} already").format(file=file, first=seen[file])
            )
        seen[file] = line
        if not row["subject"]:
            raise _fault(path, line, _("there is no subject"), _("Name who the photo shows, any id will do."))
        yield LabelledPhoto(
            file,
            row["subject"],
            _age(path, line, row["age"]),
            _choice(path, line, "sex", SEXES, row.get("sex", "").lower()),
        )


def _pairs(folder: Path, path: Path) -> Dataset:
    photos: list[LabelledPhoto] = []
    pairs: list[PairLabel] = []
    place: dict[str, int] = {}
    for line, row in _rows(path, PAIR_COLUMNS):
        same = _choice(path, line, "same_person", TRUE_FALSE, row["same_person"])
        if not row["fold"]:
            raise _fault(path, line, _("there is no fold"), _("Give each pair the number of its fold."))
        sides = []
        for side, name in enumerate(("first", "second")):
            file = _file(path, line, row.get(name, "") or f"{row['pair']}_{side}.jpg")
            if file not in place:  # the photos of one pair are all that is known to show one person, or two
                place[file] = len(photos)
                person = f"pair {row['pair']}" + ("" if same else f" {name}")
                age = _age(path, line, row.get(f"{name}_age", ""))
                photos.append(LabelledPhoto(file, person, age, stranger=f"fold {row['fold']}"))
            sides.append(place[file])
        pairs.append(PairLabel(sides[0], sides[1], same, row["fold"]))
    if len({pair.fold for pair in pairs}) < 2:
        raise UsageError(
            _("{path} has a single fold, so there is no other fold to choose a threshold on.").format(
                path=path
            ),
            _("Give the pairs two folds or more, without a person in both."),
        )
    return Dataset(folder, tuple(photos), tuple(pairs))


def _rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                raise _fault(path, 1, _("no column {names}").format(names=", ".join(missing)), SEE_LAYOUT)
            empty = True
            for row in reader:
                empty = False
                yield reader.line_num, {name: (cell or "").strip() for name, cell in row.items() if name}
    except UnicodeDecodeError as err:
        raise UsageError(_("{path} is not UTF-8.").format(path=path), _("Save it as CSV in UTF-8.")) from err
    except csv.Error as err:
        raise UsageError(_("{path} is no CSV: {reason}.").format(path=path, reason=err), SEE_LAYOUT) from err
    if empty:
        raise UsageError(_("{path} has no rows.").format(path=path), SEE_LAYOUT)


def _file(path: Path, line: int, name: str) -> str:
    pure = PurePosixPath(name)
    if not name or pure.is_absolute() or ".." in pure.parts:
        raise _fault(
            path,
            line,
            _("{name!r} is no path within the folder").format(name=name),
            _("Write the path of the photo from this folder on, with / between the parts."),
        )
    return name


def _age(path: Path, line: int, text: str) -> float:
    if not text:
        return math.nan
    try:
        age = float(text)
    except ValueError:
        age = math.nan
    if not 0 <= age < 130:
        raise _fault(
            path,
            line,
            _("{text!r} is no age").format(text=text),
            _("Give years, as 7 or 7.5; leave unknown ones empty."),
        )
    return age


def _choice(path: Path, line: int, column: str, choices: Mapping[str, Value], text: str) -> Value:
    if text not in choices:
        allowed = ", ".join(name for name in choices if name)
        raise _fault(
            path,
            line,
            _("{text!r} is no {column}").format(text=text, column=column),
            _("It is one of: {allowed}.").format(allowed=allowed),
        )
    return choices[text]


def _require_photos(dataset: Dataset, table: Path) -> None:
    absent = [photo.file for photo in dataset.photos if not (dataset.folder / photo.file).is_file()]
    if absent:
        raise NotFound(
            _("{table} names {number} photos that are not there; the first is {file}.").format(
                table=table, number=len(absent), file=absent[0]
            ),
            _("Put them into {folder}, or take their rows out.").format(folder=dataset.folder),
        )


def _fault(path: Path, line: int, what: str, remedy: str = "") -> UsageError:
    return UsageError(_("{path}, line {line}: {what}.").format(path=path, line=line, what=what), remedy)
