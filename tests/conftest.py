"""What many tests need: the evaluation data and the weights, or a reason why they are not there."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

from agematch.errors import NetworkUnavailable
from agematch.jobs import demo_photos
from agematch.vision import weights as weight_files

ROOT = Path(__file__).resolve().parents[1]


def is_private(path: Path) -> bool:
    """Whether only its owner may read a file; Windows says so in access lists, which nothing here sets."""
    return os.name != "posix" or path.stat().st_mode & 0o077 == 0


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with evaluation data beside the checkout, which only developers and CI have."""
    folder = ROOT.parent / "shared"
    if not (folder / "eval").is_dir():
        pytest.skip("no evaluation data beside the checkout (../shared)")
    return folder


@pytest.fixture(scope="session")
def weights() -> Path:
    """The models folder with the default weights, each verified."""
    folder = weight_files.models_dir()
    missing = [
        status.weight.file
        for status in weight_files.status(weight_files.load_manifest(folder))
        if status.state is not weight_files.WeightState.READY
    ]
    if missing:
        pytest.skip(f"weights are missing ({', '.join(missing)}); run: agematch models fetch")
    return folder


@pytest.fixture(scope="session")
def portraits() -> Path:
    """The demo's photographs of adult public figures with their tables, fetched once."""
    folder = ROOT / "build" / "test-photos"
    folder.parent.mkdir(exist_ok=True)
    with FileLock(folder.parent / "test-photos.lock"):  # several test processes
        try:
            demo_photos.fetch(folder, lambda text: None)
        except NetworkUnavailable as err:
            pytest.skip(f"the demo photographs cannot be had: {err}")
    return folder


@dataclass(frozen=True)
class Ran:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def agematch(tmp_path: Path) -> Callable[..., Ran]:
    """Run the command line as a user does, in a process of its own, on a registry of this test."""

    def run(*arguments: object, code: int | None = 0, **environment: str) -> Ran:
        command = [sys.executable, "-m", "agematch", "--registry", str(tmp_path / "registry")]
        done = subprocess.run(
            [*command, *map(str, arguments)],
            capture_output=True,
            text=True,
            encoding="utf-8",
            stdin=subprocess.DEVNULL,
            env=user_environment(tmp_path) | environment,
            check=False,
        )
        ran = Ran(done.returncode, done.stdout, done.stderr)
        assert code is None or ran.code == code, ran
        return ran

    return run


def user_environment(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a user who keeps the key beside the test's registry."""
    return dict(os.environ) | {
        "AGEMATCH_KEY_FILE": str(tmp_path / "registry.key"),
        "AGEMATCH_ACTOR": "tester",
        "PYTHONPATH": str(ROOT),
        "PYTHONUTF8": "1",
    }
