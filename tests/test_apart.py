"""What is done by processes of their own: they come back when they die, and go when they are told to."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event as Signal
from threading import Thread

import pytest

from api import apart
from api.apart import Apart
from api.house import House, open_house
from api.settings import Settings
from domain.customer import RegisterCustomer
from domain.kernel import derived
from eventstore.programs import command_of
from processes.hands import SecondHand
from projections.customers import customers
from projections.touchpoints import due
from tests.processes.test_worker import wait_for

SOON_S = 60
NOW = datetime(2026, 3, 3, 11, tzinfo=UTC)
SECRET = "whsec_" + "c2VjcmV0" * 6


def follows(house: House) -> Callable[[], bool]:
    return lambda: all(each.lag_events == 0 for each in house.engine.standings() if each.view != due.view.name)


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Those that were begun."""
    begun: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen[bytes]):
        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, **kwargs)  # type: ignore[call-overload]
            begun.append(self)

    monkeypatch.setattr(apart.subprocess, "Popen", Noted)
    monkeypatch.setattr(apart, "AGAIN_AFTER_S", 0.1)
    return begun


@contextmanager
def kept(house: House, module: str = "api.following", *, answers: bool = False) -> Iterator[Apart]:
    stop, process = Signal(), Apart(module, "does this", house.settings, answers=answers)
    thread = Thread(target=process.keep, args=(stop,))
    thread.start()
    try:
        yield process
    finally:
        stop.set()
        thread.join(SOON_S)
        assert not thread.is_alive()


def test_another_process_follows_and_another_one_when_that_dies(
    dsn: str, tmp_path: Path, processes: list[subprocess.Popen[bytes]], caplog: pytest.LogCaptureFixture
) -> None:
    with open_house(Settings(home=tmp_path, dsn=dsn)) as house, kept(house):
        house.log.do(RegisterCustomer(customer_id=derived("customer", "ana"), name="Ana", email="ana@example.com"))
        wait_for(follows(house), SOON_S)
        processes[0].kill()
        house.log.do(RegisterCustomer(customer_id=derived("customer", "eva"), name="Eva"))
        wait_for(follows(house), SOON_S)
        assert house.lists.count(customers.view) == 2
        [sheet] = [each for each in house.engine.standings() if each.view == due.view.name]
        assert sheet.position == 0  # that is the worker's
    assert [process.returncode for process in processes] == [-signal.SIGKILL, 0]
    assert f"ended with {-signal.SIGKILL}" in caplog.text


def test_if_there_is_none_it_is_tried_again(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(apart, "AGAIN_AFTER_S", 0.1)
    broken = pytest.MonkeyPatch()
    broken.setattr(apart.sys, "executable", "/nowhere/python")
    with open_house(Settings(home=tmp_path, dsn=dsn)) as house, kept(house):
        wait_for(lambda: "could not be told" in caplog.text, SOON_S)
        broken.undo()
        house.log.do(RegisterCustomer(customer_id=derived("customer", "ana"), name="Ana"))
        wait_for(follows(house), SOON_S)


@pytest.mark.parametrize(("module", "answers"), [("api.following", False), ("api.helping", True)])
def test_it_goes_when_whoever_began_it_is_killed(dsn: str, tmp_path: Path, module: str, answers: bool) -> None:
    begun = (
        "import sys; from pathlib import Path; from threading import Event; from api import apart\n"
        "class Noted(apart.subprocess.Popen):\n"
        "    def __init__(self, *args, **kwargs):\n"
        "        super().__init__(*args, **kwargs); print(self.pid, flush=True)\n"
        "apart.subprocess.Popen = Noted\n"
        "settings = apart.Settings(home=Path(sys.argv[1]), dsn=sys.argv[2])\n"
        f"apart.Apart({module!r}, 'does this', settings, answers={answers}).keep(Event())\n"
    )
    with open_house(Settings(home=tmp_path, dsn=dsn)):
        with subprocess.Popen([sys.executable, "-c", begun, tmp_path, dsn], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            child = int(process.stdout.readline())
            wait_for(lambda: module.encode() in command_of(child), SOON_S)
            process.kill()
        wait_for(lambda: not command_of(child), SOON_S)


def test_who_helps_a_worker_can_be_asked_once_it_is_ready_and_another_one_when_it_died(
    dsn: str, tmp_path: Path, processes: list[subprocess.Popen[bytes]]
) -> None:
    with open_house(Settings(home=tmp_path, dsn=dsn)) as house:
        house.engine.prepare()
        with kept(house, "api.helping", answers=True) as second:
            hand = SecondHand(lambda: second.ready)
            assert not hand.begin(NOW, [])  # it is only beginning
            for number in range(2):
                wait_for(lambda: second.ready is not None, SOON_S)
                assert hand.begin(NOW, [])
                assert hand.end() == 0
                if number == 0:
                    processes[0].kill()
                    processes[0].wait()
                    assert not hand.begin(NOW, [])
                    wait_for(lambda: second.ready is None, SOON_S)
                    wait_for(lambda: processes[0].stdin is not None and processes[0].stdin.closed, SOON_S)
                    assert hand.end() == 0  # of one that was asked, and is gone
    assert [process.returncode for process in processes] == [-signal.SIGKILL, 0]


def test_the_secrets_of_webhooks_stay_where_they_are(tmp_path: Path) -> None:
    hooks = {"erp": {"url": "https://erp.example/in", "secret": SECRET}}
    settings = Settings(home=tmp_path, webhooks=hooks, keys_dsn="dbname=keys")  # type: ignore[arg-type]
    told = apart.told(settings)
    assert SECRET.encode() not in told
    again = Settings.model_validate_json(told)
    assert (again.home, again.keys_dsn, again.webhooks) == (tmp_path, "dbname=keys", {})
