"""`agematch review` from the terminal: list, show, decide, and links, in words and as JSON lines."""

import json

import pytest

from agematch.cli import main
from agematch.store import relations
from agematch.store.relations import RelationKind
from tests.jobs.test_review import add, known, put, registry  # noqa: F401  (fixtures)


@pytest.fixture
def run(registry, known, tmp_path, capsys):  # noqa: F811
    def runs(*arguments):
        capsys.readouterr()
        before = ["--registry", str(registry.path), "--key-file", str(tmp_path / "key"), "--actor", "li"]
        code = main([*before, "review", *map(str, arguments)])
        said = capsys.readouterr()
        return code, said.out, " ".join(said.err.split())

    return runs


def lines(out):
    return [json.loads(line) for line in out.splitlines()]


def test_the_queue_as_a_table_and_as_lines(run):
    code, out, err = run("list")
    assert code == 0 and "G-1" in out and "By chance" in out and "No result is an identification" in out
    assert "agematch review show" in err
    code, out, _err = run("list", "--format", "jsonl")
    rows = lines(out)
    assert code == 0 and [row["log10_lr"] for row in rows] == [3.0, 2.5, 1.5, 0.5]
    assert {row["schema"] for row in rows} == {"agematch.leads/1"} and rows[0]["reopening"] is None
    _code, out, _err = run("list", "--band", "weak", "--sighting", "S-2", "--format", "jsonl")
    assert [row["sighting_id"] for row in lines(out)] == ["S-2"]
    _code, out, _err = run("list", "--limit", "1")
    assert "1 of 4 leads" in out and "S-2" not in out
    assert len(lines(run("list", "--limit", "3", "--format", "jsonl")[1])) == 3
    assert run("list", "--band", "strong")[0] == 2
    code, _out, err = run("list", "--sighting", "S-9")
    assert code == 2 and "No sighting S-9 is saved" in err


def test_a_pair_is_looked_at_decided_and_corrected(run, tmp_path):
    lead = lines(run("list", "--format", "jsonl")[1])[0]["lead"]
    code, out, err = run("show", lead[:8], "--html", tmp_path / "pair.html")
    assert code == 0 and (tmp_path / "pair.html").is_file() and "delete it when" in err
    for said in ("Face", "look twice", "Nobody has decided this pair yet", "registry of 2"):
        assert said in out, said
    assert "成都" not in out and "成都" not in run("show", lead, "--format", "jsonl")[1]
    _code, out, _err = run("show", lead, "--facts")
    assert "成都" in out and "2003-05" in out
    assert "成都" in run("show", lead, "--facts", "--format", "jsonl")[1]
    code, _out, err = run("decide", lead[:8], "different", "--reason", "ears")
    assert code == 0 and "supports different people, by li. 2 leads of this pair leave the queue" in err
    assert "No result is an identification" in err
    assert len(lines(run("list", "--format", "jsonl")[1])) == 2
    code, _out, err = run("decide", lead, "inconclusive", "--reason", "too blurred")
    assert code == 0 and "corrects an earlier decision" in err
    (shown,) = lines(run("show", lead, "--format", "jsonl")[1])
    assert [one["outcome"] for one in shown["decisions"]] == ["supports_different_people", "inconclusive"]
    assert shown["state"] == "decided" and shown["found"]["candidates"][0]["case_id"] == "G-1"
    assert shown["cautions"] == ["look twice"]


def test_a_pair_that_came_back_says_why(run, registry, known):  # noqa: F811
    lead = lines(run("list", "--format", "jsonl")[1])[0]["lead"]
    run("decide", lead, "different", "--reason", "ears")
    with registry.store.act(registry.context, "night") as tx:
        face_id = add(tx, "sighting", known["S-1"], "later.jpg")
        put(tx, known["S-1"], known["G-1"], face_id, known["face G-1"], 4.5)
    said = "new photo, later.jpg; the evidence was 1,000 (score +3.50) and is now 1,000 (score +4.50)"
    _code, out, _err = run("list")
    assert said in " ".join(out.split()) and "supports different people” of 20" in " ".join(out.split())
    back = next(row for row in lines(run("list", "--format", "jsonl")[1]) if row["reopening"])
    assert said in " ".join(run("show", back["lead"])[1].split())


def test_a_decision_without_reason_or_of_nothing(run):
    lead = lines(run("list", "--format", "jsonl")[1])[0]["lead"]
    assert run("decide", lead, "same")[0] == 2
    code, _out, err = run("decide", lead, "same", "--reason", " ")
    assert code == 2 and "A decision needs a reason" in err
    assert run("decide", lead, "identical", "--reason", "x")[0] == 2
    code, _out, err = run("show", "zz")
    assert code == 2 and "first 4 or more characters" in err and "agematch review list" in err


def test_an_empty_queue_says_so(run):
    for row in lines(run("list", "--format", "jsonl")[1]):
        run("decide", row["lead"], "inconclusive", "--reason", "x")
    assert run("list") == (0, "", "No lead waits for review.")
    assert run("list", "--format", "jsonl") == (0, "", "")
    assert run("links") == (0, "", "No link waits for an answer.")


def test_links(run, registry, known):  # noqa: F811
    with registry.store.act(registry.context, "night.link") as tx:
        relations.propose(tx, RelationKind.SAME_CHILD, known["S-1"], known["S-2"], "0.912")
    _code, out, _err = run("links")
    assert "0.912" in out and "S-2" in out and "No result is an identification" in out
    (row,) = lines(run("links", "--format", "jsonl")[1])
    assert row["schema"] == "agematch.links/1" and row["state"] == "proposed"
    code, _out, err = run("link", row["link"][:4], "different", "--reason", "brothers")
    assert code == 0 and "are kept apart" in err
    assert run("links")[2] == "No link waits for an answer."
    code, _out, err = run("link", row["link"], "same", "--reason", "the same coat")
    assert code == 0 and "are linked as one child" in err


@pytest.mark.parametrize("command", ["", "list", "show", "decide", "links", "link"])
def test_every_help_teaches_by_an_example(capsys, command):
    assert main(["review", *command.split(), "--help"]) == 0
    said = capsys.readouterr().out
    assert "Example" in said and f"agematch review {command}" in said
    if command in ("", "decide", "link"):
        assert "identification" in said
