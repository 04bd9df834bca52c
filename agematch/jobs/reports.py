"""Reports: candidate lists with the pictures that people compare, out of the vault and into one HTML page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from agematch.i18n import _
from agematch.intake import dates
from agematch.jobs.search import SearchRules, leads_of
from agematch.records import CandidateList, Case, Context, Face, Failure
from agematch.report.html import Ledger, Reference, ReportList, render_candidates
from agematch.store import cases, faces, ledger, photos, sightings
from agematch.store.db import Store, Tx
from agematch.store.files import atomic_write
from agematch.vision import image, pictures
from agematch.vision.settings import VisionSettings

CROP_PX = 240


def write(
    store: Store,
    context: Context,
    lists: Sequence[CandidateList],
    rules: SearchRules,
    output: Path,
    *,
    show_facts: bool = False,
) -> None:
    """Write the report to a file that only its owner may read."""
    page = render(store, context, lists, rules, show_facts=show_facts)
    atomic_write(output, page.encode("utf-8"))


def render(
    store: Store,
    context: Context,
    lists: Sequence[CandidateList],
    rules: SearchRules,
    *,
    show_facts: bool = False,
) -> str:
    """Return the report as HTML; the audit records which photos were opened for it."""
    album: dict[str, bytes] = {}
    with store.act(context, "report", detail=f"{len(lists)} candidate lists") as tx:
        ids = {c.reference_face_id for found in lists for c in found.candidates}
        ids |= {found.face_id for found in lists if found.face_id is not None}
        stored = faces.get_many(tx, sorted(ids))
        owners = photos.get_many(tx, {face.photo_uid for face in stored.values()})
        case_of = cases.get_many(tx, {c.case_uid for found in lists for c in found.candidates})
        by_photo: dict[str, list[faces.StoredFace]] = {}
        for face in stored.values():
            by_photo.setdefault(face.photo_uid, []).append(face)
        tx.note(detail=f"{len(lists)} candidate lists, photos {' '.join(sorted(by_photo))}")
        for photo_uid, shown in by_photo.items():
            crops = _crops(photos.open_bytes(tx, photo_uid), [face.face for face in shown])
            album |= {_key(face.id): crop for face, crop in zip(shown, crops, strict=False)}
        pages = []
        for place, found in enumerate(lists):
            key = _key(found.face_id) if found.face_id is not None else f"probe{place}"
            if (
                found.face and found.face_id is None
            ):  # searched without being saved: the photo is where it was
                album |= dict(zip([key], _crops_of_file(Path(found.photo), found.face), strict=False))
            references = {
                c.reference_face_id: _reference(
                    stored[c.reference_face_id], owners, case_of[c.case_uid].case, show_facts
                )
                for c in found.candidates
                if c.reference_face_id in stored and c.case_uid in case_of
            }
            sighting = sightings.get(tx, found.sighting_uid).sighting if found.sighting_uid else None
            taken = _taken(stored, owners, found) or (sighting.taken_on if sighting else "")
            leads = frozenset(c.rank for c in leads_of(found, rules))
            pages.append(
                ReportList(
                    found,
                    key,
                    age=dates.sighting_age(sighting) if sighting else None,
                    taken_on=taken,
                    sighting=sighting,
                    references=references,
                    leads=leads,
                )
            )
        return render_candidates(
            pages,
            album,
            generated_at=context.clock(),
            registry=store.path.name,
            statement=_statement(store),
            ledger=_ledger(tx),
            show_facts=show_facts,
            language=context.language,
        )


def _taken(
    stored: dict[int, faces.StoredFace], owners: dict[str, photos.StoredPhoto], found: CandidateList
) -> str:
    """Return when a saved probe photo was taken, empty where nobody knows."""
    face = stored.get(found.face_id) if found.face_id is not None else None
    photo = owners[face.photo_uid] if face else None
    return photo.photo.taken_on or photo.exif_taken_on if photo else ""


def _key(face_id: int) -> str:
    return f"face{face_id}"


def _crops(data: bytes, shown: Iterable[Face]) -> list[bytes]:
    decoded = image.decode(data, VisionSettings())
    return (
        [] if isinstance(decoded, Failure) else [pictures.face_crop(decoded, face, CROP_PX) for face in shown]
    )


def _crops_of_file(path: Path, face: Face) -> list[bytes]:
    try:
        return _crops(path.read_bytes(), [face])
    except OSError:  # moved since it was searched: the report says everything but shows no picture
        return []


def _reference(
    face: faces.StoredFace, owners: dict[str, photos.StoredPhoto], case: Case, show_facts: bool
) -> Reference:
    stored = owners[face.photo_uid]
    return Reference(
        picture=_key(face.id),
        age=dates.photo_age(case, stored.photo),
        taken_on=stored.photo.taken_on or dates.camera_date(case, stored.exif_taken_on),
        quality=face.face.quality,
        case=case if show_facts else None,
    )


def _ledger(tx: Tx) -> Ledger:
    states = ledger.counts(tx)
    return Ledger(sum(states.values()), states)


def _statement(store: Store) -> str:
    """Say what holds in this registry wherever a sighting or a case says nothing of its own."""
    basis = _("Photos are searched on this ground, unless a sighting states another: {basis}")
    consent = _("Cases are enrolled by this consent, unless a case states another: {consent}")
    return "\n".join([basis.format(**store.defaults), consent.format(**store.defaults)])
