"""Files of the index: encrypted segments that are never changed, and a small manifest that is replaced in one step."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from agematch.i18n import _
from agematch.store import crypto
from agematch.store.files import atomic_write, write_error

Ids = NDArray[np.int64]
Rows = NDArray[np.float32]

SCHEMA = "agematch.index/1"
MANIFEST = "manifest"
LOCK = "lock"
SEGMENT_BYTES = 64 * 2**20
CHUNK_BYTES = 4 * 2**20  # encrypted at once; stays in the processor's cache until it is copied to its place
SEALED_MORE = crypto.NONCE_BYTES + 16  # what sealing adds: the nonce and the tag of AES-GCM
ID_BYTES = 8
NO_ROWS: Ids = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Segment:
    """One file: its name, how many rows it holds, how many of them a chunk, and the places of those that are struck."""

    name: str
    rows: int
    rows_a_chunk: int
    struck: Ids = field(default_factory=lambda: NO_ROWS)


@dataclass(frozen=True)
class Listing:
    """What the manifest says. `sealed` is its bytes, which no other manifest shares."""

    sealed: bytes
    segments: tuple[Segment, ...]


class SegmentMissing(Exception):
    """A listed segment is not there: damage, or another process has replaced the manifest meanwhile."""


class SegmentFiles:
    """The folder of one index.

    Who writes holds `lock`; so whatever the manifest does not list is a leftover. Who reads holds nothing: a segment
    may be gone where the manifest was replaced after it was read.
    """

    def __init__(self, directory: Path, key: bytes, space_id: str, dim: int) -> None:
        self._directory = directory
        self._key = key
        self._space_id = space_id
        self._dim = dim
        self._rows_a_chunk = max(1, CHUNK_BYTES // (4 * dim))
        self.rows_a_segment = max(1, SEGMENT_BYTES // (4 * dim))

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes from writing; the system lets go of it however this process ends.

        Raises:
            StoreError: the folder may not be written.
        """
        lock = FileLock(self._directory / LOCK, mode=0o600)
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock.acquire()
        except OSError as err:
            raise write_error(self._directory, err) from err
        try:
            yield
        finally:
            lock.release()

    # ------------------------------------------------------------ manifest

    def sealed_manifest(self) -> bytes | None:
        """Return the bytes of the manifest as they are, None where there is none."""
        try:
            return (self._directory / MANIFEST).read_bytes()
        except FileNotFoundError:
            return None

    def listing(self, sealed: bytes) -> Listing:
        """Return what a manifest says.

        Raises:
            DamageFound: it does not verify.
            ValueError: it is of another space or of another version of agematch.
        """
        plain = crypto.unseal(self._key, sealed, self._manifest_aad(), _("The manifest of the index"))
        body = json.loads(plain)
        if body["schema"] != SCHEMA:
            raise ValueError(_("another version of agematch wrote it"))
        if (body["space"], body["dim"]) != (self._space_id, self._dim):
            raise ValueError(_("it was built for other networks"))
        return Listing(
            sealed,
            tuple(
                Segment(name, rows, rows_a_chunk, _unpacked(struck))
                for name, rows, rows_a_chunk, struck in body["segments"]
            ),
        )

    def replace_manifest(self, segments: list[Segment]) -> bytes:
        """List these segments and no others, and remove every file that is not listed; returns the manifest's bytes.

        Raises:
            StoreError: the folder may not be written, or the disk is full.
        """
        body = {
            "schema": SCHEMA,
            "space": self._space_id,
            "dim": self._dim,
            "count": sum(segment.rows - len(segment.struck) for segment in segments),
            "segments": [[one.name, one.rows, one.rows_a_chunk, _packed(one.struck)] for one in segments],
        }
        sealed = crypto.seal(self._key, json.dumps(body).encode(), self._manifest_aad())
        atomic_write(self._directory / MANIFEST, sealed)
        self._remove_all_but({MANIFEST, LOCK, *(segment.name for segment in segments)})
        return sealed

    def remove_all(self) -> None:
        """Remove manifest and segments."""
        (self._directory / MANIFEST).unlink(missing_ok=True)
        self._remove_all_but({LOCK})

    def _remove_all_but(self, kept: set[str]) -> None:
        for path in self._directory.iterdir():
            if path.name not in kept:
                try:
                    path.unlink(missing_ok=True)
                except PermissionError:  # Windows, while another process reads it: the next writer removes it
                    continue

    def _manifest_aad(self) -> bytes:
        return b"agematch index manifest"

    # ------------------------------------------------------------ segments

    def write_segment(self, ids: Ids, rows: Rows) -> Segment:
        """Write a segment under a name of its own; it counts from when the manifest lists it.

        Raises:
            StoreError: the folder may not be written, or the disk is full.
        """
        segment = Segment(secrets.token_hex(16), len(ids), self._rows_a_chunk)
        parts: list[Ids | Rows] = [ids.astype("<i8", copy=False)]
        for start in range(0, len(ids), self._rows_a_chunk):
            parts.append(rows[start : start + self._rows_a_chunk].astype("<f4", copy=False))
        sealed = [
            crypto.seal(self._key, part.tobytes(), self._aad(segment, number))
            for number, part in enumerate(parts)
        ]
        atomic_write(self._directory / segment.name, b"".join(sealed))
        return segment

    def read_segment(self, segment: Segment, into: Rows) -> Ids:
        """Read a segment: its rows go into `into`, (rows, dim); returns its face ids.

        Raises:
            SegmentMissing: there is no such file.
            DamageFound: it does not verify.
            ValueError: it is longer than it should be.
        """
        path = self._directory / segment.name
        try:
            with path.open("rb") as file:
                ids = np.frombuffer(self._chunk(file, segment, 0, ID_BYTES * segment.rows), dtype="<i8")
                for number, start in enumerate(range(0, segment.rows, segment.rows_a_chunk), 1):
                    target = into[start : start + segment.rows_a_chunk]
                    plain = self._chunk(file, segment, number, 4 * target.size)
                    target[:] = np.frombuffer(plain, dtype="<f4").reshape(target.shape)
                if file.read(1):
                    raise ValueError(_("{path} is longer than it should be").format(path=path))
        except FileNotFoundError as err:
            raise SegmentMissing(_("{path} is missing").format(path=path)) from err
        return ids.astype(np.int64)

    def _chunk(self, file: BinaryIO, segment: Segment, number: int, length: int) -> bytes:
        sealed = file.read(length + SEALED_MORE)
        return crypto.unseal(
            self._key, sealed, self._aad(segment, number), str(self._directory / segment.name)
        )

    def _aad(self, segment: Segment, number: int) -> bytes:
        bound = [SCHEMA, self._space_id, self._dim, segment.name, segment.rows, segment.rows_a_chunk, number]
        return json.dumps(bound).encode()


def _packed(places: Ids) -> str:
    """Return places as text: a bitmap, which a quarter of a segment struck does not make longer."""
    if not len(places):
        return ""
    mask = np.zeros(int(places[-1]) + 1, dtype=bool)
    mask[places] = True
    return base64.b64encode(np.packbits(mask).tobytes()).decode("ascii")


def _unpacked(text: str) -> Ids:
    return np.flatnonzero(np.unpackbits(np.frombuffer(base64.b64decode(text), dtype=np.uint8))).astype(
        np.int64
    )
