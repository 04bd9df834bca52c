"""Data sets are read as data/README.md lays them out, and every fault is named with its place."""

import hashlib
import math
import re

import pytest

from agematch.errors import NotFound, UsageError
from agematch.evaluation.datasets import read_dataset, read_distractors, sha256_of
from agematch.records import Sex

LABELS = "file,subject,age\na/1.jpg,x,3\n2.jpg,x,11.5\n3.jpg,y,\n"


@pytest.fixture
def folder(tmp_path):
    """Make a folder with a table and empty photos."""

    def make(table, name="labels.csv", photos=("a/1.jpg", "2.jpg", "3.jpg")):
        (tmp_path / name).write_text(table, encoding="utf-8")
        for photo in photos:
            (tmp_path / photo).parent.mkdir(exist_ok=True)
            (tmp_path / photo).write_bytes(photo.encode())
        return tmp_path

    return make


def test_labels_with_and_without_sex(folder):
    found = read_dataset(folder("\ufeff" + LABELS))
    assert [(p.file, p.person, p.sex) for p in found.photos] == [
        ("a/1.jpg", "x", Sex.UNKNOWN),
        ("2.jpg", "x", Sex.UNKNOWN),
        ("3.jpg", "y", Sex.UNKNOWN),
    ]
    assert [p.age for p in found.photos[:2]] == [3, 11.5] and math.isnan(found.photos[2].age)
    assert found.has_ages and not found.pairs
    with_sex = read_dataset(folder("sex,file,subject,age,note\nf,a/1.jpg,x,3,hm\nMale,2.jpg,y,4,\n"))
    assert [p.sex for p in with_sex.photos] == [Sex.FEMALE, Sex.MALE]


def test_every_photo_is_hashed(folder):
    digests = sha256_of(read_dataset(folder(LABELS)))
    assert set(digests) == {"a/1.jpg", "2.jpg", "3.jpg"}
    assert digests["2.jpg"] == hashlib.sha256(b"2.jpg").hexdigest()


PAIRS = "pair,fold,same_person\n0000,0,1\n0001,1,0\n"
PAIR_PHOTOS = ("0000_0.jpg", "0000_1.jpg", "0001_0.jpg", "0001_1.jpg")


def test_pairs_name_their_photos_by_number(folder):
    found = read_dataset(folder(PAIRS, "pairs.csv", PAIR_PHOTOS))
    assert [photo.file for photo in found.photos] == list(PAIR_PHOTOS)
    people = [photo.person for photo in found.photos]
    assert people[0] == people[1] and len(set(people)) == 3
    rows = found.pair_rows()
    assert rows.same.tolist() == [True, False] and rows.fold == ("0", "1")
    assert [photo.stranger for photo in found.photos] == ["fold 0"] * 2 + ["fold 1"] * 2


def test_pairs_may_name_photos_of_their_own_and_ages(folder):
    table = "pair,fold,same_person,first,second,first_age,second_age\n1,0,1,a.jpg,b.jpg,4,30\n2,1,0,a.jpg,c.jpg,4,\n"
    found = read_dataset(folder(table, "pairs.csv", ("a.jpg", "b.jpg", "c.jpg")))
    assert [photo.file for photo in found.photos] == ["a.jpg", "b.jpg", "c.jpg"]
    assert found.pair_rows().first.tolist() == [0, 0] and found.pair_rows().second.tolist() == [1, 2]
    assert found.photos[1].age == 30


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("file,subject\n", "line 1: no column age"),
        ("file,subject,age\n", "labels.csv has no rows"),
        ("file,subject,age\n2.jpg,x,old\n", "line 2: 'old' is no age"),
        ("file,subject,age\n2.jpg,x,-1\n", "line 2: '-1' is no age"),
        ("file,subject,age\n2.jpg,,3\n", "line 2: there is no subject"),
        ("file,subject,age\n2.jpg,x,3\n2.jpg,y,4\n", "line 3: 2.jpg is named in line 2 already"),
        ("file,subject,age\n../2.jpg,x,3\n", "line 2: '../2.jpg' is no path within the folder"),
        ("file,subject,age,sex\n2.jpg,x,3,yes\n", "line 2: 'yes' is no sex. It is one of: unknown, female"),
        ("file,subject,age\n9.jpg,x,3\n", "names 1 photos that are not there; the first is 9.jpg"),
    ],
)
def test_faults_of_labels_are_named_with_their_line(folder, table, said):
    with pytest.raises(UsageError, match=re.escape(said)):
        read_dataset(folder(table))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("pair,fold\n", "line 1: no column same_person"),
        ("pair,fold,same_person\n0000,0,maybe\n", "line 2: 'maybe' is no same_person. It is one of: 1, 0"),
        ("pair,fold,same_person\n0000,,1\n", "line 2: there is no fold"),
        ("pair,fold,same_person\n0000,0,1\n", "has a single fold"),
        (PAIRS + "0009,1,0\n", "names 2 photos that are not there; the first is 0009_0.jpg"),
    ],
)
def test_faults_of_pairs_are_named_with_their_line(folder, table, said):
    with pytest.raises(UsageError, match=re.escape(said)):
        read_dataset(folder(table, "pairs.csv", PAIR_PHOTOS))


def test_what_is_no_data_set_is_said(folder, tmp_path):
    with pytest.raises(NotFound, match="There is no folder"):
        read_dataset(tmp_path / "nowhere")
    with pytest.raises(NotFound, match="neither labels.csv nor pairs.csv"):
        read_dataset(tmp_path)
    folder(LABELS)
    with pytest.raises(UsageError, match="both labels.csv and pairs.csv"):
        read_dataset(folder(PAIRS, "pairs.csv", PAIR_PHOTOS))
    (tmp_path / "pairs.csv").unlink()
    (tmp_path / "labels.csv").write_bytes("file,subject,age\n2.jpg,名字,3\n".encode("gb18030"))
    with pytest.raises(UsageError, match="is not UTF-8"):
        read_dataset(tmp_path)


def test_distractors_are_the_first_photos_by_name(folder):
    found = read_distractors(folder("x", "note.txt", ("b.jpg", "a.jpg", "c.png")), 2)
    assert [(p.file, p.person) for p in found.photos] == [("a.jpg", "a"), ("b.jpg", "b")]
    with pytest.raises(UsageError, match="holds 3 photos to enrol as distractors, not 4"):
        read_distractors(found.folder, 4)
    of_pairs = read_distractors(folder(PAIRS, "pairs.csv", PAIR_PHOTOS), 2)
    assert [p.file for p in of_pairs.photos] == ["0000_0.jpg", "0001_0.jpg"]
