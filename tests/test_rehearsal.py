"""Every command of docs/nightly.md, run in a fresh folder as an operator would, and each of its failures recovered from."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "nightly.md"

pytestmark = [
    pytest.mark.usefixtures("weights"),
    pytest.mark.skipif(
        os.name != "posix" or sys.platform == "darwin", reason="the page is for Linux servers"
    ),
]


def rehearse(script: Path, photos: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(script), "--photos", str(photos)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_night_goes_as_its_page_says(portraits: Path, tmp_path: Path) -> None:
    done = rehearse(ROOT / "scripts" / "rehearse_night.py", portraits, tmp_path)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    for title in re.findall(r"^## (.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE):
        assert f"\n{title}\n" in "\n" + done.stdout, f"{title} was not rehearsed"
    assert "run    agematch check --repair --yes  [0]" in done.stdout
    assert "played systemctl enable --now agematch-nightly.timer  [0]" in done.stdout
    assert list(tmp_path.iterdir()) == [], "something is left behind"


def test_a_page_that_says_otherwise_is_found(portraits: Path, tmp_path: Path) -> None:
    """A command of the page that fails ends the rehearsal with its name."""
    checkout = tmp_path / "checkout"
    (checkout / "docs").mkdir(parents=True)
    shutil.copytree(ROOT / "scripts", checkout / "scripts")
    for name in ("agematch", "models"):
        (checkout / name).symlink_to(ROOT / name)
    text = PAGE.read_text(encoding="utf-8").replace("agematch enrol cases.csv", "agematch enrol cases.txt")
    (checkout / "docs" / "nightly.md").write_text(text, encoding="utf-8")
    done = rehearse(checkout / "scripts" / "rehearse_night.py", portraits, tmp_path)
    assert done.returncode == 1
    assert "not as docs/nightly.md says: agematch enrol cases.txt" in done.stderr
