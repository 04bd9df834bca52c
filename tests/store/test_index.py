"""FAISS and brute force agree on every query; the index is a cache that never lies."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agematch.store import crypto
from agematch.store import index as index_module
from agematch.store.index import MANIFEST, GalleryIndex, exact_scores
from tests.conftest import is_private

KEY = crypto.new_key()
DIM = 6


def vectors(ids, seed=0, distinct=12):
    """Few distinct vectors for many ids, so that ties and duplicates are everywhere."""
    table = np.random.default_rng(seed).standard_normal((distinct, DIM)).astype(np.float32)
    table /= np.linalg.norm(table, axis=1, keepdims=True)
    return table[np.asarray(ids) % distinct]


def open_index(folder, space="space", dim=DIM, key=KEY):
    return GalleryIndex(folder / "index", key, space, dim)


def brute_force(ids, rows, query, k):
    scores = exact_scores(rows, query)
    ranked = sorted(zip(-scores, ids, strict=True))[:k]
    return [i for _score, i in ranked], [-score for score, _i in ranked]


def filled(folder, ids):
    index = open_index(folder)
    index.sync(np.asarray(ids, dtype=np.int64), vectors)
    return index


ID_SETS = st.sets(st.integers(1, 300), max_size=120)


@settings(max_examples=60, deadline=None)
@given(st.lists(ID_SETS, min_size=1, max_size=5), st.integers(1, 150), st.integers(0, 50), ID_SETS)
def test_search_equals_brute_force_after_any_history(tmp_path_factory, history, k, seed, allowed):
    folder = tmp_path_factory.mktemp("index")
    for step in history:
        ids = np.array(sorted(step), dtype=np.int64)
        index = open_index(folder)
        assert not index.fault
        index.sync(ids, vectors)
    fresh = open_index(folder)
    queries = np.random.default_rng(seed).standard_normal((3, DIM)).astype(np.float32)
    queries[2] = vectors([seed])[0]
    for only in (None, np.array(sorted(allowed), dtype=np.int64)):
        ids_of = ids if only is None else np.intersect1d(ids, only)
        for hits in (index.search(queries, k, only), fresh.search(queries, k, only)):
            for row, query in enumerate(queries):
                want_ids, want_scores = brute_force(ids_of, vectors(ids_of), query, k)
                found = hits.ids[row] >= 0
                assert hits.ids[row][found].tolist() == want_ids
                assert hits.scores[row][found].tolist() == want_scores
                assert np.isneginf(hits.scores[row][~found]).all()
    assert fresh.ids().tolist() == ids.tolist()
    assert (fresh.vectors(ids) == vectors(ids)).all()


def test_only_what_is_missing_is_fetched(tmp_path):
    filled(tmp_path, range(1, 100))
    asked = []

    def fetch(ids):
        asked.extend(ids.tolist())
        return vectors(ids)

    report = open_index(tmp_path).sync(np.array([*range(5, 100), 200, 201]), fetch)
    assert asked == [200, 201] and (report.added, report.removed) == (2, 4)
    assert open_index(tmp_path).sync(np.array([*range(5, 100), 200, 201]), fetch).added == 0


def test_a_removed_face_may_come_back(tmp_path):
    filled(tmp_path, [1, 2, 3])
    open_index(tmp_path).sync(np.array([1, 3]), vectors)
    open_index(tmp_path).sync(np.array([1, 2, 3]), vectors)
    assert open_index(tmp_path).ids().tolist() == [1, 2, 3]


def test_many_small_additions_are_compacted(tmp_path, monkeypatch):
    monkeypatch.setattr(index_module, "YOUNG_SECONDS", -60)
    for last in range(1, index_module.COMPACT_SEGMENTS + 10):
        open_index(tmp_path).sync(np.arange(1, last + 1), vectors)
    assert len(list((tmp_path / "index").iterdir())) < 20
    assert open_index(tmp_path).ids().tolist() == list(range(1, index_module.COMPACT_SEGMENTS + 10))


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("which", ["manifest", "segment"])
@pytest.mark.parametrize(
    "damage",
    [flip, lambda path: path.write_bytes(path.read_bytes()[:-9]), lambda path: path.write_bytes(b"")],
)
def test_damage_opens_empty_says_why_and_is_rebuilt(tmp_path, which, damage):
    filled(tmp_path, [1, 2, 3])
    manifest = tmp_path / "index" / MANIFEST
    segment = next(path for path in manifest.parent.iterdir() if path != manifest)
    damage(manifest if which == "manifest" else segment)
    index = open_index(tmp_path)
    assert len(index) == 0 and "does not verify" in index.fault
    assert index.sync(np.array([1, 2, 3]), vectors).fault
    assert open_index(tmp_path).ids().tolist() == [1, 2, 3] and not open_index(tmp_path).fault


def test_a_missing_segment_another_space_and_another_key_are_seen(tmp_path):
    filled(tmp_path, [1, 2, 3])
    assert "other networks" in open_index(tmp_path, space="other").fault
    assert "does not verify" in open_index(tmp_path, key=crypto.new_key()).fault
    manifest = tmp_path / "index" / MANIFEST
    next(path for path in manifest.parent.iterdir() if path != manifest).unlink()
    assert "does not verify" in open_index(tmp_path).fault


def test_a_kill_between_segment_and_manifest_costs_only_work(tmp_path, monkeypatch):
    filled(tmp_path, [1, 2, 3])

    def killed(self):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(GalleryIndex, "_write_manifest", killed)
        open_index(tmp_path).sync(np.array([1, 2, 3, 4]), vectors)
    assert open_index(tmp_path).ids().tolist() == [1, 2, 3]
    open_index(tmp_path).sync(np.array([1, 2, 3, 4]), vectors)
    assert open_index(tmp_path).ids().tolist() == [1, 2, 3, 4]


def test_nothing_of_a_vector_lies_in_the_clear(tmp_path):
    filled(tmp_path, range(1, 50))
    for path in (tmp_path / "index").iterdir():
        assert is_private(path)
        assert vectors([7]).tobytes()[:8] not in path.read_bytes()


def test_empty_gallery_more_than_there_are_and_bad_queries(tmp_path):
    index = open_index(tmp_path)
    query = vectors([1])
    assert index.search(query, 3).ids.tolist() == [[-1, -1, -1]]
    index.sync(np.array([5]), vectors)
    assert index.search(query, 3).ids.tolist() == [[5, -1, -1]]
    assert index.search(query, 0).ids.shape == (1, 0)
    with pytest.raises(ValueError, match="not finite"):
        index.search(query * np.nan, 1)
    with pytest.raises(ValueError, match="do not fit"):
        index.search(query[:, :2], 1)
    with pytest.raises(KeyError):
        index.vectors(np.array([6]))
