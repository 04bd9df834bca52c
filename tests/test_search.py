"""The candidate list is the same whether FAISS returned a few references or all of them were compared."""

import numpy as np
import pytest

from agematch.jobs import ranking
from agematch.jobs.both_ways import OTHER_EVIDENCE
from agematch.jobs.gallery import Gallery
from agematch.jobs.ranking import Probe, Ranking
from agematch.match.cohort import empty_cohort
from agematch.match.inputs import CaseFacts, ProbeQuery, ReferenceFacts, gallery_table
from agematch.match.parameters import load_parameters
from agematch.match.score import scorer
from agematch.records import AgeRange, Face, ModelRef, Quality, Sex
from agematch.store import crypto
from agematch.store.index import GalleryIndex, SyncReport
from agematch.vision.weights import load_manifest, models_dir

CASES = 1500


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    """A gallery of random vectors round a common mean, 1 to 4 photos a case, in the space of the default networks."""
    refs = tuple(
        ModelRef(w.id, w.embedder.version, w.embedder.dim) for w in load_manifest(models_dir()).embedders()
    )
    parameters = load_parameters(models_dir() / "score.json")
    space = parameters.space(refs)
    generator = np.random.default_rng(3)
    cases = [
        CaseFacts(f"{n:016x}", f"G-{n}", (Sex.MALE, Sex.FEMALE, Sex.UNKNOWN)[n % 3]) for n in range(CASES)
    ]
    references = []
    for case in cases:
        for _photo in range(generator.integers(1, 5)):
            low = float(generator.integers(0, 12))
            age = AgeRange(low, low + 1) if generator.random() < 0.8 else None
            references.append(ReferenceFacts(len(references) + 1, case.uid, "", age, None, 80.0))
    centres = generator.standard_normal((len(references), space.dim)) + 1.2
    vectors = (centres / np.linalg.norm(centres, axis=1, keepdims=True)).astype(np.float32)
    vectors[100] = vectors[200]  # the same photo in two cases
    index = GalleryIndex(tmp_path_factory.mktemp("index"), crypto.new_key(), space.id, space.dim)
    ids = np.arange(1, len(references) + 1)
    index.sync(ids, lambda wanted: vectors[wanted - 1])
    return (
        Gallery(
            index,
            gallery_table(cases, references),
            space,
            SyncReport(len(ids), 0, ""),
            empty_cohort(space.dim),
            ids[:0],
        ),
        scorer(parameters, space),
        vectors,
    )


def probes(vectors, number=12):
    generator = np.random.default_rng(5)
    face = Face(1, (0, 0, 1, 1), (), 1.0, "yunet", 0, Quality(90))
    for n in range(number):
        mixed = vectors[n * 7] * (n % 3) + generator.standard_normal(vectors.shape[1]) * 0.06 + 0.06
        vector = (mixed / np.linalg.norm(mixed)).astype(np.float32)
        yield Probe(face, vector, ProbeQuery(sex=(Sex.UNKNOWN, Sex.MALE)[n % 2]), str(n), n)
    yield Probe(face, vectors[100], ProbeQuery(), str(number), number)


def test_few_hits_give_the_same_list_as_nearly_all(gallery, monkeypatch):
    opened, by, vectors = gallery
    asked = list(probes(vectors))
    monkeypatch.setattr(ranking, "SAMPLED_CASES", 300)  # the same view of what chance brings in both
    monkeypatch.setattr(ranking, "FIRST_HITS", len(opened.table.references) - 1)
    nearly_all = Ranking(opened, by, 5).rank(asked)
    monkeypatch.setattr(ranking, "FIRST_HITS", 16)
    few = Ranking(opened, by, 5).rank(asked)
    for short, long in zip(few, nearly_all, strict=True):
        assert short.chance_at_bands == pytest.approx(long.chance_at_bands, rel=1e-3)
        short, long = short.candidates, long.candidates
        assert len(long) == len(short) == 5
        assert [c.case_id for c in short] == [c.case_id for c in long]
        assert [c.score for c in short] == pytest.approx([c.score for c in long], rel=1e-9)
        chances = [c.expected_by_chance for c in long]
        assert [c.expected_by_chance for c in short] == pytest.approx(chances, rel=1e-3)  # read off a grid


def test_lists_are_ordered_and_chance_grows_down_the_list(gallery):
    opened, by, vectors = gallery
    for found in Ranking(opened, by, 50).rank(list(probes(vectors))):
        bands = found.chance_at_bands
        assert len(bands) == 4 and list(bands) == sorted(bands, reverse=True)
        found = found.candidates
        scores = [c.score for c in found]
        assert scores == sorted(scores, reverse=True) and len({c.case_uid for c in found}) == 50
        chances = [c.expected_by_chance for c in found]
        assert chances == sorted(chances) and chances[0] > 0
        for candidate in found:
            assert sum(part.log10_lr for part in candidate.evidence) == pytest.approx(
                candidate.log10_lr, abs=1e-9
            )


def test_a_sampled_view_of_chance_is_near_the_whole_one(gallery, monkeypatch):
    opened, by, vectors = gallery
    asked = list(probes(vectors))
    whole = Ranking(opened, by, 10**6).rank(asked)
    monkeypatch.setattr(ranking, "SAMPLED_CASES", 400)
    monkeypatch.setattr(ranking, "FIRST_HITS", 64)
    sampled = Ranking(opened, by, 20).rank(asked)
    ratio = [
        np.log10(few.candidates[place].expected_by_chance / every.candidates[place].expected_by_chance)
        for few, every in zip(sampled, whole, strict=True)
        for place in (9, 19)
    ]
    assert np.abs(ratio).max() < 0.5


def test_whoever_has_a_lead_on_a_new_case_is_near_it(gallery):
    opened, by, vectors = gallery
    asked = list(probes(vectors))
    run = Ranking(opened, by, 20)
    found = run.rank(asked)
    leads = {
        (place, candidate.case_uid)
        for place, one in enumerate(found)
        for candidate in one.candidates
        if candidate.expected_by_chance <= 0.1
    }
    assert leads
    for case_uid in {uid for _place, uid in leads}:
        near = run.near(asked, opened.faces_of({case_uid}), 0.1 * OTHER_EVIDENCE)
        assert all(near[place] for place, uid in leads if uid == case_uid)
    some = [uid for uid in opened.table.cases.uid if uid not in {uid for _place, uid in leads}][:3]
    assert run.near(asked, opened.faces_of(set(some)), 0.1 * OTHER_EVIDENCE).mean() < 0.5
    assert not run.near(asked, opened.faces_of(set()), 1.0).any()
