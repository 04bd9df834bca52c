"""The apparent age: years of a person's, the same however the photo is turned, with every embedded face, and optional."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from agematch.errors import ConfigError, WeightsMissing
from agematch.vision.age import AgeNetwork, load_age
from agematch.vision.analyse import Analyser, EveryFace, OneFace
from agematch.vision.detect import Detector
from agematch.vision.weights import find, load_manifest, require

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def network(weights: Path) -> AgeNetwork:
    found = load_age(load_manifest(weights))
    assert found is not None and found.name == "dlib-age@v1"
    return found


@pytest.fixture
def models(weights: Path, tmp_path: Path) -> Path:
    """A models folder of this test with all weights in it."""
    manifest = load_manifest(weights)
    (tmp_path / "weights").mkdir()
    for weight in manifest.weights.values():
        shutil.copy(find(manifest, weight), tmp_path / "weights" / weight.file)
    shutil.copy(weights / "manifest.toml", tmp_path)
    return tmp_path


def test_grown_people_of_known_age_are_read_within_fifteen_years(
    network: AgeNetwork, detector: Detector, portrait: Callable[[str], Pixels]
) -> None:
    born = {
        "obama-2012": 1961,
        "ardern-2018": 1980,
        "macron-2014": 1977,
        "biden-2010": 1942,
        "sunak-2017": 1980,
    }
    for name, year in born.items():
        (face,) = detector.detect(portrait(name))
        (years,) = network.years(portrait(name), face.landmarks[None])
        assert years is not None and abs(years - (int(name[-4:]) - year)) < 15, name


def test_faces_are_read_one_by_one_in_their_order_and_upright(
    network: AgeNetwork, detector: Detector, portrait: Callable[[str], Pixels]
) -> None:
    picture = portrait("ardern-2018")
    (face,) = detector.detect(picture)
    points = face.landmarks
    both = network.years(picture, np.array([points, points * 1.1]))
    np.testing.assert_allclose(
        np.array(both, float),
        np.array(network.years(picture, points[None]) + network.years(picture, points[None] * 1.1), float),
        atol=0.01,
    )
    turned = np.ascontiguousarray(np.rot90(picture, -1))
    there = np.stack([picture.shape[0] - 1 - points[:, 1], points[:, 0]], axis=1)
    assert network.years(turned, there[None])[0] == pytest.approx(
        both[0], abs=5.0
    )  # other pixels, interpolated
    assert network.years(picture, np.zeros((0, 5, 2))) == []


def test_every_embedded_face_has_its_reading_and_no_other(
    analyser: Analyser,
    portrait: Callable[[str], Pixels],
    side_by_side: Callable[..., Pixels],
    jpeg: Callable[..., bytes],
) -> None:
    photo = jpeg(side_by_side([portrait("obama-2012"), portrait("ardern-2018")]))
    for wanted, read in (
        (EveryFace(), [True, True]),
        (OneFace(number=2), [False, True]),
        (OneFace(), [False, False]),
    ):
        faces = [found.face for found in analyser.analyse(photo, wanted).faces]
        assert [face.apparent_age_years is not None for face in faces] == read
        assert [face.age_network for face in faces] == ["dlib-age@v1" if one else "" for one in read]


def test_without_an_entry_nothing_is_read(
    models: Path, portrait: Callable[[str], Pixels], jpeg: Callable[..., bytes]
) -> None:
    manifest = models / "manifest.toml"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text[: text.index('[[weight]]\nid = "dlib-age"')], encoding="utf-8")
    assert load_age(load_manifest(models)) is None
    (found,) = Analyser(models).analyse(jpeg(portrait("ardern-2018")), EveryFace()).faces
    assert found.templates and found.face.apparent_age_years is None and found.face.age_network == ""


def test_an_entry_without_its_file_or_with_another_network_is_refused(models: Path) -> None:
    manifest = load_manifest(models)
    path = models / "weights" / manifest.weight("dlib-age").file
    path.unlink()
    with pytest.raises(WeightsMissing, match=r"age-v1\.onnx is not there"):
        require(models)
    with pytest.raises(WeightsMissing, match=r"age-v1\.onnx is not there"):
        Analyser(models)
    sface = manifest.weight("sface")
    text = (models / "manifest.toml").read_text(encoding="utf-8")
    head, own = text.split('id = "dlib-age"')
    age = manifest.weight("dlib-age")
    own = own.replace(age.sha256, sface.sha256).replace(str(age.size), str(sface.size))
    (models / "manifest.toml").write_text(head + 'id = "dlib-age"' + own, encoding="utf-8")
    shutil.copy(models / "weights" / sface.file, path)
    with pytest.raises(ConfigError, match="cannot be run as a network of kind age"):
        load_age(load_manifest(models))


def test_an_entry_needs_a_version(models: Path) -> None:
    text = (models / "manifest.toml").read_text(encoding="utf-8")
    (models / "manifest.toml").write_text(
        text.replace('kind = "age"\nversion = "v1"\n', 'kind = "age"\n'), encoding="utf-8"
    )
    with pytest.raises(ConfigError, match="weight dlib-age: version is None"):
        load_manifest(models)
