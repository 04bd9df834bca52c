"""A night that is killed anywhere loses nothing and doubles nothing: the next one ends as an undisturbed one does."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agematch.records import Context
from tests.night.conftest import NOW, Night, Prepared
from tests.night.knife import Knife
from tests.night.state import everything

pytestmark = [pytest.mark.usefixtures("weights"), pytest.mark.skipif(os.name != "posix", reason="needs fork")]
PARTS = 4
TIMED_KILLS = int(os.environ.get("AGEMATCH_KILLS", "12"))
"""Before a release: AGEMATCH_KILLS=200 pytest tests/night."""


def run(night: Night, folder: Path, knife: Knife | None = None) -> None:
    """Do one night and write which places it passed."""
    if knife:
        knife.install()
    with night.open() as registry:
        figures = registry.nightly(night.inbox)
        assert figures.went_through and figures.states_add_up, figures
    if knife:
        (folder / "places.json").write_text(json.dumps([knife.places, knife.seconds]))


def export(night: Night, folder: Path) -> None:
    context = Context("test", clock=lambda: NOW)
    with night.open() as registry:
        registry.check(repair=True)
        (folder / "state.json").write_text(json.dumps(everything(registry.store, context, night.inbox)))


def state_after(night: Night, folder: Path) -> dict[str, Any]:
    """Finish what a killed run left, and return all that there is then."""
    assert night.in_another_process(partial(run, night, folder)) == 0
    assert night.in_another_process(partial(export, night, folder)) == 0
    return json.loads((folder / "state.json").read_text())


@dataclass(frozen=True)
class Undisturbed:
    """The places that it passes, when it passes the first and the last, in seconds, and the state in which it ends."""

    places: list[str]
    between: tuple[float, float]
    state: dict[str, Any]


@pytest.fixture(scope="session")
def undisturbed(
    prepared: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[str], dict[str, Any]]:
    """The places that an undisturbed night passes, and its end."""
    folder = tmp_path_factory.mktemp("undisturbed")
    night = prepared.copy(folder)
    assert night.in_another_process(partial(run, night, folder, Knife())) == 0
    places, seconds = json.loads((folder / "places.json").read_text())
    return Undisturbed(places, (seconds[0], seconds[-1]), state_after(night, folder))


def test_the_undisturbed_night_is_what_is_compared_with(undisturbed):
    assert undisturbed.state["faults"] == []
    states = {"enrolled": 2, "searched": 3, "duplicate": 2, "no_face": 1, "bad_file": 1}
    assert undisturbed.state["states"] == states
    acts = {name.removeprefix("before ") for name in undisturbed.places if name.startswith("before night")}
    assert acts == {
        f"night.{act}" for act in ("start", "take", "link", "settle", "search", "withdraw", "mark", "end")
    }


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_every_place(prepared, undisturbed, tmp_path, part):
    for at in range(part, len(undisturbed.places), PARTS):
        folder, place = tmp_path / str(at), (at, undisturbed.places[at])
        night = prepared.copy(folder)
        assert night.in_another_process(partial(run, night, folder, Knife(at))) == -signal.SIGKILL, place
        assert state_after(night, folder) == undisturbed.state, place


def test_killed_at_any_time(prepared, undisturbed, tmp_path):
    """At times that are uniform between the first write and the last commit."""
    generator = random.Random(11)
    for number in range(TIMED_KILLS):
        folder = tmp_path / str(number)
        night = prepared.copy(folder)
        child = os.fork()
        if child == 0:
            run(night, folder)
            os._exit(0)
        time.sleep(generator.uniform(*undisturbed.between))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert state_after(night, folder) == undisturbed.state, number
