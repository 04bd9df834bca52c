"""All that a registry and its inbox hold, without the ids and times that differ from one run to the next."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

from sqlalchemy import select

from agematch.records import Context
from agematch.store import (
    cases,
    faces,
    leads,
    ledger,
    photos,
    relations,
    runs,
    schema,
    sightings,
    vault,
    verify,
)
from agematch.store.db import Store, Tx


def everything(store: Store, context: Context, inbox: Path) -> dict[str, Any]:
    """Return the records by the names that people gave, the photos by what is in them, and every file of the inbox."""
    with store.act(context, "test.export") as tx:
        tx.look_at_photos()
        names = _names(tx)
        of_photo = {uid: _photo_name(tx, uid, names) for uid in photos.uids(tx)}
        found = {
            "sightings": {
                one.sighting.sighting_id: [_facts(one.sighting), one.state.value, one.version]
                for one in sightings.all(tx)
            },
            "cases": {one.case.case_id: [_facts(one.case), one.state.value] for one in cases.all(tx)},
            "photos": sorted(_photo(tx, uid, of_photo[uid]) for uid in of_photo),
            "leads": sorted(_lead(lead, names) for lead in _leads(tx)),
            "uploads": sorted(_upload(tx, key, names, of_photo) for key in _keys(tx)),
            "states": {state.value: number for state, number in ledger.counts(tx).items() if number},
            "relations": sorted(
                {
                    (one.kind.value, *sorted((names[one.first_uid], names[one.second_uid])), one.reason)
                    for uid in names
                    for one in relations.of(tx, uid)
                }
            ),
            "marks": sorted(
                (names[row.owner_uid], row.stamp, row.version, row.photo_versions, row.faces)
                for row in tx.connection.execute(select(schema.search_marks))
            ),
            "vault": len(list(vault.files(store))),
            "faults": [f"{fault.where}: {fault.what}" for fault in verify.verify(tx)],
        }
    found["inbox"] = sorted(str(path.relative_to(inbox)) for path in inbox.rglob("*") if path.is_file())
    return found


def ended_runs(store: Store, context: Context) -> list[str]:
    """Return how the nights ended, the newest first."""
    with store.view(context) as tx:
        return [run.state.value for run in runs.latest(tx, "nightly", 100)]


def _names(tx: Tx) -> dict[str, str]:
    return {one.uid: f"case {one.case.case_id}" for one in cases.all(tx)} | {
        one.uid: f"sighting {one.sighting.sighting_id}" for one in sightings.all(tx)
    }


def _facts(record: Any) -> list[Any]:
    return [str(getattr(record, field.name)) for field in dataclasses.fields(record)]


def _photo_name(tx: Tx, uid: str, names: dict[str, str]) -> str:
    stored = photos.get(tx, uid)
    digest = hashlib.sha256(photos.open_bytes(tx, uid)).hexdigest()[:12]
    return f"{names[stored.owner_uid]} {digest}"


def _photo(tx: Tx, uid: str, name: str) -> list[Any]:
    stored = photos.get(tx, uid)
    failure = stored.failure.reason.value if stored.failure else ""
    seen = [[face.face.number, str(face.face.box), len(face.models)] for face in faces.of_photo(tx, uid)]
    return [name, stored.photo.path, stored.photo.taken_on, failure, str(seen)]


def _keys(tx: Tx) -> list[str]:
    return list(tx.connection.execute(select(schema.uploads.c.key)).scalars())


def _upload(tx: Tx, key: str, names: dict[str, str], of_photo: dict[str, str]) -> list[str]:
    upload = ledger.read(tx, key)
    assert upload is not None
    failure = upload.failure.reason.value if upload.failure else ""
    owner = names.get(upload.owner_uid, "")
    return [upload.where, upload.kind, upload.state.value, owner, of_photo.get(upload.photo_uid, ""), failure]


def _leads(tx: Tx) -> list[leads.Lead]:
    uids = tx.connection.execute(select(schema.leads.c.uid)).scalars().all()
    return [lead for uid in uids if (lead := leads.get(tx, uid))]


def _lead(lead: leads.Lead, names: dict[str, str]) -> list[Any]:
    """Numbers are rounded: two runs on one machine agree far better."""
    return [
        names[lead.sighting_uid],
        names[lead.case_uid],
        lead.state,
        lead.rank,
        round(lead.score, 5),
        round(lead.expected_by_chance, 7),
        lead.band,
    ]
