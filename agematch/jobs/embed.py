"""Embed: bring the photos that a registry holds up to the networks in use, photo by photo, each one whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from agematch.errors import DamageFound
from agematch.i18n import _
from agematch.jobs.pool import Analysers, Skip, Task
from agematch.jobs.progress import Listener, Progress, nobody
from agematch.records import Analysis, Context, Failure, FailureReason
from agematch.store import cases, faces, model_runs, photos, sightings
from agematch.store.db import Store, Tx, chunks
from agematch.store.faces import StoredFace
from agematch.store.runs import RunState
from agematch.vision.choose import TheseFaces

OPENED_AT_ONCE = 16
"""So many photos are opened by one act, which names them in the audit, and lie in memory before they are analysed."""


@dataclass(frozen=True)
class Needs:
    """The networks in use, by name: those whose templates a face needs, and the one that reads its age, if any."""

    models: tuple[str, ...]
    age: str = ""

    def lacking(self, found: Iterable[StoredFace]) -> TheseFaces | None:
        """Return what the faces of a photo lack that have templates at all; None where they lack nothing."""
        old = [face for face in found if face.models and (self._models(face) or self._age(face))]
        if not old:
            return None
        models = {model for face in old for model in self._models(face)}
        return TheseFaces(
            tuple(face.face for face in old),
            tuple(model for model in self.models if model in models),
            any(self._age(face) for face in old),
        )

    def _models(self, face: StoredFace) -> set[str]:
        return set(self.models) - set(face.models)

    def _age(self, face: StoredFace) -> bool:
        return bool(self.age) and face.face.age_network != self.age


@dataclass(frozen=True)
class EmbedResult:
    """What became of one photo: to how many faces something was added, or why it keeps what it has.

    `where` is how a person finds the photo: the case or sighting, and the path under which it came.
    """

    photo_uid: str
    where: str
    faces: int = 0
    failure: Failure | None = None


@dataclass(frozen=True)
class _Opened:
    photo_uid: str
    owner_uid: str
    data: bytes = field(repr=False)


def embed(
    store: Store,
    context: Context,
    analysers: Analysers,
    needs: Needs,
    space_id: str,
    *,
    listener: Listener = nobody,
) -> Iterator[EmbedResult]:
    """Add to every photo of a case or a saved sighting what its faces lack, and yield what became of each such photo.

    Faces are described where they were found: they keep their ids, and which one is meant stays as a person chose it.
    Templates that are there are never touched. Each photo is one transaction, so that a run that is stopped or killed
    loses nothing, and the next one finishes the rest; photos that lack nothing are not opened.

    Args:
        space_id: the face space that the networks serve, for the record of the run.
    """
    waiting = outdated(store, context, needs)
    listener(Progress("embed", 0, len(waiting)))
    if not waiting:
        return
    with store.act(context, "embed.start") as tx:
        run = model_runs.start(tx, space_id, needs.models, f"{len(waiting)} photos")
        tx.note(target=run.uid, detail=f"{len(waiting)} photos")

    def steps() -> Iterator[Task[_Opened | EmbedResult] | Skip[_Opened | EmbedResult]]:
        for chunk in chunks(waiting, OPENED_AT_ONCE):
            yield from _open(store, context, chunk, needs)

    try:
        for done, (step, analysis) in enumerate(analysers.run(steps()), start=1):
            if isinstance(step, _Opened) and analysis is not None:
                step = _finish(store, context, step, analysis, needs)
            listener(Progress("embed", done, len(waiting)))
            if isinstance(step, EmbedResult):
                yield step
    except (GeneratorExit, KeyboardInterrupt):
        _end(store, context, run.uid, RunState.STOPPED)
        raise
    _end(store, context, run.uid, RunState.DONE)


def outdated(store: Store, context: Context, needs: Needs) -> list[str]:
    """Return the uids of the photos with a face that lacks something, oldest first; also those that do not verify."""
    found = []
    with store.view(context) as tx:
        for chunk in chunks(photos.uids(tx), 500):
            try:
                by_photo = faces.of_photos(tx, chunk)
                found += [uid for uid in chunk if needs.lacking(by_photo[uid])]
            except DamageFound:
                found += [uid for uid in chunk if _is_outdated(tx, uid, needs)]
    return found


def _is_outdated(tx: Tx, uid: str, needs: Needs) -> bool:
    try:
        return needs.lacking(faces.of_photo(tx, uid)) is not None
    except DamageFound:
        return True  # it is looked at once more, and reported, in its turn


def _open(
    store: Store, context: Context, uids: list[str], needs: Needs
) -> Iterator[Task[_Opened | EmbedResult] | Skip[_Opened | EmbedResult]]:
    """Open photos in one act, which is over before any of them is handed out."""
    steps: list[Task[_Opened | EmbedResult] | Skip[_Opened | EmbedResult]] = []
    with store.act(context, "embed.open", detail=" ".join(["photos", *uids])) as tx:
        tx.look_at_photos()
        for uid in uids:
            try:
                stored = photos.get_many(tx, [uid]).get(uid)
                lacking = needs.lacking(faces.of_photo(tx, uid))
                if stored is None or lacking is None:  # somebody removed it meanwhile, or did the work
                    steps.append(Skip(EmbedResult(uid, "")))
                    continue
                opened = _Opened(uid, stored.owner_uid, photos.open_bytes(tx, uid))
                steps.append(Task(opened, opened.data, lacking))
            except DamageFound as err:
                failure = Failure(FailureReason.UNREADABLE_FILE, err.what.rstrip("."), err.remedy)
                steps.append(Skip(EmbedResult(uid, _where(tx, uid), failure=failure)))
    yield from steps


def _finish(store: Store, context: Context, opened: _Opened, analysis: Analysis, needs: Needs) -> EmbedResult:
    uid = opened.photo_uid
    with store.act(context, "embed", target=opened.owner_uid) as tx:
        added, failure = add(tx, uid, analysis, needs)
        tx.note(detail=f"photo {uid}: {failure.reason if failure else f'{added} faces'}")
        return EmbedResult(uid, _where(tx, uid), added, failure)


def add(tx: Tx, photo_uid: str, analysis: Analysis, needs: Needs) -> tuple[int, Failure | None]:
    """Add what an analysis of known faces gave to a stored photo; return to how many faces, and why some lack still."""
    added = photos.describe(tx, photo_uid, analysis.faces)
    if analysis.failure:
        return added, analysis.failure
    if needs.lacking(faces.of_photo(tx, photo_uid)):
        return added, Failure(
            FailureReason.NO_FACE,
            _("a network could not describe every face that was found in it before"),
            _("Submit a photo that shows the face larger, sharper or more from the front."),
        )
    return added, None


def _end(store: Store, context: Context, run_uid: str, state: RunState) -> None:
    with store.act(context, "embed.end", target=run_uid, detail=state.value) as tx:
        model_runs.finish(tx, run_uid, state)


def _where(tx: Tx, photo_uid: str) -> str:
    """Return how a person finds a photo; its uid where its record does not verify."""
    try:
        stored = photos.get_many(tx, [photo_uid]).get(photo_uid)
        if stored is None:
            return photo_uid
        if stored.owner_kind == "case":
            owner = cases.get_many(tx, [stored.owner_uid])[stored.owner_uid].case.case_id
        else:
            owner = sightings.get(tx, stored.owner_uid).sighting.sighting_id
        return f"{owner}: {stored.photo.path}" if owner else stored.photo.path
    except DamageFound:
        return photo_uid
