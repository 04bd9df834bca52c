"""Imports point down, each heavy library has one home, and every module says why it exists."""

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "agematch"
MODULES = sorted(PACKAGE.rglob("*.py"))
HOMES = {
    "click": ("cli/",),
    "rich": ("cli/",),
    "platformdirs": ("cli/",),
    "faiss": ("store/index",),
    "sqlalchemy": ("store/",),
    "alembic": ("store/",),
    "cryptography": ("store/",),
    "filelock": ("store/",),
    "cv2": ("vision/",),
    "dlib": ("vision/",),
    "onnxruntime": ("vision/",),
    "PIL": ("vision/",),
    "pi_heif": ("vision/",),
    "jinja2": ("report/",),
    "markupsafe": ("report/",),
    "prometheus_client": ("report/metrics.py",),
    "tenacity": ("notify/",),
    "matplotlib": ("evaluation/plots.py",),
    "numpy": ("records.py", "vision/", "store/", "match/", "evaluation/", "training/", "jobs/"),
}
"""Every library from outside the standard library, and where it may be imported."""
ROOMS = {"cli", "jobs", "evaluation", "training", "vision", "store", "match", "intake", "report", "notify"}
SINGLE = {"__init__", "__main__", "registry", "archives", "config", "records", "errors", "i18n"}
EMPTY_WORDS = {"utils", "util", "misc", "helpers", "common", "tools", "stuff"}
RUN_CONTRACTS = "import sys; from importlinter.cli import lint_imports_command as c; sys.exit(c())"


def imported(path: Path) -> Iterator[str]:
    """Yield the first part of every absolute import, also of those inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def libraries() -> dict[str, set[str]]:
    """Return which modules import each library."""
    found: dict[str, set[str]] = {}
    for path in MODULES:
        for name in imported(path):
            if name not in sys.stdlib_module_names and name not in ("agematch", "__future__"):
                found.setdefault(name, set()).add(path.relative_to(PACKAGE).as_posix())
    return found


def test_each_library_is_imported_in_its_home_only():
    found = libraries()
    assert set(found) == set(HOMES), "a library without a home, or a home without its library"
    strangers = {
        name: [path for path in paths if not path.startswith(HOMES[name])] for name, paths in found.items()
    }
    assert {name: paths for name, paths in strangers.items() if paths} == {}


def test_every_module_belongs_to_a_room():
    tops = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in MODULES}
    assert tops == ROOMS | SINGLE


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_module_says_why_it_exists(path):
    if "migrations/versions" not in path.as_posix():
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        assert docstring.splitlines() and docstring.splitlines()[0].endswith((".", "?"))
    assert path.stem not in EMPTY_WORDS and path.parent.name not in EMPTY_WORDS


def contracts_kept(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", RUN_CONTRACTS], cwd=folder, capture_output=True, text=True, encoding="utf-8"
    )


@pytest.fixture
def copy(tmp_path) -> Path:
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    shutil.copytree(PACKAGE, tmp_path / "agematch", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_contracts_are_kept_and_notice_a_breach(copy):
    assert contracts_kept(copy).returncode == 0, contracts_kept(copy).stdout
    breaches = {
        "store/files.py": "import agematch.match.score",
        "records.py": "import agematch.config",
        "jobs/files.py": "import sqlalchemy, cv2",
        "vision/image.py": "import click",
    }
    for name, line in breaches.items():
        path = copy / "agematch" / name
        path.write_text(path.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")
    said = contracts_kept(copy)
    assert said.returncode != 0
    for contract in (
        "Imports point down BROKEN",
        "Only the command line knows the terminal BROKEN",
        "Only vision runs networks and decodes images BROKEN",
        "Only the store knows the database, the index and encryption BROKEN",
    ):
        assert contract in said.stdout
