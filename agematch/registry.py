"""The Python interface, which the command line itself uses: open a registry, enrol, search, read candidates."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType

from agematch import config
from agematch.config import Settings
from agematch.errors import KeyUnavailable, NotFound, UsageError
from agematch.i18n import _
from agematch.jobs import check as check_job
from agematch.jobs import edit as edit_job
from agematch.jobs import embed as embed_job
from agematch.jobs import enrol as enrol_job
from agematch.jobs import manifests, reports
from agematch.jobs import nightly as nightly_job
from agematch.jobs import review as review_job
from agematch.jobs import search as search_job
from agematch.jobs import stats as stats_job
from agematch.jobs.advise import CaseAdvice, advise_cases
from agematch.jobs.embed import EmbedResult
from agematch.jobs.enrol import EnrolItem, EnrolResult
from agematch.jobs.gallery import Gallery, open_gallery
from agematch.jobs.inbox import Inbox, folder_of
from agematch.jobs.nightly import NightWork
from agematch.jobs.pool import Analysers
from agematch.jobs.probes import Refused, SearchItem
from agematch.jobs.progress import Listener, nobody
from agematch.jobs.publish import Published, publish
from agematch.jobs.search import SearchRules
from agematch.match.duplicates import plain_space
from agematch.match.parameters import ScoreParameters, load_parameters
from agematch.match.score import Scorer, scorer
from agematch.records import CandidateList, Context, ModelRef, SightingState
from agematch.report.night import NightFigures
from agematch.store import keys, sightings
from agematch.store.db import Store
from agematch.store.lock import batch_lock
from agematch.store.verify import Fault
from agematch.vision import weights
from agematch.vision.settings import VisionSettings

UNSTATED = "unstated"
AskPassphrase = Callable[[], str | None]


class Registry:
    """A folder with the encrypted cases, sightings and photographs of a group, opened with its key.

    Use `Registry.create` once and `Registry.open` afterwards, as context managers::

        with Registry.open("missing", key_file="registry.key", context=Context("li")) as registry:
            for result in registry.enrol(registry.read_cases("cases.csv")):
                print(result.case_id, result.state)
            for lists in registry.search([search_item("found.jpg")]):
                print(lists[0].candidates[:3])
    """

    def __init__(self, store: Store, context: Context, settings: Settings) -> None:
        self._store = store
        self._context = context
        self._settings = settings
        self._analysers: Analysers | None = None

    @classmethod
    def create(
        cls,
        path: str | Path,
        *,
        key_file: str | Path | None = None,
        passphrase: str | None = None,
        context: Context,
        settings: Settings | None = None,
        basis: str = UNSTATED,
        consent: str = UNSTATED,
    ) -> Registry:
        """Make a new registry in an absent or empty folder.

        Args:
            key_file: file of the key outside of the registry; made (mode 0600) if absent, used if present.
            passphrase: wraps the registry's key instead of a key file.
            basis, consent: recorded and shown wherever a sighting or a case does not state its own.

        Raises:
            UsageError: there is a registry already, or neither or both of key file and passphrase are given.
        """
        folder = Path(path)
        if (key_file is None) == (passphrase is None):
            raise UsageError(_("A registry needs either a key file or a passphrase."))
        if folder.exists() and any(folder.iterdir()):
            raise UsageError(
                _("{path} is not empty.").format(path=folder),
                _("Name a new folder, or use the registry that is there."),
            )
        root_key = keys.create_slots(
            folder, key_file=Path(key_file) if key_file else None, passphrase=passphrase
        )
        store = Store.create(folder, root_key, {"basis": basis, "consent": consent})
        with store.act(context, "init", detail=store.registry_id):
            pass
        return cls(store, context, settings or config.load(folder, os.environ))

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        key_file: str | Path | None = None,
        passphrase: str | None = None,
        ask_passphrase: AskPassphrase | None = None,
        context: Context,
        settings: Settings | None = None,
    ) -> Registry:
        """Open a registry.

        Args:
            ask_passphrase: called where the registry is locked with a passphrase and none was given.

        Raises:
            NotFound: there is no registry in this folder.
            KeyUnavailable: the key file or the passphrase is missing or wrong.
            StoreError: the database was written by a newer agematch, or cannot be read.
        """
        folder = Path(path)
        if not keys.slots_file(folder).is_file():
            raise NotFound(
                _("There is no registry in {path}.").format(path=folder),
                _("Make one with `agematch init`, or name another folder with --registry."),
            )
        if passphrase is None and keys.needs_passphrase(folder):
            passphrase = ask_passphrase() if ask_passphrase else None
            if passphrase is None:
                raise KeyUnavailable(
                    _("The registry {path} is locked with a passphrase.").format(path=folder),
                    _("Run the command on a terminal, where it can ask for it."),
                )
        root_key = keys.unlock(folder, key_file=Path(key_file) if key_file else None, passphrase=passphrase)
        return cls(Store.open(folder, root_key), context, settings or config.load(folder, os.environ))

    def __enter__(self) -> Registry:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the worker processes and close the database."""
        if self._analysers:
            self._analysers.close()
        self._store.close()

    @property
    def path(self) -> Path:
        return self._store.path

    @property
    def store(self) -> Store:
        return self._store

    @property
    def context(self) -> Context:
        return self._context

    @property
    def settings(self) -> Settings:
        return self._settings

    # ------------------------------------------------------------ networks and scoring

    @cached_property
    def models_dir(self) -> Path:
        return weights.models_dir()

    @cached_property
    def models(self) -> tuple[ModelRef, ...]:
        """Return the networks whose templates this registry compares."""
        chosen = weights.load_manifest(self.models_dir).embedders(self._settings.embedders)
        return tuple(ModelRef(w.id, w.embedder.version, w.embedder.dim) for w in chosen if w.embedder)

    @property
    def _needs(self) -> embed_job.Needs:
        age = weights.load_manifest(self.models_dir).age_network
        return embed_job.Needs(tuple(str(model) for model in self.models), age)

    @cached_property
    def _parameters(self) -> ScoreParameters:
        return load_parameters(self.models_dir / "score.json")

    @cached_property
    def scorer(self) -> Scorer:
        return scorer(self._parameters, self._parameters.space(self.models))

    @property
    def analysers(self) -> Analysers:
        if self._analysers is None:
            vision = VisionSettings(
                max_pixels=self._settings.max_megapixels * 1_000_000, embedders=self._settings.embedders
            )
            self._analysers = Analysers(self.models_dir, vision, self._settings.processes)
        return self._analysers

    def gallery(self, listener: Listener = nobody) -> Gallery:
        """Open the gallery of all open cases; its index is brought up to date first."""
        return open_gallery(
            self._store, self._context, self._parameters.space(self.models), listener=listener
        )

    # ------------------------------------------------------------ the main job

    def read_cases(self, path: str | Path) -> list[EnrolItem | EnrolResult]:
        """Read a cases.csv; rows that cannot be used are recorded and come back as results in their place."""
        return manifests.enrol_items(self._store, self._context, Path(path))

    def enrol(
        self, items: Iterable[EnrolItem | EnrolResult], *, retry: bool = False
    ) -> Iterator[EnrolResult]:
        """Enrol cases and their reference photos; see `agematch.jobs.enrol.enrol`.

        Raises:
            LockHeld: another batch job works on this registry.
        """
        with batch_lock(self.path, "enrol"):
            yield from enrol_job.enrol(
                self._store,
                self._context,
                self.analysers,
                items,
                needs=self._needs,
                max_bytes=self._max_bytes,
                retry=retry,
            )

    def search(
        self,
        items: Iterable[SearchItem | Refused],
        *,
        top: int | None = None,
        save: bool = False,
        gallery: Gallery | None = None,
        listener: Listener = nobody,
    ) -> Iterator[tuple[CandidateList, ...]]:
        """Search with photos of found children; yields, item by item, one candidate list for each face.

        Args:
            top: length of the lists; the registry's setting where None.
            save: record the sightings with their photos, templates and leads.
            listener: told of each photo that was looked at; the lists come later, many at a time.
        """
        yield from search_job.search(
            self._store,
            self._context,
            self.analysers,
            gallery or self.gallery(),
            self.scorer,
            items,
            self.rules(top),
            save=save,
            listener=listener,
        )

    def candidates(self, sighting_id: str, *, top: int | None = None) -> list[CandidateList]:
        """Return today's candidate lists of a saved sighting, one for each face in its photos.

        Raises:
            NotFound: no sighting of this id is saved.
        """
        with self._store.view(self._context) as tx:
            saved = sightings.find(tx, sighting_id)
        if saved is None:
            raise NotFound(
                _("No sighting {id} is saved.").format(id=sighting_id), _("Search with --save to save one.")
            )
        return [found for lists in self.search_saved([saved.uid], top=top) for found in lists]

    def read_sightings(self, path: str | Path) -> list[SearchItem | Refused]:
        """Read a sightings.csv; rows that cannot be used come back as refusals in their place."""
        return manifests.search_items_of_table(Path(path))

    def unresolved_sightings(self) -> list[str]:
        """Return the uids of the saved sightings that are not resolved, oldest first."""
        with self._store.view(self._context) as tx:
            return sightings.uids(tx, SightingState.UNRESOLVED)

    def search_saved(
        self, uids: Iterable[str], *, top: int | None = None, listener: Listener = nobody
    ) -> Iterator[tuple[CandidateList, ...]]:
        """Search again with saved sightings, named by their uids, and bring their leads up to date."""
        yield from search_job.search_saved(
            self._store, self._context, self.gallery(), self.scorer, self.rules(top), uids, listener
        )

    def rules(self, top: int | None = None) -> SearchRules:
        """Return how long lists are and what makes a lead, by the registry's settings."""
        return SearchRules(
            top=top or self._settings.candidates,
            lead_expected_by_chance=self._settings.lead_expected_by_chance,
            leads_per_search=self._settings.leads_per_search,
            max_bytes=self._max_bytes,
        )

    def write_report(
        self,
        output: Path,
        sighting_ids: Sequence[str] = (),
        *,
        top: int | None = None,
        show_facts: bool = False,
    ) -> int:
        """Write an HTML report of saved sightings, all unresolved ones where none is named; returns how many lists.

        Raises:
            NotFound: a sighting is not saved.
        """
        if sighting_ids:
            lists = [found for sighting_id in sighting_ids for found in self.candidates(sighting_id, top=top)]
        else:
            uids = self.unresolved_sightings()
            lists = [found for answers in self.search_saved(uids, top=top) for found in answers]
        reports.write(self._store, self._context, lists, self.rules(top), output, show_facts=show_facts)
        return len(lists)

    def report(self, lists: Sequence[CandidateList]) -> str:
        """Return candidate lists as one HTML page with the photos side by side."""
        return reports.render(self._store, self._context, lists, self.rules())

    def nightly(self, inbox: str | Path | None = None, listener: Listener = nobody) -> NightFigures:
        """Do a night's work: take in the inbox, compare both ways what is new, and return the figures of the night.

        Args:
            inbox: the folder; the registry's setting where None.

        Raises:
            LockHeld: another batch job works on this registry.
        """
        space = self._parameters.space(self.models)
        rules = self.rules()
        work = NightWork(
            self._store,
            self._context,
            self.analysers,
            Inbox(
                folder_of(self._settings, self.path, Path(inbox) if inbox else None),
                self._settings.inbox_settle_seconds,
                self._context.clock,
            ),
            self._needs,
            self.gallery,
            self.scorer,
            space.id,
            plain_space(self.models),
            rules,
            f"{space.id} {self._parameters.digest} {rules.lead_expected_by_chance:g} {rules.leads_per_search}",
        )
        with batch_lock(self.path, "nightly"):
            return nightly_job.nightly(work, listener)

    def publish(self, figures: NightFigures) -> Published:
        """Write the morning report and the metrics of a night and send its digest, as far as the settings ask for it."""
        return publish(figures, self._settings, self.path, self._context.language)

    # ------------------------------------------------------------ care

    def embed(self, listener: Listener = nobody) -> Iterator[EmbedResult]:
        """Bring every photo up to the networks in use; see `agematch.jobs.embed.embed`.

        Raises:
            LockHeld: another batch job works on this registry.
        """
        with batch_lock(self.path, "embed"):
            yield from embed_job.embed(
                self._store,
                self._context,
                self.analysers,
                self._needs,
                self._parameters.space(self.models).id,
                listener=listener,
            )

    def advise(self, case_ids: Sequence[str] = ()) -> list[CaseAdvice]:
        """Return which further photo would help each of these cases most, or each open case; the greatest gain first.

        Raises:
            NotFound: a case is not open, or has no enrolled photo.
        """
        return advise_cases(self._store, self._context, self.gallery(), self._parameters.face, case_ids)

    def stats(self) -> stats_job.Stats:
        """Count what the registry holds."""
        return stats_job.stats(self._store, self._context)

    def check(self, *, repair: bool = False) -> list[Fault]:
        """Verify everything that is stored; with `repair`, make anew what can be derived."""
        return check_job.check(self._store, self._context, self._parameters.space(self.models), repair=repair)

    @property
    def edit(self) -> edit_job.Editor:
        """Correct, merge, close, reopen and undo."""
        return edit_job.Editor(self._store, self._context)

    @property
    def review(self) -> review_job.Reviewer:
        """Look at leads, decide pairs, and answer proposed links."""
        return review_job.Reviewer(self._store, self._context, self.rules())

    @property
    def _max_bytes(self) -> int:
        return self._settings.max_file_megabytes * 2**20
