"""Photos: what is known of each photograph, and its bytes in the vault."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlalchemy import select

from agematch.errors import DamageFound
from agematch.i18n import _
from agematch.records import AnalysedFace, Analysis, Failure, Photo
from agematch.store import codec, crypto, faces, schema, vault
from agematch.store.db import Store, Tx, chunks, new_uid
from agematch.store.versioned import merged_body

TABLE = schema.photos
CLEAR = ("uid", "owner_kind", "owner_uid", "content_mac", "vault_name", "version", "created_at")


@dataclass(frozen=True)
class StoredPhoto:
    """A photograph of a case or a sighting (`owner_kind`), what a person said of it and what came out of it."""

    uid: str
    owner_kind: str
    owner_uid: str
    content_mac: str
    vault_name: str
    version: int
    created_at: str
    photo: Photo
    width: int
    height: int
    format: str
    exif_taken_on: str
    failure: Failure | None


def content_mac(store: Store, data: bytes) -> str:
    """Return the identity of a photo's bytes within this registry: a keyed hash, so that it proves nothing outside."""
    return crypto.mac(store.lookup_key, "content", data)


def find(tx: Tx, owner_uid: str, content_mac: str) -> StoredPhoto | None:
    """Return the photo with these bytes of this owner, or None."""
    query = select(TABLE).where(TABLE.c.owner_uid == owner_uid, TABLE.c.content_mac == content_mac)
    return next(iter(_read(tx, tx.connection.execute(query).mappings().all())), None)


def elsewhere(tx: Tx, content_mac: str, not_owner: str) -> list[StoredPhoto]:
    """Return the photos with these bytes of all other owners."""
    query = select(TABLE).where(TABLE.c.content_mac == content_mac, TABLE.c.owner_uid != not_owner)
    return _read(tx, tx.connection.execute(query.order_by(TABLE.c.created_at, TABLE.c.uid)).mappings().all())


def with_content(tx: Tx, macs: Iterable[str]) -> list[StoredPhoto]:
    """Return the photos of all owners with one of these contents, in the order in which they came."""
    found: list[StoredPhoto] = []
    for chunk in chunks(sorted(set(macs))):
        query = select(TABLE).where(TABLE.c.content_mac.in_(chunk)).order_by(TABLE.c.created_at, TABLE.c.uid)
        found += _read(tx, tx.connection.execute(query).mappings().all())
    return found


def of(tx: Tx, owner_uid: str) -> list[StoredPhoto]:
    """Return the photos of one owner, in the order in which they came."""
    query = select(TABLE).where(TABLE.c.owner_uid == owner_uid).order_by(TABLE.c.created_at, TABLE.c.uid)
    return _read(tx, tx.connection.execute(query).mappings().all())


def of_many(tx: Tx, owner_uids: Iterable[str]) -> dict[str, list[StoredPhoto]]:
    """Return the photos of several owners, by the owner's uid, in the order in which they came."""
    found: dict[str, list[StoredPhoto]] = {uid: [] for uid in owner_uids}
    for chunk in chunks(list(found)):
        query = select(TABLE).where(TABLE.c.owner_uid.in_(chunk)).order_by(TABLE.c.created_at, TABLE.c.uid)
        for photo in _read(tx, tx.connection.execute(query).mappings().all()):
            found[photo.owner_uid].append(photo)
    return found


def get_many(tx: Tx, uids: Iterable[str]) -> dict[str, StoredPhoto]:
    """Return photos by uid; one that is not there is left out."""
    found: dict[str, StoredPhoto] = {}
    for chunk in chunks(sorted(set(uids))):
        query = select(TABLE).where(TABLE.c.uid.in_(chunk))
        found |= {photo.uid: photo for photo in _read(tx, tx.connection.execute(query).mappings().all())}
    return found


def uids(tx: Tx) -> list[str]:
    """Return the uids of all photos, in the order in which they came."""
    query = select(TABLE.c.uid).order_by(TABLE.c.created_at, TABLE.c.uid)
    return list(tx.connection.execute(query).scalars())


def get(tx: Tx, uid: str) -> StoredPhoto:
    """Return one photo. Raises DamageFound where it is missing."""
    found = get_many(tx, [uid])
    if uid not in found:
        raise DamageFound(_("The photo {uid} is missing.").format(uid=uid), _("Run: agematch check"))
    return found[uid]


def put(
    tx: Tx, owner_kind: str, owner_uid: str, photo: Photo, data: bytes, analysis: Analysis, *, mac: str = ""
) -> StoredPhoto:
    """Keep a photograph: its facts and faces with this transaction, and its bytes in the vault before that is kept.

    A crash in between leaves an unnamed file in the vault, which `check --repair` removes.

    Args:
        mac: the `content_mac` of the bytes, where the caller has it already.
    """
    mac = mac or content_mac(tx.store, data)
    stored = StoredPhoto(
        uid=new_uid(),
        owner_kind=owner_kind,
        owner_uid=owner_uid,
        content_mac=mac,
        vault_name=vault.name_of(tx.store, owner_uid, mac),
        version=1,
        created_at=tx.now(),
        photo=photo,
        width=analysis.width,
        height=analysis.height,
        format=analysis.format,
        exif_taken_on=analysis.exif_taken_on,
        failure=analysis.failure,
    )
    key = tx.store.data_key(tx, owner_uid)
    tx.beforehand.append(partial(vault.write, tx.store, stored.vault_name, key, data))
    tx.insert(TABLE, _values(stored, key))
    faces.put(tx, stored.uid, owner_uid, analysis.faces)
    return stored


def with_choice(photo: Photo, stored: Photo) -> Photo:
    """Return a photo with the face that it names, or with the one that was chosen before where it names none."""
    if photo.face is not None or photo.box is not None:
        return photo
    return replace(photo, face=stored.face, box=stored.box)


def update(tx: Tx, uid: str, photo: Photo) -> bool:
    """Write what a person says of a photo; facts left empty keep their value. Returns whether anything changed."""
    stored = get(tx, uid)
    wanted = codec.photo_of(merged_body(codec.photo_body(stored.photo), codec.photo_body(photo)))
    choice = with_choice(photo, stored.photo)
    wanted = replace(wanted, face=choice.face, box=choice.box)
    if replace(wanted, path="") == replace(stored.photo, path=""):  # under another name it is the same photo
        return False
    _rewrite(tx, replace(stored, photo=wanted, version=stored.version + 1))
    return True


def replace_analysis(tx: Tx, uid: str, analysis: Analysis) -> None:
    """Put the outcome of a new analysis in the place of the old one; the faces get new ids."""
    stored = get(tx, uid)
    faces.remove(tx, uid)
    again = replace(
        stored,
        version=stored.version + 1,
        width=analysis.width,
        height=analysis.height,
        format=analysis.format,
        exif_taken_on=analysis.exif_taken_on,
        failure=analysis.failure,
    )
    _rewrite(tx, again)
    faces.put(tx, uid, stored.owner_uid, analysis.faces)


def describe(tx: Tx, uid: str, found: Sequence[AnalysedFace]) -> int:
    """Add to the photo's faces what they lack, as `faces.describe` does; returns to how many something was added.

    Faces are matched by number and box: one that has been found anew since, or removed, gets nothing.
    """
    by_number = {one.face.number: one for one in found}
    added = 0
    for known in faces.of_photo(tx, uid):
        one = by_number.get(known.face.number)
        if one and one.face.box == known.face.box:
            added += faces.describe(tx, known, one)
    if added:
        stored = get(tx, uid)
        _rewrite(tx, replace(stored, version=stored.version + 1))
    return added


def remove(tx: Tx, uid: str) -> None:
    """Remove a photo with its faces and templates; its file in the vault goes when the transaction is kept."""
    stored = get(tx, uid)
    tx.connection.execute(TABLE.delete().where(TABLE.c.uid == uid))
    tx.afterwards.append(partial(vault.remove_unnamed, tx.store, stored.vault_name))


def open_bytes(tx: Tx, uid: str) -> bytes:
    """Return a photo's bytes, in an act only; its audit row is on the disk before, and it writes nothing after.

    Raises:
        RuntimeError: `tx` is a view, or an act that has written something.
        DamageFound: the photo or its file is missing, or does not verify.
    """
    tx.look_at_photos()
    stored = get(tx, uid)
    return vault.read(tx.store, stored.vault_name, tx.store.data_key(tx, stored.owner_uid))


def _rewrite(tx: Tx, stored: StoredPhoto) -> None:
    values = _values(stored, tx.store.data_key(tx, stored.owner_uid))
    tx.connection.execute(TABLE.update().where(TABLE.c.uid == stored.uid).values(**values))


def _values(stored: StoredPhoto, key: bytes) -> dict[str, Any]:
    clear = {name: getattr(stored, name) for name in CLEAR}
    body = {
        "photo": codec.photo_body(stored.photo),
        "width": stored.width,
        "height": stored.height,
        "format": stored.format,
        "exif_taken_on": stored.exif_taken_on,
        "failure": codec.failure_body(stored.failure),
    }
    return clear | {"blob": codec.seal_record(key, TABLE.name, clear, body)}


def _read(tx: Tx, rows: Iterable[Mapping[Any, Any]]) -> list[StoredPhoto]:
    rows = list(rows)
    keys = tx.store.data_keys(tx, {row["owner_uid"] for row in rows})
    found = []
    for row in rows:
        clear = {name: row[name] for name in CLEAR}
        body = codec.unseal_record(keys[row["owner_uid"]], TABLE.name, clear, row["blob"])
        found.append(
            StoredPhoto(
                **clear,
                photo=codec.photo_of(body["photo"]),
                width=body["width"],
                height=body["height"],
                format=body["format"],
                exif_taken_on=body["exif_taken_on"],
                failure=codec.failure_of(body["failure"]),
            )
        )
    return found
