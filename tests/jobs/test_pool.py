"""The pool keeps order, passes skips through, and a worker that dies costs no photograph but its own."""

import os
import signal

import pytest

from agematch.jobs.pool import Analysers, Skip, Task
from agematch.records import FailureReason
from agematch.vision.analyse import EveryFace, OneFace
from agematch.vision.settings import VisionSettings

PHOTOS = ("macron-2014.jpg", "ardern-2018.jpg", "obama-2005.jpg", "sunak-2017.jpg")


def tasks(portraits, copies):
    for copy in range(copies):
        for name in PHOTOS:
            yield Task((name, copy), (portraits / name).read_bytes(), EveryFace())


def same(left, right):
    return [f.face for f in left.faces] == [f.face for f in right.faces] and all(
        (a.vector == b.vector).all()
        for x, y in zip(left.faces, right.faces, strict=True)
        for a, b in zip(x.templates, y.templates, strict=True)
    )


def test_order_skips_and_equality_with_one_process(weights, portraits):
    work = [Skip("first"), *tasks(portraits, 1), Skip("last")]
    with Analysers(weights, VisionSettings(), 2) as analysers:
        many = list(analysers.run(work))
        assert [token for token, _analysis in many] == ["first", *((name, 0) for name in PHOTOS), "last"]
        assert many[0][1] is None and many[-1][1] is None
    with Analysers(weights, VisionSettings(), 1) as analysers:
        here = list(analysers.run(work[1:3]))  # so few run in this process
        assert analysers._executor is None
    for (_token, alone), (_same, pooled) in zip(here, many[1:3], strict=True):
        assert same(alone, pooled)


def test_a_worker_that_is_killed_costs_nothing(weights, portraits):
    with Analysers(weights, VisionSettings(), 2) as analysers:
        answers = analysers.run(tasks(portraits, 3))
        got = [next(answers)]
        os.kill(next(iter(analysers._executor._processes)), signal.SIGKILL)
        got += answers
    assert [token for token, _analysis in got] == [(name, copy) for copy in range(3) for name in PHOTOS]
    assert all(analysis.failure is None and len(analysis.faces) == 1 for _token, analysis in got)


def test_only_what_is_asked_for_is_embedded(weights, portraits):
    data = (portraits / "obama-2005.jpg").read_bytes()
    with Analysers(weights, VisionSettings(), 1) as analysers:
        (_token, found), (_other, refused) = analysers.run(
            [Task("a", data, OneFace()), Task("b", data, OneFace(number=7))]
        )
    assert [str(t.model).split("@")[0] for t in found.faces[0].templates] == ["sface", "dlib"]
    assert refused.failure.reason is FailureReason.NO_SUCH_FACE
    assert not any(face.templates for face in refused.faces)


@pytest.mark.parametrize("processes", [1, 2])
def test_few_photos_start_no_process(weights, portraits, processes):
    with Analysers(weights, VisionSettings(), processes) as analysers:
        assert len(list(analysers.run(list(tasks(portraits, 1))[:2]))) == 2
        assert analysers._executor is None
