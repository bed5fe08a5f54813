"""The rules of the house that a machine can check: who imports whom, what never appears, file lengths."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
PACKAGE = REPO / "minecsc"
MAX_LINES = 450

LEVELS = (
    {"errors", "ids"},
    {"schema", "resources"},
    {"sources"},
    {"linking"},
    {"nlp"},
    {"evidence"},
    {"store"},
    {"review", "evaluation", "curation"},
    {"engine", "training"},
    {"export", "web", "report"},
    {"cli_common"},
    {"cli_train", "cli_evaluate", "cli_curate", "cli_fetch", "cli_export"},
    {"cli"},
)
"""A room may import itself and the rooms of lower levels. Only scripts and `minecsc train` import training."""

LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}
CODE = sorted(path for path in PACKAGE.rglob("*.py") if "_data" not in path.parts)
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|farm|root|home|tmp)/[\w.-]+")


def _name(path: Path) -> str:
    return path.relative_to(REPO).as_posix()


def _room(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imported_rooms(tree: ast.Module, package: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """(line, room) of every import of our own package; ``package`` is where relative imports start.

    A name taken from the top (``from minecsc import load``) counts as the room "__init__"; the version
    belongs to none.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = (*package[: len(package) - node.level + 1],) if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            names = [module]
            if module == "minecsc":
                names = [f"minecsc.{a.name}" for a in node.names if a.name != "__version__"]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "minecsc":
                yield node.lineno, parts[1] if len(parts) > 1 and parts[1] in LEVEL else "__init__"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from minecsc.store import open_base", ["store"]),
        ("import minecsc.nlp.network", ["nlp"]),
        ("from minecsc import resources, load", ["resources", "__init__"]),
        ("from ..store import x", ["store"]),
        ("from . import layout", ["linking"]),
        ("from .. import store", ["store"]),
        ("def f():\n    from minecsc.cli import main", ["cli"]),
        ("import minecsc", ["__init__"]),
        ("from minecsc import __version__", []),
        ("import numpy, minecscx.store", []),
    ],
)
def test_the_checker_sees_every_form_of_import(source, expected):
    assert [room for _, room in imported_rooms(ast.parse(source), ("minecsc", "linking"))] == expected


def test_every_room_has_a_place_in_the_order():
    rooms = {_room(path) for path in CODE}
    assert rooms - {"__init__", "__main__"} <= set(LEVEL)


def test_imports_go_one_way():
    wrong = []
    for path in CODE:
        room = _room(path)
        if room == "__main__":
            continue
        if room == "__init__":
            allowed = LEVEL.keys() - {"cli", "training"}  # lazily: see the import budget below
        else:
            allowed = {r for r, level in LEVEL.items() if level < LEVEL[room]} | {room}
            if room not in ("training", "cli_train"):
                allowed -= {"training"}
            if room == "cli":
                allowed |= {"__init__"}
        for line, other in imported_rooms(_tree(path), ("minecsc", *path.relative_to(PACKAGE).parent.parts)):
            if other not in allowed:
                wrong.append(f"{_name(path)}:{line}: {room} must not import {other}")
    assert not wrong, "\n".join(wrong)


def _calls(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                yield node.lineno, node.func.id
            elif isinstance(node.func, ast.Attribute):
                yield node.lineno, f".{node.func.attr}"


def test_nothing_prints_but_the_command_line():
    found = [
        f"{_name(path)}:{line}"
        for path in CODE
        if _room(path) != "cli"
        for line, name in _calls(path)
        if name == "print"
    ]
    assert not found, found


def test_rows_are_never_inserted_one_by_one():
    found = [f"{_name(path)}:{line}" for path in CODE for line, name in _calls(path) if name == ".executemany"]
    assert not found, found


def test_no_bare_assert_guards_the_package():
    found = [
        f"{_name(path)}:{node.lineno}"
        for path in CODE
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Assert)
    ]
    assert not found, found


def test_files_stay_readable_in_one_go():
    folders = [PACKAGE, REPO / "tests", REPO / "scripts"]
    long = {
        _name(path): count
        for folder in folders
        for path in folder.rglob("*.py")
        if "_data" not in path.parts and (count := len(path.read_text(encoding="utf-8").splitlines())) > MAX_LINES
    }
    assert not long, f"longer than {MAX_LINES} lines: {long}"


def _tracked() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode:
        pytest.skip("not a git checkout")
    return [path for name in listing.stdout.split("\0") if name and (path := REPO / name).is_file()]


def test_no_tracked_text_names_a_path_of_one_machine():
    found = []
    for path in _tracked():
        raw = path.read_bytes()
        if b"\0" in raw[:4096] or len(raw) > 5_000_000:
            continue
        for number, line in enumerate(raw.decode("utf-8", "replace").splitlines(), start=1):
            if match := MACHINE_PATH.search(line):
                found.append(f"{_name(path)}:{number}: {match.group()}")
    assert not found, "\n".join(found)


HEAVY = (
    "torch",
    "spacy",
    "scispacy",
    "transformers",
    "pandas",
    "polars",
    "pyarrow",
    "duckdb",
    "numpy",
    "lxml",
)


def _python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_package_loads_nothing_heavy():
    code = f"import minecsc, sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert _python(code).strip() == "[]"


def test_the_command_line_starts_without_the_models():
    code = f"import minecsc.cli, sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert _python(code).strip() == "[]"


def test_the_public_names_are_these():
    names = _python("import minecsc; print(sorted(minecsc.__all__)); print(minecsc.__version__)").splitlines()
    assert names[0] == "['__version__', 'link', 'load', 'open']"
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", names[1])
    code = (
        "import minecsc\n"
        "assert {'load', 'link', 'open'} <= set(dir(minecsc))\n"
        "try:\n    minecsc.lode\n"
        "except AttributeError as error:\n    print(error)"
    )
    assert "lode" in _python(code)
