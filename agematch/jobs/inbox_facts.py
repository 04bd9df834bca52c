"""Which facts belong to which photo of the inbox: files of a photo's own, and tables that name several."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from agematch.errors import AgematchError
from agematch.i18n import _
from agematch.intake import sidecar
from agematch.intake.sidecar import Told
from agematch.intake.table import RowProblem
from agematch.jobs import inbox_files
from agematch.jobs.inbox_files import alike
from agematch.jobs.inbox_walk import ATTENTION, Folder, Stamp, below
from agematch.jobs.receipts import Receipts
from agematch.records import Failure, FailureReason


@dataclass
class Beside:
    """A sidecar on the disk.

    `own` says that it is named after a photo and speaks of that one alone. `waiting` are the photos of which it speaks and
    that are not taken in, as paths below the inbox, and a mark for each row that waits for a person.
    """

    where: str
    stamp: Stamp
    own: bool
    waiting: set[str] = field(default_factory=set)
    taken_ns: int = 0

    @property
    def name(self) -> str:
        return PurePosixPath(self.where).name

    @property
    def identity(self) -> str:
        return f"{self.where}\n{self.stamp.size}\n{self.stamp.mtime_ns}"


@dataclass(slots=True)
class Claim:
    """What one row of a sidecar says of a photo, or why that cannot be used; `where` is the photo as the row names it."""

    where: str
    beside: Beside
    line: int
    told: Told | None
    failure: Failure | None = None
    matched: bool = False


@dataclass(frozen=True, slots=True)
class InboxRefused:
    """Something in the inbox that gives no item: it stays where it is, and a person is told why.

    `where` is how a person finds it; `identity` stays the same as long as nothing about it changes.
    """

    where: str
    identity: str
    failure: Failure


def facts_of_folder(where: str) -> Mapping[str, Any]:
    """Return what the first folder below the inbox says of the photos in it."""
    return sidecar.of_folder(where.split("/", 1)[0]) if where else sidecar.NOTHING


class Facts:
    """The sidecars of an inbox, read while its folders are walked through, each before those in it.

    Args:
        tidy: take out sidecars that a killed run left behind: all that they speak of was taken in after they came.
    """

    def __init__(self, root: Path, *, tidy: bool) -> None:
        self._root = root
        self._tidy = tidy
        self._claims: dict[str, dict[str, list[Claim]]] = {}
        self._held: set[str] = set()
        self._held_below: set[str] = set()
        self._tables: list[Beside] = []
        self._receipts = Receipts(root)
        self._attention: dict[str, frozenset[str]] = {}

    # ------------------------------------------------------------ tables

    def open_tables(self, folder: Folder, names: list[str]) -> Iterator[InboxRefused]:
        """Read the tables of a folder, and yield what in them can be used for no photo."""
        for name in names:
            if name in folder.unfinished:
                self._held_below.add(folder.where)
            else:
                yield from self._open(folder, self._beside(folder, name))

    def _open(self, folder: Folder, beside: Beside) -> Iterator[InboxRefused]:
        try:
            read = sidecar.read(self._root / beside.where, None, facts_of_folder(folder.where))
        except AgematchError as err:
            if not self._left_of_photo(folder, beside):
                self._held.add(folder.where)
                yield _refused(beside, 0, self._unreadable(beside, err))
            return
        nameless = not read.told and not any(one.file for one in read.unusable)
        if nameless and self._left_of_photo(folder, beside):
            return
        self._tables.append(beside)
        for told in read.told:
            self._add(Claim(below(folder.where, told.file), beside, told.line, told))
        for one in read.unusable:
            failure = _failure(one.problem, beside.name)
            if one.file:
                self._add(Claim(below(folder.where, one.file), beside, one.problem.line, None, failure))
            else:
                beside.waiting.add(f"\n{one.problem.line}")  # no path has a line break
                yield _refused(beside, one.problem.line, failure)

    def _add(self, claim: Claim) -> None:
        claim.beside.waiting.add(claim.where)
        folder, name = os.path.split(claim.where)
        self._claims.setdefault(folder, {}).setdefault(alike(name), []).append(claim)

    def _left_of_photo(self, folder: Folder, beside: Beside) -> bool:
        """Return whether a file such as `a.json` is what a killed run left of `a.jpg` and its facts; it is taken out then."""
        beside.taken_ns = self._receipts.newest_of_stem_ns(folder.where, PurePosixPath(beside.name).stem)
        return beside.taken_ns > 0 and self._take_out(beside)

    def holds(self, where: str) -> bool:
        """Return whether photos without facts wait in a folder, since a table that may name them is unfinished or unreadable."""
        parents = {
            "" if parent == PurePosixPath() else str(parent) for parent in PurePosixPath(where).parents
        }
        return where in self._held or not self._held_below.isdisjoint(parents | {where})

    # ------------------------------------------------------------ photos

    def of(self, folder: Folder, name: str, own: list[str]) -> list[Claim]:
        """Return what is said of a photo that is there, by finished sidecars of its own and by tables."""
        where = below(folder.where, name)
        found = [claim for one in own if one in folder.files for claim in self._own(folder, name, one)]
        for claim in self._claims.get(folder.where, {}).get(alike(name), ()):
            written = os.path.basename(claim.where)
            if claim.where != where and (written in folder.files or written in folder.unfinished):
                continue
            claim.matched = True
            claim.beside.waiting.discard(claim.where)  # the table may write the name in another way
            claim.beside.waiting.add(where)
            found.append(claim)
        return found

    def _own(self, folder: Folder, name: str, own: str) -> Iterator[Claim]:
        where = below(folder.where, name)
        beside = self._beside(folder, own, own=True)
        beside.waiting.add(where)
        try:
            read = sidecar.read(self._root / beside.where, name, facts_of_folder(folder.where))
        except AgematchError as err:
            yield Claim(where, beside, 0, None, self._unreadable(beside, err))
            return
        for one in read.unusable:
            yield Claim(where, beside, one.problem.line, None, _failure(one.problem, beside.name))
        for told in read.told:
            same = alike(told.file) == alike(name)
            yield Claim(where, beside, told.line, told, None if same else _stranger(beside, told.file))

    # ------------------------------------------------------------ photos that are not there

    def absent(self, folder: Folder, orphans: list[tuple[str, str]]) -> Iterator[InboxRefused]:
        """Yield what speaks of a photo of this folder that is not there."""
        for name, photo in orphans:
            if name in folder.files:
                beside = self._beside(folder, name, own=True)
                yield from self._absent(Claim(below(folder.where, photo), beside, 0, None))
                yield from self._finish(beside)
        yield from self._unmatched(folder.where)

    def end(self) -> Iterator[InboxRefused]:
        """Yield what speaks of photos in folders that are not there; take out the tables that a killed run left."""
        for where in list(self._claims):
            yield from self._unmatched(where)
        for beside in self._tables:
            yield from self._finish(beside)

    def _unmatched(self, where: str) -> Iterator[InboxRefused]:
        for claims in self._claims.pop(where, {}).values():
            for claim in claims:
                if not claim.matched:
                    yield from self._absent(claim)

    def _absent(self, claim: Claim) -> Iterator[InboxRefused]:
        beside = claim.beside
        beside.waiting.add(claim.where)
        if self._in_attention(claim.where):
            return
        if taken_ns := self._receipts.newest_ns(claim.where):
            beside.waiting.discard(claim.where)
            beside.taken_ns = max(beside.taken_ns, taken_ns)
        else:
            yield _refused(beside, claim.line, claim.failure or _missing(claim.where))

    def _in_attention(self, where: str) -> bool:
        folder, name = os.path.split(where)
        if folder not in self._attention:
            path = self._root / ATTENTION / folder
            self._attention[folder] = frozenset(map(alike, os.listdir(path) if path.is_dir() else ()))
        return alike(name) in self._attention[folder]

    def _finish(self, beside: Beside) -> Iterator[InboxRefused]:
        """Take out a sidecar whose photos are all taken in; where it came after that, a person is told."""
        if not beside.waiting and beside.taken_ns and not self._take_out(beside):
            yield _refused(beside, 0, _late())

    def _take_out(self, beside: Beside) -> bool:
        """Take out a sidecar that was there when its photos were taken in; returns whether it was."""
        path = self._root / beside.where
        try:
            status = path.lstat()
        except FileNotFoundError:
            return True
        # by when it came here, which copying does not hide, as it may the time of the last change
        if max(status.st_mtime_ns, status.st_ctime_ns) > beside.taken_ns:
            return False
        if self._tidy:
            inbox_files.remove(path)
        return True

    def _beside(self, folder: Folder, name: str, *, own: bool = False) -> Beside:
        return Beside(below(folder.where, name), folder.files[name], own)

    def _unreadable(self, beside: Beside, err: AgematchError) -> Failure:
        what = err.what.replace(str(self._root / beside.where), beside.name).rstrip(".")
        return Failure(FailureReason.BAD_ROW, what, err.remedy)


def _refused(beside: Beside, line: int, failure: Failure) -> InboxRefused:
    text = _("{file} line {line}") if not beside.name.lower().endswith(".json") else _("{file} entry {line}")
    where = text.format(file=beside.where, line=line) if line else beside.where
    return InboxRefused(where, f"{beside.identity}\n{line}\n{failure.detail}", failure)


def _failure(problem: RowProblem, name: str) -> Failure:
    column = _("column {column}: ").format(column=problem.column) if problem.column else ""
    return Failure(FailureReason.BAD_ROW, f"{name}: {column}{problem.text.rstrip('.')}", problem.remedy)


def _stranger(beside: Beside, file: str) -> Failure:
    return Failure(
        FailureReason.BAD_ROW,
        _("{file} is named after this photo and speaks of {other}").format(file=beside.name, other=file),
        _("Correct the name in it, or give the file another name."),
    )


def _missing(where: str) -> Failure:
    return Failure(
        FailureReason.MISSING_FILE,
        _("there is no photo {file}").format(file=where),
        _("Put the photo there, or take what is said of it out."),
    )


def _late() -> Failure:
    return Failure(
        FailureReason.BAD_ROW,
        _("it came when the photos of which it speaks were taken in already"),
        _(
            "Put the photos into the inbox once more, with it: what was not known of them is added. Or delete it."
        ),
    )
