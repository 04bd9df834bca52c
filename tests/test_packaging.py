"""The locks, the metadata and the built wheel agree with one another, and nothing is shipped that must not be."""

import configparser
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("requirements.txt", "requirements-dev.txt")
INDEX_HOSTS = ("pypi" + ".org", "python" + "hosted.org", "tuna" + ".tsinghua", "mirrors" + ".aliyun")
PICTURES_AND_WEIGHTS = re.compile(
    rb"\A(\xff\xd8\xff|\x89PNG|RIFF....WEBP|\x08[\x00-\x0f]\x12.pytorch)", re.DOTALL
)
NEVER_TRACKED = (
    ".jpg",
    ".jpeg",
    ".png",
    ".heic",
    ".webp",
    ".tif",
    ".tiff",
    ".onnx",
    ".dat",
    ".npy",
    ".sqlite",
)


def setup_cfg() -> configparser.ConfigParser:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config


def wanted(section: str, option: str) -> list[Requirement]:
    return [Requirement(line) for line in setup_cfg()[section][option].split("\n") if line]


def locked(name: str) -> dict[str, list[Requirement]]:
    """Return the pins of each package; one package has several where systems or Pythons differ."""
    found: dict[str, list[Requirement]] = {}
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith((" ", "#")):
            pin = Requirement(line.removesuffix(" \\"))
            found.setdefault(canonicalize_name(pin.name), []).append(pin)
    return found


def version(pin: Requirement) -> str:
    (only,) = pin.specifier
    assert only.operator == "=="
    return only.version


def tracked_files() -> list[Path]:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]


# ---------------------------------------------------------------- locks


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_answers_to_the_ranges_of_the_metadata(lock):
    needed = wanted("options", "install_requires") + wanted("options.extras_require", "evaluation")
    if lock == "requirements-dev.txt":
        needed += wanted("options.extras_require", "dev")
    pins = locked(lock)
    for requirement in needed:
        for pin in pins.get(canonicalize_name(requirement.name), []):
            assert requirement.specifier.contains(version(pin)), f"run scripts/lock.py: {requirement}"
        assert canonicalize_name(requirement.name) in pins, f"run scripts/lock.py: {requirement}"


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_hashes_and_nothing_is_compiled(lock):
    text = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines and all(re.search(r"--hash=sha256:[0-9a-f]{64}\b", line) for line in lines)
    assert "dlib" not in locked(lock) and "dlib-bin" in locked(lock)


def test_developers_run_what_users_run():
    users, developers = locked("requirements.txt"), locked("requirements-dev.txt")
    assert {name: sorted(map(str, developers.get(name, []))) for name in users} == {
        name: sorted(map(str, pins)) for name, pins in users.items()
    }


def test_every_library_that_is_asked_for_is_explained():
    page = (ROOT / "docs" / "installing.md").read_text(encoding="utf-8")
    extras = wanted("options.extras_require", "dev") + wanted("options.extras_require", "evaluation")
    for requirement in wanted("options", "install_requires") + extras:
        assert f"`{requirement.name}`" in page, f"docs/installing.md says nothing of {requirement.name}"


# ---------------------------------------------------------------- what is in the repository and in the wheel


def test_no_address_of_a_package_index_stands_in_any_file():
    for path in tracked_files():
        data = path.read_bytes()
        for host in INDEX_HOSTS:
            assert host.encode() not in data, f"{path} names {host}"


def test_no_photograph_and_no_weights_are_in_the_repository():
    for path in tracked_files():
        assert path.suffix.lower() not in NEVER_TRACKED, path
        with path.open("rb") as file:
            assert not PICTURES_AND_WEIGHTS.match(file.read(16)), path


def test_the_wheel_carries_what_the_program_reads(tmp_path):
    """Built from a copy, so that nothing is left in the checkout; offline, with the setuptools that is installed."""
    source = tmp_path / "source"
    source.mkdir()
    for name in ("setup.cfg", "pyproject.toml", "LICENSE", "README.md"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, source)
    for name in ("agematch", "models"):
        ignored = shutil.ignore_patterns("__pycache__", "weights", "*.onnx")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet", "."]
    done = subprocess.run([*command, "-w", str(tmp_path)], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    package = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "agematch").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert package - inside == set()
    shared = {name.split(".data/data/")[1] for name in inside if ".data/data/" in name}
    assert {"share/agematch/models/manifest.toml", "share/agematch/models/score.json"} <= shared


# ---------------------------------------------------------------- the two commands


def test_make_only_calls_the_portable_script():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("demo", "test", "check"):
        assert f"{target}: ## " in text and f"$(PYTHON) scripts/setup.py {target}" in text


def test_ci_runs_the_readmes_test_command():
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert "\nmake test\n" in script.read_text(encoding="utf-8")
    assert "make test" in (ROOT / "README.md").read_text(encoding="utf-8")
