"""Nothing of a child lies in the clear under the registry, whatever was done with it."""

import json

import numpy as np
import pytest

from agematch.records import Context
from agematch.registry import Registry
from agematch.store import faces
from tests.conftest import is_private

pytestmark = pytest.mark.usefixtures("weights")
NAME, PHONE, NOTE = "欧阳测试", "13800138000", "blue coat, last seen by the river"


def test_no_canary_in_the_clear(agematch, portraits, tmp_path):
    agematch("init")
    photo, probe = portraits / "obama-2005.jpg", portraits / "obama-2012.jpg"
    agematch("enrol", "--case", NAME, "--name", NAME, "--contact", PHONE, "--note", NOTE, photo)
    agematch("enrol", "--case", "bad", "--name", NAME, tmp_path / f"{NAME}.jpg", code=3)
    agematch("search", probe, "--save", "--sighting", NAME, "--held-at", PHONE, "--place", NOTE)
    agematch("edit", "set", NAME, "marks=" + NOTE, "--reason", NOTE)
    agematch("report", "--output", tmp_path / "report.html")
    registry = Registry.open(
        tmp_path / "registry", key_file=tmp_path / "registry.key", context=Context("test")
    )
    with registry, registry.store.view(registry.context) as tx:
        stored = faces.templates(tx, [1, 2])
    canaries = [
        text.encode(coding) for text in (NAME, PHONE, NOTE) for coding in ("utf-8", "utf-16-le", "gb18030")
    ]
    canaries.append(json.dumps(NAME).strip('"').encode())
    for data in (photo.read_bytes(), probe.read_bytes()):
        canaries.append(data[len(data) // 2 : len(data) // 2 + 64])
    for vector in (vector for templates in stored.values() for vector in templates.values()):
        canaries.append(np.asarray(vector, dtype="<f4")[:4].tobytes())
        canaries.append(np.asarray(vector, dtype="<f8")[:4].tobytes())
    files = [path for path in (tmp_path / "registry").rglob("*") if path.is_file()]
    assert len(files) > 5
    for path in files:
        raw = path.read_bytes()
        assert not [canary for canary in canaries if canary in raw], path
        assert NAME not in path.name
        assert is_private(path), path
