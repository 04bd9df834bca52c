"""Help is instant, complete, and every command teaches by an example."""

import json
import subprocess
import sys

import pytest

from agematch.cli import COMMANDS, group
from agematch.errors import AgematchError

HEAVY = (
    "faiss",
    "cv2",
    "dlib",
    "onnxruntime",
    "face_recognition",
    "sqlalchemy",
    "alembic",
    "jinja2",
    "PIL",
    "numpy.linalg",
)


def loaded_by(*arguments):
    code = (
        "import sys, json\n"
        "from agematch.cli import main\n"
        "code = main(sys.argv[1:])\n"
        f"print(json.dumps([code, [name for name in {HEAVY!r} if name in sys.modules]]), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return [*json.loads(done.stderr.splitlines()[-1]), done.stdout]


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in COMMANDS)], ids=" ".join)
def test_help_loads_no_network_and_no_database(arguments):
    code, heavy, text = loaded_by(*arguments)
    assert code == 0 and text.startswith("Usage: agematch")
    assert [name for name in heavy if name != "numpy.linalg"] == []


def every_command():
    for name in COMMANDS:
        command = group.get_command(None, name)
        yield name, command
        for sub in getattr(command, "commands", {}).values():
            yield f"{name} {sub.name}", sub


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_an_example_that_names_it(name):
    assert (
        f"agematch {name}" in group.get_command(None, name).help
        or f"{name}" in group.get_command(None, name).help
    )
    assert "Example" in group.get_command(None, name).help


def test_every_option_has_help():
    silent = [
        f"{name} {option.name}"
        for name, command in every_command()
        for option in command.params
        if option.param_type_name == "option" and option.name != "help" and not option.help
    ]
    assert silent == []


def test_exit_codes_are_documented_in_the_help():
    def all_classes(root):
        yield root
        for child in root.__subclasses__():
            yield from all_classes(child)

    codes = {cls.exit_code for cls in all_classes(AgematchError)} | {0, 3}
    assert codes == {0, 1, 2, 3, 4, 5}
    for code in codes:
        assert f"{code} " in group.epilog
