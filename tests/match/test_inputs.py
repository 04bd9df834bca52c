"""The tables that a search ranks from."""

import numpy as np
import pytest

from agematch.match.inputs import (
    CaseFacts,
    ReferenceFacts,
    every_reference,
    gallery_table,
    nearest_references,
)


def table():
    cases = [CaseFacts("u2", "b"), CaseFacts("u1", "a"), CaseFacts("u3", "no photo")]
    return gallery_table(cases, [ReferenceFacts(9, "u1"), ReferenceFacts(4, "u2"), ReferenceFacts(7, "u1")])


def test_references_are_in_order_of_their_ids_and_found_by_them():
    gallery = table()
    assert gallery.references.face_id.tolist() == [4, 7, 9]
    assert gallery.rows_of(np.array([9, 4])).tolist() == [2, 0]
    assert gallery.references_of_case.tolist() == [1, 2, 0]
    assert gallery.searchable_cases == 2


@pytest.mark.parametrize("unknown", [5, 10, 0])
def test_an_unknown_reference_is_named(unknown):
    with pytest.raises(KeyError, match=str(unknown)):
        table().rows_of(np.array([4, unknown]))


def test_a_reference_of_an_unknown_case_is_refused():
    with pytest.raises(KeyError, match="u9"):
        gallery_table([], [ReferenceFacts(1, "u9")])


def test_similarities_must_be_as_many_as_references():
    with pytest.raises(ValueError, match="2 similarities for 3 references"):
        every_reference(table(), np.zeros(2))


def test_random_rows_are_whole_cases_and_the_same_each_time():
    gallery = gallery_table(
        [CaseFacts(f"u{i}", f"c{i}") for i in range(50)],
        [ReferenceFacts(i, f"u{i // 3}") for i in range(150)],
    )
    rows = gallery.random_rows(10, seed=3)
    assert (
        rows.tolist() == gallery.random_rows(10, seed=3).tolist() != gallery.random_rows(10, seed=4).tolist()
    )
    drawn, photos = np.unique(gallery.references.case[rows], return_counts=True)
    assert (len(drawn), set(photos)) == (10, {3})
    assert len(gallery.random_rows(50)) == 150


def test_hits_that_are_also_drawn_at_random_are_compared_once():
    hits = nearest_references(
        (np.array([5, 2]), np.array([0.9, 0.8])), (np.array([2, 3]), np.array([0.8, 0.1]))
    )
    assert hits.rows.tolist() == [2, 3, 5]
    assert hits.similarity.tolist() == [0.8, 0.1, 0.9]
    assert hits.drawn.tolist() == [True, True, False]
    assert not hits.complete
