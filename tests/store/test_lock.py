"""One batch job at a time, named, and never a lock that outlives its process."""

import multiprocessing
import os
import signal

import pytest

from agematch.errors import LockHeld
from agematch.store.lock import LOCK, OWNER, batch_lock

SPAWN = multiprocessing.get_context("spawn")


def _hold(folder, ready):
    with batch_lock(folder, "nightly --inbox x"):
        ready.set()
        signal.pause()


def test_the_holder_is_named(tmp_path):
    with (
        batch_lock(tmp_path, "enrol"),
        pytest.raises(LockHeld, match=f"enrol, process {os.getpid()} on .*, since 20.*Wait until") as caught,
        batch_lock(tmp_path, "other"),
    ):
        pass
    assert caught.value.exit_code == 4
    assert not (tmp_path / OWNER).exists()
    with batch_lock(tmp_path, "again"):
        pass


@pytest.mark.skipif(os.name != "posix", reason="no SIGKILL")
def test_a_killed_holder_holds_no_longer(tmp_path):
    ready = SPAWN.Event()
    holder = SPAWN.Process(target=_hold, args=(tmp_path, ready))
    holder.start()
    assert ready.wait(30)
    with pytest.raises(LockHeld, match=f"nightly --inbox x, process {holder.pid}"), batch_lock(tmp_path, "x"):
        pass
    holder.kill()
    holder.join()
    assert (tmp_path / OWNER).exists()
    with batch_lock(tmp_path, "next"):
        assert b"next" in (tmp_path / OWNER).read_bytes()


@pytest.mark.parametrize("said", [b"", b"[]", b"{}", b"\xff", None])
def test_a_holder_that_has_not_said_who_it_is(tmp_path, said):
    with batch_lock(tmp_path, "enrol"):
        (tmp_path / OWNER).unlink()
        if said is not None:
            (tmp_path / OWNER).write_bytes(said)
        with pytest.raises(LockHeld, match="it has not said who it is yet"), batch_lock(tmp_path, "x"):
            pass


def test_the_lock_is_a_file_that_stays(tmp_path):
    with batch_lock(tmp_path, "enrol"):
        pass
    assert {path.name for path in tmp_path.iterdir()} <= {LOCK}
