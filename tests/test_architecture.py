"""The house rules that a machine can check: who imports whom, who reads the environment, how long a file may grow."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("domain", "eventstore", "projections", "processes", "api")
LONGEST_MODULE_LINES = 400
EMPTY_NAMES = {"utils", "util", "common", "core", "base", "helpers", "helper", "models", "services", "misc"}


def modules(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def imported(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=str(module)):
                yield from (f"{module}.{name.name}" for name in node.names)


def reads_environment(source: str) -> bool:
    names = {"environ", "environb", "getenv", "getenvb"}
    read = {node.attr for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)}
    return bool(names & read) or any(name.removeprefix("os.") in names for name in imported(source))


def imports(library: str, source: str) -> bool:
    return any(name == library or name.startswith(f"{library}.") for name in imported(source))


def relative(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def test_imports_run_one_way_and_libraries_stay_in_their_rooms():
    linter = Path(sys.executable).with_name(
        "lint-imports"
    )  # in a process of its own: it switches off the loggers of ours
    told = subprocess.run([linter, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout


def test_only_the_settings_read_the_environment():
    readers = [path for path in modules(*PACKAGES) if reads_environment(path.read_text())]
    assert set(relative(readers)) <= {"api/settings.py"}


def test_apscheduler_is_imported_by_the_clock_alone():
    importers = [path for path in modules(*PACKAGES) if imports("apscheduler", path.read_text())]
    assert relative(importers) == ["processes/clock.py"]


def test_no_module_grows_past_four_hundred_lines():
    long = [path for path in modules(*PACKAGES, "tests") if len(path.read_text().splitlines()) > LONGEST_MODULE_LINES]
    assert relative(long) == []


def test_no_file_or_folder_has_a_name_that_says_nothing():
    found = [path for folder in (*PACKAGES, "tests") for path in (ROOT / folder).rglob("*") if path.stem in EMPTY_NAMES]
    assert relative(found) == []


@pytest.mark.parametrize(
    "source",
    [
        "import os\nos.environ['A']",
        "import os as o\no.getenv('A')",
        "from os import environ",
        "from os import getenv as g",
        "def f():\n    import os\n    return os.environb",
    ],
)
def test_a_reader_of_the_environment_is_recognised(source):
    assert reads_environment(source)


def test_what_only_looks_like_reading_the_environment_is_left_alone():
    assert not reads_environment("import os\nenviron = os.defpath\n")


@pytest.mark.parametrize(
    "source", ["import apscheduler", "from apscheduler.triggers import cron", "if x:\n import apscheduler.job"]
)
def test_an_importer_of_a_library_is_recognised(source):
    assert imports("apscheduler", source)
    assert not imports("scheduler", source)
