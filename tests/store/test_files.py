"""A file is whole or as it was, whatever happens while it is written."""

import errno
import os

import pytest

from agematch.errors import StoreError
from agematch.store.files import atomic_write
from tests.conftest import is_private


@pytest.mark.parametrize("failing", ["fsync", "replace"])
@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.ENOSPC, "Make room"), (errno.EROFS, "read-only"), (errno.EIO, "Check the disk")],
)
def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch, failing, number, remedy):
    path = tmp_path / "x"
    atomic_write(path, b"before")

    def fail(*_arguments):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, failing, fail)
        with pytest.raises(StoreError, match=rf"x cannot be written: {os.strerror(number)}\. .*{remedy}"):
            atomic_write(path, b"after")
    assert path.read_bytes() == b"before" and list(tmp_path.iterdir()) == [path]


def test_an_interrupt_leaves_no_half_file(tmp_path, monkeypatch):
    def interrupt(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        atomic_write(tmp_path / "x", b"after")
    assert list(tmp_path.iterdir()) == []


def test_only_the_owner_reads_the_file_and_enters_a_folder_made_for_it(tmp_path):
    path = tmp_path / "new" / "x"
    atomic_write(path, b"secret")
    assert is_private(path) and is_private(path.parent) and path.read_bytes() == b"secret"


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "f").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        atomic_write(tmp_path / "f" / "x", b"")
