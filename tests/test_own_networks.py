"""A network of one's own comes in by an entry in local.toml: no code, never compared with others, evidence of nothing."""

import hashlib
import json
import shutil

import numpy as np
import pytest

from agematch.jobs.pool import Analysers, Task
from agematch.vision.analyse import EveryFace
from agematch.vision.settings import VisionSettings
from agematch.vision.weights import find, load_manifest

ENTRY = """
[[weight]]
id = "{id}"
kind = "embedder"
file = "{file}"
sha256 = "{sha256}"
size = {size}
licence = "ours"

[weight.embedder]
kind = "{kind}"
version = "1"
dim = {dim}
"""


def field(number, value):
    """One field of a protocol buffer: a number, or bytes."""
    if isinstance(value, int):
        return bytes([number << 3]) + varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def tensor(name, *shape):
    dims = b"".join(field(1, field(1, size) if isinstance(size, int) else field(2, size)) for size in shape)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, dims)))


def mosaic_network():
    """A network in ONNX form, written by hand: the mean colours of an aligned face in a mosaic of 16 by 16."""
    kernel = field(1, "kernel_shape") + field(8, 7) * 2 + b"\xa0\x01\x07"
    strides = field(1, "strides") + field(8, 7) * 2 + b"\xa0\x01\x07"
    pool = (
        field(1, "face") + field(2, "pooled") + field(4, "AveragePool") + field(5, kernel) + field(5, strides)
    )
    flatten = field(1, "pooled") + field(2, "vector") + field(4, "Flatten")
    graph = field(1, pool) + field(1, flatten) + field(2, "mosaic")
    graph += field(11, tensor("face", "n", 3, 112, 112)) + field(12, tensor("vector", "n", 768))
    return field(1, 8) + field(8, field(1, "") + field(2, 13)) + field(7, graph)


@pytest.fixture
def own_models(weights, tmp_path):
    """A models folder with two networks of one's own: an ONNX file, and dlib's file under another name."""
    folder = tmp_path / "models"
    shutil.copytree(weights, folder)
    (folder / "weights" / "mosaic.onnx").write_bytes(mosaic_network())
    manifest = load_manifest(folder)
    shutil.copy(find(manifest, manifest.weight("dlib")), folder / "weights" / "own.dat")
    entries = []
    for file, own, kind, dim in (
        ("mosaic.onnx", "own-onnx", "aligned-112-onnx", 768),
        ("own.dat", "own-dlib", "dlib", 128),
    ):
        data = (folder / "weights" / file).read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        entries.append(ENTRY.format(id=own, file=file, sha256=digest, size=len(data), kind=kind, dim=dim))
    (folder / "local.toml").write_text("\n".join(entries), encoding="utf-8")
    return folder


def test_networks_of_ones_own_run_beside_the_others(own_models, portraits):
    settings = VisionSettings(embedders=("sface", "own-onnx", "dlib", "own-dlib"))
    with Analysers(own_models, settings, 1) as analysers:
        data = (portraits / "macron-2025.jpg").read_bytes()
        ((_token, found),) = analysers.run([Task("x", data, EveryFace())])
    by_id = {template.model.id: template for template in found.faces[0].templates}
    assert str(by_id["own-onnx"].model) == "own-onnx@1" and len(by_id) == 4
    assert by_id["own-onnx"].vector.shape == (768,)
    assert np.linalg.norm(by_id["own-onnx"].vector) == pytest.approx(1)
    assert (by_id["dlib"].vector == by_id["own-dlib"].vector).all()


def test_a_registry_moves_to_another_network_and_says_that_it_is_not_calibrated(
    agematch, own_models, portraits
):
    own = {"AGEMATCH_MODELS": str(own_models), "AGEMATCH_EMBEDDERS": "own-dlib"}
    agematch("init")
    agematch("enrol", portraits / "cases.csv")
    probe = portraits / "macron-2025.jpg"
    before = agematch("search", probe, "--format", "jsonl", **own)
    assert json.loads(before.out)["gallery_cases"] == 0  # templates of other networks are never compared
    again = agematch("enrol", portraits / "cases.csv", **own)
    assert "4 items: 0 new, 4 changed" in again.err
    found = json.loads(agematch("search", probe, "--format", "jsonl", **own).out)
    assert [c["case_id"] for c in found["candidates"]][0] == "macron" and found["gallery_cases"] == 4
    assert all(abs(c["log10_lr"]) < 1 for c in found["candidates"])
    assert "calibrated" in agematch("search", probe, **own).out


def test_other_bytes_are_refused(agematch, own_models, portraits):
    path = own_models / "weights" / "mosaic.onnx"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    agematch("init")
    own = {"AGEMATCH_MODELS": str(own_models), "AGEMATCH_EMBEDDERS": "own-onnx"}
    ran = agematch("enrol", portraits / "cases.csv", code=1, **own)
    assert "is not the weight file that the manifest names" in ran.err and "agematch models fetch" in ran.err
    assert "damaged" in agematch("models", "list", code=3, **own).out
