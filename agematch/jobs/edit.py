"""Edit: correct the facts of a case, merge, close, reopen and undo; every change makes a version and keeps the old ones."""

from __future__ import annotations

from collections.abc import Mapping

from agematch.errors import NotFound, UsageError
from agematch.i18n import _
from agematch.intake import facts
from agematch.records import CaseState, Context
from agematch.store import cases
from agematch.store.cases import CaseVersion, StoredCase
from agematch.store.db import Store, Tx


class Editor:
    """Changes cases on behalf of one person; every method names cases by the ids that people use."""

    def __init__(self, store: Store, context: Context) -> None:
        self._store = store
        self._context = context

    def correct(self, case_id: str, changes: Mapping[str, str], reason: str) -> StoredCase:
        """Give facts of a case new values; an empty value removes the fact.

        Raises:
            UsageError: a column is not one of cases.csv, or a value is not one that it takes.
        """
        with self._store.act(self._context, "edit.correct") as tx:
            stored = self._find(tx, case_id)
            put = cases.put(tx, facts.changed_case(stored.case, changes), reason, replace=True)
            tx.note(target=stored.uid, detail=f"version {put.version}: {', '.join(sorted(changes))}")
            if put.change == "unchanged":
                tx.nothing_done()
            return cases.get(tx, stored.uid)

    def close(self, case_id: str, reason: str) -> StoredCase:
        """Close a case: its photos are not searched any more, its history stays."""
        return self._state(case_id, CaseState.OPEN, CaseState.CLOSED, reason)

    def reopen(self, case_id: str, reason: str) -> StoredCase:
        """Open a closed case again; its photos are searched from then on."""
        return self._state(case_id, CaseState.CLOSED, CaseState.OPEN, reason)

    def _state(self, case_id: str, before: CaseState, after: CaseState, reason: str) -> StoredCase:
        with self._store.act(self._context, f"edit.{after}") as tx:
            stored = self._find(tx, case_id)
            if stored.state is not before:
                raise UsageError(
                    _("Case {id} is {state}, not {wanted}.").format(
                        id=case_id, state=stored.state, wanted=before
                    )
                )
            cases.set_state(tx, stored.uid, after, reason)
            tx.note(target=stored.uid)
            return cases.get(tx, stored.uid)

    def merge(self, case_id: str, into: str, reason: str) -> StoredCase:
        """Say that two cases are the same child: the photos of the first are searched as photos of the second."""
        with self._store.act(self._context, "edit.merge") as tx:
            source, target = self._find(tx, case_id), self._find(tx, into)
            if source.uid == target.uid:
                raise UsageError(_("Case {id} cannot be merged into itself.").format(id=case_id))
            for one in (source, target):
                if one.state is CaseState.MERGED:
                    raise UsageError(
                        _("Case {id} is merged into another one already.").format(id=one.case.case_id),
                        _("Undo that first: agematch edit undo {id}").format(id=one.case.case_id),
                    )
            cases.merge(tx, source.uid, target.uid, reason)
            tx.note(target=source.uid, detail=f"into {target.uid}")
            return cases.get(tx, source.uid)

    def undo(self, case_id: str, reason: str) -> StoredCase:
        """Bring back the facts and the state that a case had before its last change; itself a change that can be undone."""
        with self._store.act(self._context, "edit.undo") as tx:
            stored = self._find(tx, case_id)
            if stored.version == 1:
                raise UsageError(
                    _("Case {id} was never changed; there is nothing to undo.").format(id=case_id)
                )
            restored = cases.undo(tx, stored.uid, reason)
            tx.note(target=stored.uid, detail=f"version {restored.version}")
            return restored

    def history(self, case_id: str) -> list[CaseVersion]:
        """Return all versions of a case, the first one first."""
        with self._store.act(self._context, "edit.history") as tx:
            stored = self._find(tx, case_id)
            tx.note(target=stored.uid)
            return cases.history(tx, stored.uid)

    def _find(self, tx: Tx, case_id: str) -> StoredCase:
        stored = cases.find(tx, case_id)
        if stored is None:
            raise NotFound(
                _("There is no case {id}.").format(id=case_id), _("Check the id in your table of cases.")
            )
        return stored
