"""The manifest and the weight files: faults are listed, other bytes are refused, a user's own entries join in."""

import hashlib
import shutil
from pathlib import Path

import pytest

from agematch.errors import ConfigError, NotFound, WeightsMissing
from agematch.vision.manifest import Address, ArchiveMember, Manifest, PackageFile, load_manifest
from agematch.vision.weights import WeightState, find, models_dir, require, status

SHIPPED = Path(__file__).resolve().parents[2] / "models"


def entry(weight_id: str, data: bytes, *, kind: str = "detector", extra: str = "") -> str:
    return f"""
[[weight]]
id = "{weight_id}"
kind = "{kind}"
file = "{weight_id}.bin"
sha256 = "{hashlib.sha256(data).hexdigest()}"
size = {len(data)}
licence = "ours"
{extra}
"""


def folder_with(tmp_path: Path, text: str, local: str = "") -> Path:
    (tmp_path / "weights").mkdir()
    (tmp_path / "manifest.toml").write_text(text, encoding="utf-8")
    if local:
        (tmp_path / "local.toml").write_text(local, encoding="utf-8")
    return tmp_path


def test_the_shipped_manifest_names_what_the_issue_asks_for() -> None:
    manifest = load_manifest(SHIPPED)
    assert list(manifest.weights) == ["yunet", "sface", "dlib", "dlib-landmarks-5", "dlib-age"]
    assert [weight.id for weight in manifest.embedders()] == ["sface", "dlib"]
    assert manifest.age() is manifest.weight("dlib-age") and manifest.weight("dlib-age").version == "v1"
    yunet, dlib = manifest.weight("yunet"), manifest.weight("dlib")
    assert yunet.sha256 == "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10"
    assert [type(source) for source in yunet.sources] == [ArchiveMember, Address]
    assert [type(source) for source in dlib.sources] == [PackageFile]
    assert all(weight.licence and weight.upstream and weight.use for weight in manifest.weights.values())


def test_a_file_is_found_only_with_the_bytes_that_the_manifest_names(tmp_path: Path) -> None:
    manifest = load_manifest(folder_with(tmp_path, entry("net", b"right bytes")))
    path = tmp_path / "weights" / "net.bin"
    with pytest.raises(WeightsMissing, match="The weight file net.bin is not there.*agematch models fetch"):
        find(manifest, manifest.weight("net"))
    path.write_bytes(b"right bytes")
    assert find(manifest, manifest.weight("net")) == path
    for other in (b"wrong bytes", b"right byte", b""):
        path.write_bytes(other)
        with pytest.raises(WeightsMissing, match="is not the weight file that the manifest names"):
            find(manifest, manifest.weight("net"))
        assert [one.state for one in status(manifest)] == [WeightState.DAMAGED]


def test_entries_of_ones_own_join_the_shipped_ones_or_take_their_place(tmp_path: Path) -> None:
    manifest = load_manifest(
        folder_with(tmp_path, entry("a", b"1") + entry("b", b"2"), entry("b", b"3") + entry("c", b"4"))
    )
    assert list(manifest.weights) == ["a", "b", "c"]
    assert manifest.weight("b").sha256 == hashlib.sha256(b"3").hexdigest()


EMBEDDER = '\n[weight.embedder]\nkind = "dlib"\nversion = "1"\ndim = 128\ndefault = {default}\n'


def test_embedders_come_in_the_manifests_order_and_by_default_only_those_marked_so(tmp_path: Path) -> None:
    text = "".join(
        entry(name, b"", kind="embedder", extra=EMBEDDER.format(default=default))
        for name, default in (("one", "true"), ("two", "false"), ("three", "true"))
    )
    manifest = load_manifest(folder_with(tmp_path, text + entry("net", b"")))
    assert [weight.id for weight in manifest.embedders()] == ["one", "three"]
    assert [weight.id for weight in manifest.embedders(("three", "two"))] == ["two", "three"]
    with pytest.raises(NotFound, match="No weight file has the id 'four'.*Known ids: one, two, three, net"):
        manifest.embedders(("four",))
    with pytest.raises(NotFound, match="'net' is a weight file, but not an embedder"):
        manifest.embedders(("net",))


@pytest.mark.parametrize(
    ("wrong", "right", "said"),
    [
        (
            'kind = "gizmo"',
            'kind = "detector"',
            "kind is 'gizmo', allowed are detector, embedder, landmarks, age",
        ),
        ('file = "../../etc/passwd"', 'file = "net.bin"', "file is '../../etc/passwd'"),
        ('file = "/net.bin"', 'file = "net.bin"', "file is '/net.bin'"),
        ('sha256 = "F00"', None, "sha256 is 'F00'"),
        ('size = "big"', "size = 0", "size is 'big'"),
        ("", 'licence = "ours"', "licence is None"),
    ],
)
def test_a_fault_of_the_manifest_is_named(tmp_path: Path, wrong: str, right: str | None, said: str) -> None:
    text = entry("net", b"")
    right = right or next(line for line in text.splitlines() if line.startswith("sha256"))
    with pytest.raises(ConfigError) as raised:
        load_manifest(folder_with(tmp_path, text.replace(right, wrong)))
    assert f"weight net: {said}" in str(raised.value)


def test_all_faults_are_listed_at_once(tmp_path: Path) -> None:
    text = entry("one", b"").replace("size = 0", "") + entry("two", b"").replace('licence = "ours"', "")
    with pytest.raises(ConfigError, match="weight one: size is None; weight two: licence is None"):
        load_manifest(folder_with(tmp_path, text))


@pytest.mark.parametrize(
    "url", ["http://example.org/net.bin", "file:///net.bin", "ftp://example.org/net.bin"]
)
def test_only_addresses_that_cannot_be_tampered_with_on_the_way_are_taken(tmp_path: Path, url: str) -> None:
    source = f'\n[[weight.source]]\nkind = "url"\nurl = "{url}"\n'
    with pytest.raises(ConfigError, match="url is"):
        load_manifest(folder_with(tmp_path, entry("net", b"", extra=source)))


@pytest.mark.parametrize("text", ["[[weight", "\udcff"])
def test_a_manifest_that_is_no_toml_is_refused_with_its_path(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError, match="manifest.toml cannot be read"):
        load_manifest(tmp_path)


def test_a_folder_without_manifest_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="There is no manifest.toml.*Set AGEMATCH_MODELS"):
        load_manifest(tmp_path)


def test_the_models_folder_is_the_argument_else_the_variable_else_the_checkouts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGEMATCH_MODELS", str(tmp_path))
    assert models_dir(tmp_path / "other") == tmp_path / "other"
    assert models_dir() == tmp_path
    monkeypatch.delenv("AGEMATCH_MODELS")
    assert models_dir() == SHIPPED


def test_what_an_analysis_needs_is_known_before_it_starts(weights: Path, tmp_path: Path) -> None:
    shutil.copytree(weights, tmp_path / "models")
    require(tmp_path / "models")
    (tmp_path / "models" / "weights" / load_manifest(weights).weight("sface").file).unlink()
    require(tmp_path / "models", ("dlib",))
    with pytest.raises(WeightsMissing, match="sface"):
        require(tmp_path / "models")


def test_an_empty_manifest_is_no_reason_to_crash(tmp_path: Path) -> None:
    manifest = load_manifest(folder_with(tmp_path, ""))
    assert isinstance(manifest, Manifest)
    assert status(manifest) == []
