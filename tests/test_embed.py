"""An existing registry is brought up to other networks: stopped, killed and finished, it is as if enrolled with them."""

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from agematch.jobs import demo_photos
from agematch.jobs.embed import Needs, embed
from agematch.records import Context
from agematch.registry import Registry
from agematch.store import cases, faces, model_runs, photos
from agematch.store.lock import batch_lock
from agematch.store.runs import RunState
from tests.conftest import user_environment

KILLED_AFTER = 3
COPIES = 4


@pytest.fixture
def before(weights, tmp_path):
    """The environment of a user of earlier days: one embedder, and no network that reads ages."""
    folder = tmp_path / "models"
    shutil.copytree(weights, folder)
    manifest = folder / "manifest.toml"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text[: text.index('[[weight]]\nid = "dlib-age"')], encoding="utf-8")
    return {"AGEMATCH_MODELS": str(folder), "AGEMATCH_EMBEDDERS": "sface"}


@pytest.fixture
def party(tmp_path, portraits):
    """A photo with two faces side by side."""
    from PIL import Image

    pictures = [
        Image.open(portraits / f"{name}.jpg").convert("RGB") for name in ("obama-2012", "ardern-2018")
    ]
    pictures = [picture.resize((400, 400 * picture.height // picture.width)) for picture in pictures]
    both = Image.new("RGB", (900, max(picture.height for picture in pictures)), "grey")
    both.paste(pictures[0], (0, 0))
    both.paste(pictures[1], (500, 0))
    path = tmp_path / "party.jpg"
    both.save(path, quality=92)
    return path


@pytest.fixture
def fill(agematch, tmp_path, portraits, party):
    """Make a registry of many cases, one of them with a chosen face, and of a saved sighting with two faces."""
    table = tmp_path / "cases.csv"
    names = [photo.name for photo in demo_photos.REFERENCES] * COPIES
    rows = [f"{name}-{copy},{portraits / name}," for copy, name in enumerate(names)]
    table.write_text("\n".join(["case_id,photo,face", *rows, f"party,{party},2", ""]), encoding="utf-8")

    def run(**environment):
        agematch("init", **environment)
        agematch("enrol", table, **environment)
        agematch("search", party, "--save", **environment)

    return run


@pytest.fixture
def opened(tmp_path):
    def open_registry():
        registry = tmp_path / "registry"
        return Registry.open(registry, key_file=tmp_path / "registry.key", context=Context("tester"))

    return open_registry


def acts(tmp_path):
    """How many photos were written by `embed` so far, by the clear columns of the audit."""
    with closing(sqlite3.connect(tmp_path / "registry" / "registry.db")) as database:
        return database.execute("select count(*) from audit where verb = 'embed'").fetchone()[0]


def everything(registry):
    """What is known of each face and its templates, by its case (none: the sighting) and number."""
    with registry.store.view(registry.context) as tx:
        stored = [(photos.get(tx, uid), faces.of_photo(tx, uid)) for uid in photos.uids(tx)]
        vectors = faces.templates(tx, [face.id for _photo, found in stored for face in found])
        owners = cases.get_many(tx, {photo.owner_uid for photo, _found in stored})
    return {
        (owners[photo.owner_uid].case.case_id if photo.owner_uid in owners else "", face.face.number): (
            face.face,
            {model: vector.tobytes() for model, vector in vectors.get(face.id, {}).items()},
        )
        for photo, found in stored
        for face in found
    }


def lists_of(agematch):
    return [json.loads(line) for line in agematch("search", "--saved", "--format", "jsonl").out.splitlines()]


def test_killed_midway_and_run_again_it_equals_a_registry_made_afresh(
    agematch, before, fill, opened, tmp_path
):
    fill(**before)
    command = [sys.executable, "-m", "agematch", "--registry", str(tmp_path / "registry"), "embed"]
    run = subprocess.Popen(command, env=user_environment(tmp_path), stderr=subprocess.PIPE)
    while acts(tmp_path) < KILLED_AFTER and run.poll() is None:
        time.sleep(0.005)
    run.kill()
    run.communicate()
    total = len(demo_photos.REFERENCES) * COPIES + 2
    done = acts(tmp_path)
    assert KILLED_AFTER <= done < total
    again = agematch("embed")
    assert f"{total - done} photos were brought up to date." in again.err and acts(tmp_path) == total
    assert "Every photo is up to date." in agematch("embed").err
    found = lists_of(agematch)
    assert agematch("check").out == ""
    stats = json.loads(agematch("stats", "--format", "json").out)

    with opened() as registry:
        held = everything(registry)
    (tmp_path / "registry").rename(tmp_path / "brought-up")
    fill()
    with opened() as registry:
        assert everything(registry) == held and len(held) == total + 2
    assert lists_of(agematch) == found
    assert json.loads(agematch("stats", "--format", "json").out) | {"leads": 0} == stats | {"leads": 0}
    assert all(one["gallery_cases"] == total - 1 for one in found)


def test_faces_keep_their_ids_their_templates_and_the_choice_that_a_person_made(before, fill, opened):
    fill(**before)
    with opened() as registry:
        with registry.store.view(registry.context) as tx:
            uids = photos.uids(tx)
            then = faces.of_photos(tx, uids)
            ids = [face.id for found in then.values() for face in found]
            old = faces.templates(tx, ids)
        results = list(registry.embed())
        assert all(result.failure is None and result.faces for result in results) and len(results) == len(
            uids
        )
        with registry.store.view(registry.context) as tx:
            now = faces.of_photos(tx, uids)
            new = faces.templates(tx, ids)
    for uid in uids:
        assert [face.id for face in now[uid]] == [face.id for face in then[uid]]
        for face, known in zip(now[uid], then[uid], strict=True):
            assert face.face.box == known.face.box and bool(face.models) == bool(known.models)
            assert set(face.models) == ({"dlib@v1", *known.models} if known.models else set())
            assert (face.face.apparent_age_years is not None) == bool(known.models)
    assert any(
        not face.models for found in now.values() for face in found
    )  # the face at the party that is not meant
    for face_id, by_model in old.items():
        for model, vector in by_model.items():
            assert (new[face_id][model] == vector).all()


def test_stopped_it_says_so_and_goes_on(before, fill, opened):
    fill(**before)
    with opened() as registry:
        told = []
        run = registry.embed(listener=told.append)
        first = next(run)
        run.close()
        rest = list(registry.embed())
        with registry.store.view(registry.context) as tx:
            runs = model_runs.all(tx)
            total = len(photos.uids(tx))
    assert first.photo_uid not in {result.photo_uid for result in rest} and len(rest) < total
    assert sorted(run.state for run in runs) == sorted([RunState.STOPPED, RunState.DONE])
    assert told[0].total == total and told[0].done == 0


def test_what_cannot_be_opened_keeps_what_it_has_and_is_named(agematch, before, fill, opened, tmp_path):
    fill(**before)
    with opened() as registry, registry.store.view(registry.context) as tx:
        stored = photos.get(tx, photos.uids(tx)[0])
        ids = [face.id for face in faces.of_photo(tx, stored.uid)]
    (tmp_path / "registry" / "vault" / stored.vault_name[:2] / stored.vault_name).unlink()
    ran = agematch("embed", code=3)
    assert stored.photo.path in ran.err and "Restore it from a backup." in ran.err
    assert "1 photos could not be, and keep what they have" in ran.err
    with opened() as registry, registry.store.view(registry.context) as tx:
        assert [face.id for face in faces.of_photo(tx, stored.uid)] == ids
        assert faces.of_photo(tx, stored.uid)[0].models == ("sface@2021dec-int8bq",)
        others = faces.of_photos(tx, photos.uids(tx)[1:]).values()
        assert all(any("dlib@v1" in face.models for face in found) for found in others)


def test_what_a_network_cannot_describe_keeps_what_it_has_and_is_named(before, fill, opened):
    fill(**before)
    needs = Needs(("sface@2021dec-int8bq", "of-nobody@1"))
    with opened() as registry:
        results = list(embed(registry.store, registry.context, registry.analysers, needs, "a space"))
        with registry.store.view(registry.context) as tx:
            held = faces.of_photos(tx, photos.uids(tx))
    assert len(results) == len(held)
    for result in results:
        assert result.faces == 0 and "could not describe every face" in result.failure.detail
    assert {face.models for found in held.values() for face in found} == {("sface@2021dec-int8bq",), ()}


def test_another_run_is_waited_for(agematch, tmp_path):
    agematch("init")
    with batch_lock(tmp_path / "registry", "enrol"):
        assert "Another run works on" in agematch("embed", code=4).err


def test_enrolling_again_adds_what_is_lacking_and_keeps_the_faces(agematch, before, fill, opened, tmp_path):
    fill(**before)
    with opened() as registry, registry.store.view(registry.context) as tx:
        then = {
            uid: [face.id for face in found] for uid, found in faces.of_photos(tx, photos.uids(tx)).items()
        }
    assert (
        f"0 new, {len(demo_photos.REFERENCES) * COPIES + 1} changed"
        in agematch("enrol", tmp_path / "cases.csv").err
    )
    with opened() as registry, registry.store.view(registry.context) as tx:
        now = faces.of_photos(tx, photos.uids(tx))
        owners = [photos.get(tx, uid).owner_kind for uid in now]
    assert {uid: [face.id for face in found] for uid, found in now.items()} == then
    for found, kind in zip(now.values(), owners, strict=True):
        models = {model for face in found for model in face.models}
        assert ("dlib@v1" in models) == (kind == "case")
