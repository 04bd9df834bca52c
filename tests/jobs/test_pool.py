"""The pool keeps order, passes skips through, and a worker that dies costs no photograph but its own."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from agematch.jobs.pool import Analysers, Skip, Task
from agematch.records import FailureReason
from agematch.vision.analyse import EveryFace, OneFace
from agematch.vision.settings import VisionSettings
from tests.conftest import user_environment

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
        next(iter(analysers._executor._processes.values())).kill()
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


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes in /proc")
def test_workers_end_when_their_parent_is_killed(weights, portraits, tmp_path):
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from tests.jobs.test_pool import tasks\n"
        "from agematch.jobs.pool import Analysers\n"
        "from agematch.vision.settings import VisionSettings\n"
        "if __name__ == '__main__':\n"
        "    analysers = Analysers(Path(sys.argv[1]), VisionSettings(), 2)\n"
        "    next(analysers.run(tasks(Path(sys.argv[2]), 2)))\n"
        "    print(*analysers._executor._processes, flush=True)\n"
        "    time.sleep(600)\n"
    )
    script = tmp_path / "parent.py"
    script.write_text(code, encoding="utf-8")
    parent = subprocess.Popen(
        [sys.executable, str(script), str(weights), str(portraits)],
        stdout=subprocess.PIPE,
        text=True,
        env=user_environment(tmp_path),
    )
    workers = [int(word) for word in parent.stdout.readline().split()]
    assert len(workers) == 2
    parent.kill()
    parent.communicate(timeout=30)  # ends when nobody holds the pipe any more
    deadline = time.monotonic() + 30
    while any(map(is_alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(is_alive, workers))


def is_alive(process):
    """Whether a process runs; one that ended and that nobody has asked after yet does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
