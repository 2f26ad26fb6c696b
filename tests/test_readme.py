"""The README is true: its two commands and its tour are run as a new user would, in a copy of what is in the repository."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

import pytest

from processes.calendar import Calendar

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
START_S = 400
STEP_S = 60

VARYING = (
    (re.compile(r"\d+\.\d s"), "N s"),
    (re.compile(r"[\d,]+ events/s"), "N events/s"),
    (re.compile(r"[0-9a-f-]{36}\.bitacora"), "ID.bitacora"),
)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    """What git has, in a new place, with `make run` going in it."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: there is nothing to say what belongs to it")
    place = tmp_path_factory.mktemp("clone") / "bitacora"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("BITACORA_", "VIRTUAL_ENV"))}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        environment["BITACORA_PORT"] = str(probe.getsockname()[1])
    log = place.parent / "run.log"
    with log.open("wb") as out:
        running = subprocess.Popen(
            ["make", "run"], cwd=place, env=environment, stdout=out, stderr=out, start_new_session=True
        )
    try:
        wait_until_up(f"http://127.0.0.1:{environment['BITACORA_PORT']}/readyz", running, log)
        yield place, environment
    finally:
        os.killpg(running.pid, signal.SIGTERM)
        running.wait(STEP_S)


def wait_until_up(url: str, running: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        assert running.poll() is None, log.read_text()
        try:
            with urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.3)
    pytest.fail(f"It did not come up:\n{log.read_text()}")


def tour() -> list[tuple[int, str, str]]:
    """(exit code, command, output) of every step of the tour."""
    steps = []
    for code, block in re.findall(r"<!-- tour(?:: exit (\d))? -->\n```console\n(.*?)```", README, re.S):
        for step in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, output = step.partition("\n")
            steps.append((int(code or 0), command, output))
    return steps


def settled(text: str) -> str:
    for pattern, word in VARYING:
        text = pattern.sub(word, text)
    return text.strip()


@pytest.mark.timeout(START_S + 10 * STEP_S)
def test_the_tour_says_what_it_says_in_the_readme(clone: tuple[Path, dict[str, str]]) -> None:
    place, environment = clone
    now = datetime.now(UTC)
    letters_may_go = Calendar("Europe/Madrid").allowed(now) == now
    steps = tour()
    assert len(steps) >= 8
    for code, command, said in steps:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=place,
            env=environment,
            capture_output=True,
            text=True,
            timeout=STEP_S,
            check=False,
        )
        if not letters_may_go and ("followUps" in command or "mail/new" in command):
            assert "DELIVERED" not in done.stdout  # at night and on Sundays it waits, as the README says
            continue
        assert settled(done.stdout) == settled(said), f"{command}\n{done.stderr}"
        assert done.returncode == code, command


@pytest.mark.timeout(START_S + 10 * STEP_S)
def test_started_a_second_time_it_finds_its_place_taken_and_says_so(clone: tuple[Path, dict[str, str]]) -> None:
    place, environment = clone
    done = subprocess.run(
        ["make", "run"], cwd=place, env=environment, capture_output=True, text=True, timeout=STEP_S, check=False
    )
    assert done.returncode != 0
    assert "Is Bitácora up already?" in done.stderr


def test_the_two_commands_are_there() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for command in ("make run", "make test"):
        assert command in README
        assert f"\n{command.split()[1]}:" in makefile
