"""The face space: weighted mean cosine as one inner product."""

import numpy as np
import pytest

from agematch.match.fusion import cosine_space
from agematch.records import ModelRef

A, B = ModelRef("arcface", "r50", 3), ModelRef("dlib", "v1", 2)


def rows(rng, n, dim):
    return rng.standard_normal((n, dim))


def cosine(left, right):
    return float(left @ right / np.linalg.norm(left) / np.linalg.norm(right))


def test_the_inner_product_is_the_weighted_mean_of_the_cosines():
    rng = np.random.default_rng(1)
    space = cosine_space([B, A], {"dlib@v1": 3.0}, default_weight=1.0)
    one, two = ({str(A): rows(rng, 4, 3), str(B): rows(rng, 4, 2)} for _ in range(2))
    fused = space.fuse(one) @ space.fuse(two).T
    for i in range(4):
        for j in range(4):
            wanted = 0.25 * cosine(one[str(A)][i], two[str(A)][j]) + 0.75 * cosine(
                one[str(B)][i], two[str(B)][j]
            )
            assert fused[i, j] == pytest.approx(wanted, abs=1e-6)


def test_rows_are_unit_float32_and_needs_are_sorted_by_name():
    space = cosine_space([B, A], {}, default_weight=1.0)
    fused = space.fuse({str(A): np.ones((2, 3)) * 7, str(B): np.ones((2, 2))})
    assert fused.dtype == np.float32
    assert fused.shape == (2, space.dim) == (2, 5)
    assert np.linalg.norm(fused, axis=1) == pytest.approx([1, 1], abs=1e-6)
    assert space.needs == ("arcface@r50", "dlib@v1")


def test_references_and_probes_share_this_space():
    space = cosine_space([B], {}, 1.0)
    templates = {str(B): np.array([[3.0, 4.0]])}
    assert np.array_equal(space.reference_vectors(templates), space.probe_vectors(templates))


def test_the_stamp_changes_with_weights_and_models_and_not_with_their_order():
    stamp = cosine_space([A, B], {}, 1.0).id
    assert cosine_space([B, A], {}, 2.0).id == stamp  # the same shares
    assert cosine_space([A, B], {"dlib@v1": 2.0}, 1.0).id != stamp
    assert cosine_space([A, ModelRef("dlib", "v2", 2)], {}, 1.0).id != stamp
    assert cosine_space([A, ModelRef("dlib", "v1", 4)], {}, 1.0).id != stamp


@pytest.mark.parametrize(
    ("templates", "message"),
    [
        (
            {"arcface@r50": np.ones((2, 4)), "dlib@v1": np.ones((2, 2))},
            "templates of arcface@r50 have 4 dimensions, not 3",
        ),
        ({"arcface@r50": np.ones((2, 3)), "dlib@v1": np.ones((1, 2))}, "give different numbers of templates"),
        (
            {"arcface@r50": np.zeros((1, 3)), "dlib@v1": np.ones((1, 2))},
            "a template of arcface@r50 has no length",
        ),
        (
            {"arcface@r50": np.full((1, 3), np.nan), "dlib@v1": np.ones((1, 2))},
            "a template of arcface@r50 has no length",
        ),
    ],
)
def test_templates_that_do_not_fit_are_refused(templates, message):
    with pytest.raises(ValueError, match=message):
        cosine_space([A, B], {}, 1.0).fuse(templates)


def test_templates_of_a_needed_network_must_be_there():
    with pytest.raises(KeyError, match="dlib@v1"):
        cosine_space([A, B], {}, 1.0).fuse({"arcface@r50": np.ones((1, 3))})


@pytest.mark.parametrize(
    ("models", "weights", "message"),
    [
        ([], {}, "at least one network"),
        ([A, A], {}, "named twice"),
        ([A], {"arcface@r50": 0.0}, "must be above 0"),
    ],
)
def test_a_space_that_cannot_be_is_refused(models, weights, message):
    with pytest.raises(ValueError, match=message):
        cosine_space(models, weights, 1.0)
