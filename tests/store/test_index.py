"""FAISS and brute force agree on every query; the index is a cache that never lies and costs work at worst."""

import multiprocessing
import os
import shutil
import signal
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agematch.errors import StoreError
from agematch.store import crypto
from agematch.store.index import GalleryIndex, exact_scores, nearest, segments, tidy

KEY = crypto.new_key()
DIM = 6
ROWS = 16  # a segment; and 5 a chunk


@pytest.fixture(autouse=True, scope="module")
def small_files():
    """Segments and chunks of a few rows, so that a small gallery has many of both."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(segments, "SEGMENT_BYTES", 4 * DIM * ROWS)
        patched.setattr(segments, "CHUNK_BYTES", 4 * DIM * 5)
        yield


@pytest.fixture(params=["every row is scored", "FAISS first", "FAISS first, no margin"])
def way(request, monkeypatch):
    """Each way in which the nearest are found."""
    if request.param != "every row is scored":
        monkeypatch.setattr(nearest, "SHARE_FOR_ALL", 0)
    if request.param == "FAISS first, no margin":
        monkeypatch.setattr(nearest, "TIES_MARGIN", 0)
    return request.param


def vectors(ids, distinct=7):
    """Few directions for many ids: exact duplicates, and neighbours that float32 scores cannot tell apart."""
    ids = np.asarray(ids, dtype=np.int64)
    table = np.random.default_rng(0).standard_normal((distinct, DIM)).astype(np.float32)
    table[1] = -table[0]
    table /= np.linalg.norm(table, axis=1, keepdims=True)
    rows = table[ids % distinct]
    steps = (ids // distinct) % 3  # units in the last place of the first number
    rows[:, 0] += steps.astype(np.float32) * np.spacing(rows[:, 0])
    return rows


def unit_vectors(number, dim, seed=0):
    rows = np.random.default_rng(seed).standard_normal((number, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def open_index(folder, space="space", dim=DIM, key=KEY):
    return GalleryIndex(folder / "index", key, space, dim)


def filled(folder, ids):
    index = open_index(folder)
    index.sync(np.asarray(ids, dtype=np.int64), vectors)
    return index


def must_not_fetch(ids):
    raise AssertionError(f"{len(ids)} vectors were fetched")


def segment_files(folder):
    return [
        path for path in (folder / "index").iterdir() if path.name not in (segments.MANIFEST, segments.LOCK)
    ]


def brute_force(ids, rows, query, k):
    scores = (rows.astype(np.float64) * query.astype(np.float64)).sum(axis=1)
    ranked = sorted(zip(-scores, ids.tolist(), strict=True))[:k]
    return [i for _score, i in ranked], [-score for score, _i in ranked]


def assert_congruent(index, ids, rows_of, queries, k, allowed=None):
    ids = ids if allowed is None else np.intersect1d(ids, allowed)
    hits = index.search(queries, k, allowed)
    assert hits.ids.shape == hits.scores.shape == (len(queries), k)
    for row, query in enumerate(queries):
        want_ids, want_scores = brute_force(ids, rows_of(ids), query, k)
        found = len(want_ids)
        assert hits.ids[row, :found].tolist() == want_ids
        assert hits.scores[row, :found].tolist() == want_scores
        assert (hits.ids[row, found:] == -1).all() and np.isneginf(hits.scores[row, found:]).all()


# ---------------------------------------------------------------- congruence

ID_SETS = st.sets(st.integers(0, 300), max_size=120)


def test_search_equals_brute_force_after_any_history(tmp_path_factory, way):
    @settings(max_examples=40, deadline=None)
    @given(st.lists(ID_SETS, min_size=1, max_size=5), st.integers(0, 150), st.integers(0, 50), ID_SETS)
    def check(history, k, seed, allowed):
        folder = tmp_path_factory.mktemp("index")
        lasting = open_index(folder)
        for turn, step in enumerate(history):
            ids = np.array(sorted(step), dtype=np.int64)
            index = lasting if turn % 2 else open_index(folder)
            assert not index.fault
            index.sync(ids, vectors)
            assert index.count == len(ids)
        queries = np.random.default_rng(seed).standard_normal((6, DIM)).astype(np.float32)
        queries[1] = vectors([seed])[0]
        queries[2] = -vectors([seed])[0]
        queries[3:5] *= np.array([[1e30], [1e-30]], dtype=np.float32)
        last = open_index(folder)
        last.sync(ids, vectors)
        for opened in (index, last, open_index(folder)):
            assert opened.ids().tolist() == ids.tolist()
            assert (opened.vectors(ids) == vectors(ids)).all()
            for only in (None, np.array(sorted(allowed), dtype=np.int64)):
                assert_congruent(opened, ids, vectors, queries, k, only)
        shutil.rmtree(folder)

    check()


def test_search_equals_brute_force_at_the_size_of_real_vectors(tmp_path, monkeypatch, way):
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 4 * 256 * 1000)
    rows = unit_vectors(5000, 256)
    rows[4000:4100] = rows[7]  # one photo in a hundred cases
    index = GalleryIndex(tmp_path / "index", KEY, "space", 256)
    index.sync(np.arange(5000), lambda ids: rows[ids])
    queries = np.vstack([unit_vectors(9, 256, seed=1), rows[7:8], rows[3000:3001]])
    for k in (1, 50, 500):
        assert_congruent(index, np.arange(5000), lambda ids: rows[ids], queries, k)
    assert_congruent(index, np.arange(5000), lambda ids: rows[ids], queries, 50, np.arange(0, 4050, 3))


def test_the_order_of_history_does_not_matter(tmp_path):
    generator = np.random.default_rng(2)
    ids = np.arange(200)
    for step in range(12):
        filled(tmp_path / "gradual", np.sort(generator.choice(ids, 10 + 15 * step, replace=False)))
    gradual, at_once = filled(tmp_path / "gradual", ids), filled(tmp_path / "at once", ids)
    queries = unit_vectors(20, DIM, seed=3)
    one, other = gradual.search(queries, 60), at_once.search(queries, 60)
    assert (one.ids == other.ids).all() and (one.scores == other.scores).all()
    drawn, also_drawn = gradual.sample(30, seed=4), at_once.sample(30, seed=4)
    assert (drawn[0] == also_drawn[0]).all() and (drawn[1] == also_drawn[1]).all()


def test_more_queries_than_a_batch_get_the_answers_that_each_gets_alone(tmp_path, monkeypatch, way):
    monkeypatch.setattr(nearest, "QUERIES_AT_ONCE", 4)
    index = filled(tmp_path, range(150))
    queries = unit_vectors(11, DIM, seed=1)
    together = index.search(queries, 20)
    for row, query in enumerate(queries):
        alone = index.search(query[None], 20)
        assert (together.ids[row] == alone.ids[0]).all() and (together.scores[row] == alone.scores[0]).all()


def test_equal_rows_score_equally_wherever_they_stand():
    row, query = unit_vectors(2, 200)
    assert len(set(exact_scores(np.tile(row, (1000, 1)), query).tolist())) == 1


def test_batches_are_multiplied_as_matrices(tmp_path, monkeypatch):
    """FAISS scans once for each query unless it is told otherwise; a night is several times slower then."""
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 64 * 2**20)
    rows = unit_vectors(16_384, 256)
    index = GalleryIndex(tmp_path / "index", KEY, "space", 256, threads=1)
    index.sync(np.arange(len(rows)), lambda ids: rows[ids])
    queries = unit_vectors(64, 256, seed=1)

    def seconds(of):
        before = time.process_time()
        of()
        return time.process_time() - before

    singly = min(seconds(lambda: [index.search(query[None], 1) for query in queries]) for _turn in range(3))
    assert min(seconds(lambda: index.search(queries, 1)) for _turn in range(3)) < singly / 1.5


def test_empty_gallery_more_than_there_are_and_bad_queries(tmp_path):
    index = open_index(tmp_path)
    query = vectors([1])
    assert index.search(query, 3).ids.tolist() == [[-1, -1, -1]]
    assert index.sample(5, seed=0)[0].tolist() == [] and index.vectors(
        np.array([], dtype=np.int64)
    ).shape == (0, DIM)
    index.sync(np.array([5]), vectors)
    assert index.search(query, 3).ids.tolist() == [[5, -1, -1]]
    assert index.search(query, 3, np.array([4, 6])).ids.tolist() == [[-1, -1, -1]]
    assert index.search(query, 0).ids.shape == (1, 0)
    assert index.search(query[:0], 2).ids.shape == (0, 2)
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="not finite"):
            index.search(query * bad, 1)
    with pytest.raises(ValueError, match="no direction"):
        index.search(query * 0, 1)
    with pytest.raises(ValueError, match="do not fit"):
        index.search(query[:, :2], 1)
    with pytest.raises(ValueError, match="-1 references"):
        index.search(query, -1)
    with pytest.raises(KeyError, match="6"):
        index.vectors(np.array([5, 6]))


def test_a_sample_is_even_and_changes_by_one_face_at_most(tmp_path):
    index = filled(tmp_path, range(300))
    counts = np.zeros(300)
    for seed in range(200):
        ids, rows = index.sample(60, seed)
        assert len(ids) == 60 and (np.diff(ids) > 0).all() and (rows == vectors(ids)).all()
        counts[ids] += 1
    assert counts.min() > 15 and counts.max() < 70  # 40 expected, standard deviation 5.7
    before = set(index.sample(60, 1)[0].tolist())
    index.sync(np.arange(301), vectors)
    assert len(before - set(index.sample(60, 1)[0].tolist())) <= 1
    assert index.sample(10**6, 1)[0].tolist() == list(range(301))
    with pytest.raises(ValueError, match="-1 vectors"):
        index.sample(-1, 1)


# ---------------------------------------------------------------- bringing it up to date


def test_only_what_is_missing_is_fetched_a_segment_at_a_time(tmp_path):
    filled(tmp_path, range(1, 100))
    asked = []

    def fetch(ids):
        asked.append(ids.tolist())
        return vectors(ids)

    wanted = np.array([*range(5, 100), *range(200, 220)])
    report = open_index(tmp_path).sync(wanted, fetch)
    assert asked == [list(range(200, 216)), list(range(216, 220))]
    assert (report.added, report.removed, report.rebuilt, report.fault) == (20, 4, False, "")
    report = open_index(tmp_path).sync(wanted, must_not_fetch)
    assert (report.added, report.removed, report.rebuilt) == (0, 0, False)


def test_adding_and_removing_a_few_leaves_the_other_segments_alone(tmp_path):
    filled(tmp_path, range(100))
    before = {path: path.read_bytes() for path in segment_files(tmp_path)}
    filled(tmp_path, [*range(2, 100), 100, 101])
    after = {path: path.read_bytes() for path in segment_files(tmp_path)}
    assert before.items() < after.items() and len(after) == len(before) + 1


def test_nothing_is_written_where_nothing_changes(tmp_path):
    filled(tmp_path, range(100))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "index").iterdir()}
    filled(tmp_path, range(100))
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "index").iterdir()} == before


def test_a_removed_face_may_come_back(tmp_path):
    filled(tmp_path, [1, 2, 3, 4, 5, 6])
    lasting = filled(tmp_path, [1, 3, 4, 5, 6])
    filled(tmp_path, [1, 2, 3, 4, 5, 6])
    assert open_index(tmp_path).ids().tolist() == [1, 2, 3, 4, 5, 6]
    assert lasting.sync(np.arange(1, 8), vectors).added == 1  # 2 was added by another process meanwhile
    assert open_index(tmp_path).ids().tolist() == lasting.ids().tolist() == [1, 2, 3, 4, 5, 6, 7]


def test_many_small_additions_are_put_together(tmp_path):
    for last in range(1, 3 * tidy.SMALL_SEGMENTS):
        filled(tmp_path, range(last))
    assert len(segment_files(tmp_path)) < 2 * tidy.SMALL_SEGMENTS
    assert open_index(tmp_path).ids().tolist() == list(range(last))


def test_segments_of_which_much_is_struck_are_written_anew(tmp_path):
    filled(tmp_path, range(4 * ROWS))
    stored = {path.name for path in segment_files(tmp_path)}
    filled(tmp_path, np.r_[0:2, 10 : 4 * ROWS - 1])  # half of the first segment, one of the last
    left = {path.name for path in segment_files(tmp_path)}
    assert len(left) == 4 and len(left & stored) == 3
    filled(tmp_path, [])
    assert segment_files(tmp_path) == [] and open_index(tmp_path).count == 0


def test_purge_leaves_no_removed_vector_on_disk(tmp_path):
    index = filled(tmp_path, range(4 * ROWS))
    index.sync(np.delete(np.arange(4 * ROWS), [1, 20]), vectors)
    stored = {path.name for path in segment_files(tmp_path)}
    index.purge()
    assert len(stored & {path.name for path in segment_files(tmp_path)}) == 2
    fresh = open_index(tmp_path)
    assert fresh.ids().tolist() == index.ids().tolist() == np.delete(np.arange(4 * ROWS), [1, 20]).tolist()
    fresh.purge()
    damaged = segment_files(tmp_path)[0]
    flip(damaged)
    open_index(tmp_path).purge()
    assert segment_files(tmp_path) == []


def test_clear_forgets_everything(tmp_path):
    index = filled(tmp_path, range(50))
    index.clear()
    assert index.count == 0 and segment_files(tmp_path) == []
    report = index.sync(np.arange(50), vectors)
    assert report.added == 50 and open_index(tmp_path).count == 50


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (lambda ids: vectors(ids)[:-1], "for 3 faces"),
        (lambda ids: vectors(ids)[:, :2], "for 3 faces"),
        (lambda ids: vectors(ids) * np.nan, "not finite"),
        (lambda ids: vectors(ids) * 1.1, "unit length"),
        (lambda ids: vectors(ids) * 0, "unit length"),
    ],
)
def test_vectors_that_cannot_be_compared_are_refused(tmp_path, rows, text):
    index = open_index(tmp_path)
    with pytest.raises(ValueError, match=text):
        index.sync(np.arange(3), rows)
    assert index.count == 0 and open_index(tmp_path).count == 0


@pytest.mark.parametrize("ids", [[2, 1], [1, 1], [-1, 1], [[1, 2]]])
def test_ids_must_be_ascending_and_not_negative(tmp_path, ids):
    with pytest.raises(ValueError, match="ascending and not negative"):
        open_index(tmp_path).sync(np.array(ids), vectors)


# ---------------------------------------------------------------- damage


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def swap_chunks(path):
    """Swap the second and the third chunk of a segment, which are as long as each other."""
    data = path.read_bytes()
    start, length = 8 * ROWS + segments.SEALED_MORE, 4 * DIM * 5 + segments.SEALED_MORE
    one, other = data[start : start + length], data[start + length : start + 2 * length]
    path.write_bytes(data[:start] + other + one + data[start + 2 * length :])


DAMAGES = {
    "flipped bit": flip,
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "cut at a chunk": lambda path: path.write_bytes(path.read_bytes()[: 8 * ROWS + segments.SEALED_MORE]),
    "empty": lambda path: path.write_bytes(b""),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


OF_SEGMENTS = [
    "swapped chunks",
    "missing",
    "another segment's bytes",
]  # without a manifest there is no index yet


@pytest.mark.parametrize(
    ("which", "damage"),
    [
        *(("manifest", damage) for damage in DAMAGES),
        *(("segment", damage) for damage in [*DAMAGES, *OF_SEGMENTS]),
    ],
)
def test_damage_opens_empty_says_why_and_is_rebuilt(tmp_path, which, damage):
    filled(tmp_path, range(40))
    whole = sorted(segment_files(tmp_path), key=lambda path: -path.stat().st_size)
    path = tmp_path / "index" / segments.MANIFEST if which == "manifest" else whole[0]
    if damage in DAMAGES:
        DAMAGES[damage](path)
    elif damage == "swapped chunks":
        swap_chunks(path)
    elif damage == "missing":
        path.unlink()
    else:
        path.write_bytes(whole[1].read_bytes())
    index = open_index(tmp_path)
    assert index.count == 0 and "the index does not verify" in index.fault
    assert index.search(vectors([1]), 2).ids.tolist() == [[-1, -1]]
    if path.is_dir():
        path.rmdir()
    report = index.sync(np.arange(40), vectors)
    assert report.rebuilt and report.added == 40 and "does not verify" in report.fault and not index.fault
    again = open_index(tmp_path)
    assert again.ids().tolist() == list(range(40)) and not again.fault
    assert len(segment_files(tmp_path)) == 3  # nothing damaged is left


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_flipped_bit_anywhere_is_found(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("index")
    filled(folder, range(30))
    filled(folder, range(2, 33))
    path = data.draw(
        st.sampled_from(
            [
                folder / "index" / segments.MANIFEST,
                *sorted(segment_files(folder), key=lambda p: p.stat().st_size),
            ]
        )
    )
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    assert "does not verify" in open_index(folder).fault
    shutil.rmtree(folder)


def test_a_foreign_index_is_seen_and_replaced(tmp_path):
    filled(tmp_path, [1, 2, 3])
    assert "other networks" in open_index(tmp_path, space="other").fault
    assert "other networks" in open_index(tmp_path, dim=DIM + 1).fault
    assert "belongs to another key" in open_index(tmp_path, key=crypto.new_key()).fault
    other = open_index(tmp_path, space="other")
    assert other.sync(np.array([], dtype=np.int64), vectors).rebuilt
    assert open_index(tmp_path, space="other").stamp == {
        "schema": segments.SCHEMA,
        "space": "other",
        "dim": DIM,
        "count": 0,
    }


def test_faces_of_a_broken_rebuild_are_rebuilt_by_the_next(tmp_path):
    filled(tmp_path, range(40))
    flip(segment_files(tmp_path)[0])
    index = open_index(tmp_path)

    def break_at_the_second(ids):
        if ids[0] > 0:
            raise OSError("the store went away")
        return vectors(ids)

    with pytest.raises(OSError, match="went away"):
        index.sync(np.arange(40), break_at_the_second)
    assert index.fault
    report = index.sync(np.arange(40), vectors)
    assert report.rebuilt and report.added == 40 - ROWS and open_index(tmp_path).count == 40


def test_a_folder_that_cannot_be_written_is_an_error_with_a_remedy(tmp_path):
    (tmp_path / "index").write_bytes(b"a file where the folder should be")
    with pytest.raises(StoreError, match="cannot be written") as caught:
        open_index(tmp_path).sync(np.array([1]), vectors)
    assert caught.value.remedy


def test_a_full_disk_loses_nothing_and_the_next_sync_finishes(tmp_path, monkeypatch):
    index = filled(tmp_path, range(20))
    real, written = segments.atomic_write, []

    def full(path, data, mode=0o600):
        if len(written) > 2:
            raise StoreError("The disk is full.", "Make room.")
        written.append(path)
        real(path, data, mode)

    with monkeypatch.context() as patched, pytest.raises(StoreError, match="full"):
        patched.setattr(segments, "atomic_write", full)
        index.sync(np.arange(5, 60), vectors)
    assert_congruent(index, index.ids(), vectors, unit_vectors(3, DIM), 10)
    assert not open_index(tmp_path).fault
    index.sync(np.arange(5, 60), vectors)
    for opened in (index, open_index(tmp_path)):
        assert (
            opened.ids().tolist() == list(range(5, 60))
            and (opened.vectors(opened.ids()) == vectors(opened.ids())).all()
        )


# ---------------------------------------------------------------- processes


def test_what_another_process_added_is_read_and_not_fetched(tmp_path):
    one, other = filled(tmp_path, range(10)), open_index(tmp_path)
    one.sync(np.arange(12), vectors)
    report = other.sync(np.arange(12), must_not_fetch)
    assert (report.added, report.removed, other.count) == (0, 0, 12)
    one.sync(np.arange(3, 30), vectors)
    one.purge()
    asked = []
    other.sync(np.arange(3, 31), lambda ids: (asked.extend(ids.tolist()), vectors(ids))[1])
    assert asked == [30] and (other.vectors(np.arange(3, 31)) == vectors(np.arange(3, 31))).all()


def test_an_index_that_is_replaced_while_it_is_read_is_read_anew(tmp_path, monkeypatch):
    writer = filled(tmp_path, range(40))
    writer.sync(np.arange(1, 40), vectors)
    real, reads = segments.SegmentFiles.read_segment, []

    def read_after_a_purge(self, segment, into):
        reads.append(segment.name)
        if len(reads) == 1:
            writer.purge()
        return real(self, segment, into)

    monkeypatch.setattr(segments.SegmentFiles, "read_segment", read_after_a_purge)
    index = open_index(tmp_path)
    assert not index.fault and index.ids().tolist() == list(range(1, 40)) and len(reads) > 3


def small_segments():
    segments.SEGMENT_BYTES, segments.CHUNK_BYTES = 4 * DIM * ROWS, 4 * DIM * 5


def sync_and_die(folder, wanted):
    small_segments()

    def fetch(ids):
        if ids[0] >= 2 * ROWS:
            os.kill(os.getpid(), signal.SIGKILL)
        return vectors(ids)

    open_index(folder, key=KEY_OF_PROCESSES).sync(np.arange(wanted), fetch)


KEY_OF_PROCESSES = bytes(range(32))


@pytest.mark.skipif(sys.platform == "win32", reason="kills by signal")
def test_a_killed_run_leaves_what_it_had_finished_and_no_litter(tmp_path):
    process = multiprocessing.get_context("spawn").Process(target=sync_and_die, args=(tmp_path, 100))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    (tmp_path / "index" / ".tmp-half").write_bytes(b"half a segment")
    (tmp_path / "index" / ("0" * 32)).write_bytes(b"a segment that no manifest came to list")
    index = open_index(tmp_path, key=KEY_OF_PROCESSES)
    assert not index.fault and index.ids().tolist() == list(range(2 * ROWS))
    assert index.sync(np.arange(100), vectors).added == 100 - 2 * ROWS
    assert len(list((tmp_path / "index").iterdir())) == 2 + -(-100 // ROWS)


def sync_many_times(folder, seed, faults):
    small_segments()
    generator = np.random.default_rng(seed)
    for _turn in range(12):
        index = open_index(folder, key=KEY_OF_PROCESSES)
        if index.fault:
            faults.put(index.fault)
        wanted = np.sort(generator.choice(200, generator.integers(0, 120), replace=False))
        index.sync(wanted, vectors)
        if not (index.vectors(wanted) == vectors(wanted)).all() or index.count != len(wanted):
            faults.put("not what was wanted")
        if generator.random() < 0.2:
            index.purge()


def test_processes_at_once_never_damage_it(tmp_path):
    context = multiprocessing.get_context("spawn")
    faults = context.Queue()
    workers = [context.Process(target=sync_many_times, args=(tmp_path, seed, faults)) for seed in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert faults.empty()
    index = open_index(tmp_path, key=KEY_OF_PROCESSES)
    assert not index.fault and (index.vectors(index.ids()) == vectors(index.ids())).all()


# ---------------------------------------------------------------- at rest and in memory


def test_nothing_of_a_vector_lies_in_the_clear_and_nobody_else_may_read(tmp_path):
    filled(tmp_path, range(1, 50))
    clear = [vectors([n]).tobytes()[:8] for n in range(1, 50)]
    assert (tmp_path / "index").stat().st_mode & 0o077 == 0
    for path in (tmp_path / "index").iterdir():
        assert path.stat().st_mode & 0o177 == 0
        content = path.read_bytes()
        assert not any(piece in content for piece in clear)


def peak_of_opening(folder, result):
    small = open_index(folder / "warm", dim=256, key=KEY_OF_PROCESSES)
    small.sync(np.arange(10), lambda ids: unit_vectors(10, 256))
    before = peak_kib()
    index = open_index(folder, dim=256, key=KEY_OF_PROCESSES)
    result.put((index.count, (peak_kib() - before) * 1024))


def peak_kib():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_opening_needs_no_second_copy(tmp_path, monkeypatch):
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 64 * 2**20)
    count = 150_000
    rows = unit_vectors(1000, 256)
    index = open_index(tmp_path, dim=256, key=KEY_OF_PROCESSES)
    index.sync(np.arange(count), lambda ids: rows[ids % 1000])
    context = multiprocessing.get_context("spawn")
    result = context.Queue()
    process = context.Process(target=peak_of_opening, args=(tmp_path, result))
    process.start()
    opened, peak = result.get(timeout=120)
    process.join()
    vectors_alone = count * 256 * 4
    assert opened == count
    assert vectors_alone < index.memory_bytes(count) < 2 * vectors_alone
    assert vectors_alone < peak < index.memory_bytes(count)
