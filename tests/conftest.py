"""What many tests need: the evaluation data and the weights, or a reason why they are not there."""

from pathlib import Path

import pytest

from agematch.vision import weights as weight_files

ROOT = Path(__file__).resolve().parents[1]


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
