"""Review: the queue of leads, one pair looked at, and what a person decides of it; links between sightings likewise."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agematch.errors import NotFound, UsageError
from agematch.i18n import _
from agematch.jobs import reports
from agematch.jobs.pair import row, shown
from agematch.jobs.search import SearchRules
from agematch.records import (
    Context,
    Decision,
    Grounds,
    Outcome,
)
from agematch.report.review import LeadRow, LinkRow, ShownLead
from agematch.store import cases, decisions, faces, leads, relations, sightings
from agematch.store.db import Store, Tx
from agematch.store.leads import Lead
from agematch.store.relations import Relation, RelationKind

UID = re.compile("[0-9a-f]{4,16}")
"""A uid, or enough of its beginning to name one."""


@dataclass(frozen=True)
class Decided:
    """A decision, how many leads of the pair it took off the queue, and whether it corrects an earlier one."""

    decision: Decision
    leads_closed: int
    corrects: bool


class Reviewer:
    """Looks at leads and decides pairs on behalf of one person. A lead is named by its uid or the beginning of it."""

    def __init__(self, store: Store, context: Context, rules: SearchRules) -> None:
        self._store = store
        self._context = context
        self._rules = rules

    def open_leads(self, *, band: str = "", sighting_id: str = "") -> list[LeadRow]:
        """Return the leads that wait for review, the greatest weight of evidence first.

        Leads of sightings that are resolved or duplicates, and of cases that are not open, wait for nobody.

        Args:
            band: only leads of this word of the verbal scale (`match/bands.py`).
            sighting_id: only leads of this sighting.

        Raises:
            NotFound: no sighting of this id is saved.
        """
        with self._store.view(self._context) as tx:
            wanted = sightings.find(tx, sighting_id) if sighting_id else None
            if sighting_id and wanted is None:
                raise NotFound(_("No sighting {id} is saved.").format(id=sighting_id))
            found = leads.open_leads(tx, band=band, sighting_uid=wanted.uid if wanted else "")
            of_sighting = sightings.get_many(tx, {lead.sighting_uid for lead in found})
            of_case = cases.get_many(tx, {lead.case_uid for lead in found})
        return [
            row(
                lead,
                of_sighting[lead.sighting_uid].sighting.sighting_id,
                of_case[lead.case_uid].case.case_id,
            )
            for lead in found
        ]

    def show(self, lead: str) -> ShownLead:
        """Return one lead with its evidence, the facts of both sides and the decisions on the pair; the audit tells of it.

        Raises:
            NotFound: there is no such lead.
            UsageError: several leads begin so, or too little was given to name one.
        """
        with self._store.act(self._context, "review.show") as tx:
            found = _find_lead(tx, lead)
            tx.note(target=found.uid, detail=f"case {found.case_uid}, sighting {found.sighting_uid}")
            return shown(tx, found)

    def write_html(self, pair: ShownLead, output: Path) -> None:
        """Write the photos of a pair side by side into a file that only its owner may read; the audit names the photos."""
        reports.write(self._store, self._context, [pair.found], self._rules, output)

    def decide(self, lead: str, outcome: Outcome, reason: str) -> Decided:
        """Keep what the reviewer says of the pair, and take its leads off the queue.

        It holds for all leads of the pair, except those of other people in the same photo. A later decision corrects an
        earlier one, which is kept. What had been compared is kept beside it, so that a photo which comes later can bring the
        pair back (`store/reopening.py`).

        Raises:
            NotFound: there is no such lead.
            UsageError: the reason is empty, or the lead is not named exactly.
        """
        reason = _given(reason)
        with self._store.act(self._context, "review.decide") as tx:
            found = _find_lead(tx, lead)
            earlier = decisions.of_pair(tx, found.case_uid, found.sighting_uid)
            grounds = _grounds(tx, found)
            decision = Decision(
                found.case_uid,
                found.sighting_uid,
                outcome,
                self._context.actor,
                reason,
                tx.now(),
                grounds,
            )
            decisions.add(tx, decision)
            closed = leads.close_pair(tx, found.case_uid, found.sighting_uid, grounds.other_people)
            tx.note(
                target=found.uid, detail=f"{outcome}: case {found.case_uid}, sighting {found.sighting_uid}"
            )
        return Decided(decision, closed, bool(earlier))

    def links(self) -> list[LinkRow]:
        """Return the pairs of sightings that may be of one child and wait for an answer, oldest first."""
        with self._store.view(self._context) as tx:
            return _link_rows(
                tx, [one for one in relations.proposals(tx) if one.kind is RelationKind.SAME_CHILD]
            )

    def link(self, link: str, *, same: bool, reason: str) -> LinkRow:
        """Say whether two sightings are of one child; a later answer corrects an earlier one, which is kept.

        Raises:
            NotFound: there is no such link.
            UsageError: the reason is empty, or the link is not named exactly.
        """
        reason = _given(reason)
        with self._store.act(self._context, "review.link") as tx:
            uid = _one_uid(tx, link, relations.uids_from, _("link"), _("agematch review links"))
            answer = relations.confirm if same else relations.reject
            if not answer(tx, uid, reason):
                tx.nothing_done()
            answered = relations.get(tx, uid)
            tx.note(
                target=uid,
                detail=f"{answered.state}: sightings {answered.first_uid}, {answered.second_uid}",
            )
            return _link_rows(tx, [answered])[0]


def _given(reason: str) -> str:
    if not reason.strip():
        raise UsageError(
            _("A decision needs a reason."), _("Say in a few words what you saw, for whoever asks later.")
        )
    return reason.strip()


def _one_uid(tx: Tx, given: str, uids_from: Callable[[Tx, str], list[str]], thing: str, command: str) -> str:
    see = _("See them with: {command}").format(command=command)
    prefix = given.strip().lower()
    if not UID.fullmatch(prefix):
        raise UsageError(
            _("“{given}” does not name a {thing}: give the id, or its first 4 or more characters.").format(
                given=given, thing=thing
            ),
            see,
        )
    found = uids_from(tx, prefix)
    if not found:
        raise NotFound(_("There is no {thing} {given}.").format(thing=thing, given=given), see)
    if len(found) > 1:
        raise UsageError(
            _("There are {number} of the kind {thing} that begin with {given}.").format(
                number=len(found), thing=thing, given=given
            ),
            _("Give more characters: {ids}").format(ids=", ".join(found[:5])),
        )
    return found[0]


def _find_lead(tx: Tx, given: str) -> Lead:
    uid = _one_uid(tx, given, leads.uids_from, _("lead"), _("agematch review list"))
    found = leads.get(tx, uid)
    if found is None:
        raise NotFound(_("There is no lead {uid}.").format(uid=uid))
    return found


def _grounds(tx: Tx, lead: Lead) -> Grounds:
    """Return what has been compared of a pair, and its strongest lead: the reviewer had them all."""
    others = _other_people(tx, lead.face_id)
    pair = [one for one in leads.of_pair(tx, lead.case_uid, lead.sighting_uid) if one.face_id not in others]
    strongest = max(pair, key=lambda one: (one.state == lead.state, one.score))
    references = {*decisions.compared_faces(tx, lead.case_uid), *(one.reference_face_id for one in pair)}
    probes = {*decisions.compared_faces(tx, lead.sighting_uid), *(one.face_id for one in pair)}
    return Grounds(
        reference_faces=tuple(sorted(references)),
        probe_faces=tuple(sorted(probes)),
        reference_face_id=strongest.reference_face_id,
        face_id=strongest.face_id,
        score=strongest.score,
        log10_lr=strongest.log10_lr,
        other_people=others,
    )


def _other_people(tx: Tx, face_id: int) -> tuple[int, ...]:
    """Return the other faces in a face's photo: one photo shows nobody twice."""
    face = faces.get_many(tx, [face_id])[face_id]
    return tuple(one.id for one in faces.of_photo(tx, face.photo_uid) if one.id != face_id)


def _link_rows(tx: Tx, found: Sequence[Relation]) -> list[LinkRow]:
    named = sightings.get_many(tx, {uid for one in found for uid in (one.first_uid, one.second_uid)})
    return [
        LinkRow(
            one.uid,
            one.state,
            named[one.first_uid].sighting.sighting_id,
            named[one.second_uid].sighting.sighting_id,
            one.reason,
            one.created_at,
        )
        for one in found
    ]
