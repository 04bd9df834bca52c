"""The face's likelihood ratio: rising in similarity, an average where something is unknown."""

import numpy as np
import pytest

from agematch.match.face import Z, ages_when_unknown, component, conditions, inverse

NAN = np.array([np.nan])
ZS = np.linspace(-11, 39, 101)


def curve(parameters, z, age=(np.nan, np.nan), gap=(np.nan, np.nan), grown=0.25):
    columns = [np.full(len(z), value) for value in (*age, *gap)]
    return conditions(parameters.face, *columns, grown).log_lr(np.asarray(z))


def conditions_to_try():
    ages = [(np.nan, np.nan), (0, 0.9), (5, 5.9), (2, 9), (30, 31)]
    gaps = [(np.nan, np.nan), (6, 7), (2, 30), (-4, -3)]
    return [(age, gap) for age in ages for gap in gaps]


@pytest.mark.parametrize(("age", "gap"), conditions_to_try())
def test_it_rises_with_the_similarity_whatever_is_known(parameters, age, gap):
    beyond = np.linspace(-60, 90, 301)
    assert (np.diff(curve(parameters, beyond, age, gap)) > 0).all()


def test_where_all_is_known_it_is_the_fitted_line(parameters):
    wanted = component(parameters.face, ZS, np.full(101, 5.0), np.full(101, 10.0))
    assert curve(parameters, ZS, (4.8, 5.2), (9.7, 10.3)) == pytest.approx(wanted)


def test_an_unknown_gap_gives_the_mean_of_the_ratios(parameters):
    face = parameters.face
    at_nodes = Z[::7]
    each = np.stack(
        [
            np.exp(component(face, at_nodes, np.full(len(at_nodes), 5.0), np.full(len(at_nodes), g)))
            for g in face.gaps_when_unknown
        ]
    )
    wanted = np.log(np.average(each, axis=0, weights=face.gap_weights))
    assert curve(parameters, at_nodes, age=(4.8, 5.2)) == pytest.approx(wanted)


def test_unknown_ages_lie_between_certain_children_and_certain_adults(parameters):
    child, mixed, adult = (curve(parameters, np.array([4.0, 8.0]), grown=share) for share in (0.0, 0.5, 1.0))
    assert (np.minimum(child, adult) <= mixed).all()
    assert (mixed <= np.maximum(child, adult)).all()
    ages, weights = ages_when_unknown(parameters.face, 0.3)
    assert sum(weights) == pytest.approx(1)
    assert weights[ages.index(18.0)] == 0.3


def test_a_babys_photo_tells_less_than_an_older_childs(parameters):
    high = np.array([4.0])
    baby, child, grown = (curve(parameters, high, (age, age + 0.5))[0] for age in (0, 8, 30))
    assert baby < child
    assert curve(parameters, np.array([6.0]), (30, 31))[0] > curve(parameters, np.array([6.0]), (0, 0.5))[0]
    assert grown < curve(parameters, np.array([6.0]), (30, 31))[0]


def test_which_photo_is_the_younger_does_not_matter(parameters):
    forwards = curve(parameters, ZS, (5, 5.2), (10, 10.2))
    backwards = curve(parameters, ZS, (15, 15.2), (-10.2, -10))
    assert forwards == pytest.approx(backwards)


def test_the_inverse_finds_z_again_also_beyond_the_table(parameters):
    some = conditions(parameters.face, NAN, NAN, NAN, NAN, 0.25)
    z = np.array([-40.0, -3.3, 0.0, 2.71, 8.0, 70.0])
    log_lr = conditions(parameters.face, *(np.full(6, np.nan) for _ in range(4)), 0.25).log_lr(z)
    assert inverse(some.curve[0], log_lr) == pytest.approx(z)
