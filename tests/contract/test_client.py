"""The Python client's generated half is the backend's document; the rest finds `yard dev`."""

import filecmp
import os
import subprocess
from pathlib import Path

import pytest
import trainyard
from chart import ROOT

GENERATED = "src/trainyard/generated"


def test_the_generated_half_is_current(tmp_path: Path) -> None:
    client = ROOT / "libs/client"
    subprocess.run([client / "generate.sh", tmp_path / "generated"], check=True)
    names = [
        {str(path.relative_to(folder)) for path in folder.rglob("*.py")}
        for folder in (tmp_path / "generated", client / GENERATED)
    ]
    assert names[0] == names[1], "run make client"
    _, changed, _ = filecmp.cmpfiles(tmp_path / "generated", client / GENERATED, names[0], False)
    assert not changed, "run make client"


YARD = str(ROOT / "apps/cli/.venv/bin/python")
LOGIN = """
from yard import servers
servers.keep(servers.Server("prod", "https://prod.example.com", "of prod"))
servers.keep(servers.Server("open", "http://open:8000"))
servers.keep(servers.Server("admin", "https://prod.example.com", "of admin"))
servers.use("prod")
"""
CHOSEN = """
from yard import options
api = options.client(None)
print(api.url, api._http.headers.get("Authorization"))
"""


def used(url: str | None = None) -> tuple[str, str | None]:
    """The server and the token that a new client takes."""
    client = trainyard.AsyncClient(url)
    return client.url, getattr(client._transport.api, "token", None)


@pytest.fixture
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a user who has chosen no server yet."""
    for variable in ("YARD_URL", "YARD_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "user"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.mark.usefixtures("_home")
def test_the_client_and_the_command_line_use_the_same_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def of_yard(code: str) -> list[str]:
        done = subprocess.run([YARD, "-c", code], check=True, capture_output=True, text=True)
        return done.stdout.split()

    assert used()[0] == of_yard(CHOSEN)[0] == "http://localhost:30080"
    of_yard(LOGIN)
    assert used() == ("https://prod.example.com", "of prod")
    assert of_yard(CHOSEN) == ["https://prod.example.com", "Bearer", "of", "prod"]
    assert used("http://open:8000/") == ("http://open:8000", None)
    assert used("http://elsewhere") == ("http://elsewhere", None)
    monkeypatch.setenv("YARD_TOKEN", "other")
    assert used()[1] == "other"
    assert of_yard(CHOSEN)[2:] == ["other"]
    monkeypatch.delenv("YARD_TOKEN")
    subprocess.run([YARD, "-c", ANNOUNCE], check=True, capture_output=True)
    assert used()[0] == of_yard(CHOSEN)[0] == "http://127.0.0.1:1", "this folder's comes first"
    (tmp_path / "config/trainyard/servers.json").write_text("[]")
    assert used()[0] == "http://127.0.0.1:1"


ANNOUNCE = """
from pathlib import Path
from yard.dev.state_folder import StateFolder
folder = StateFolder(Path(".trainyard"))
folder.announce("http://127.0.0.1:1")
print(folder.token)
"""


@pytest.mark.usefixtures("_home")
def test_the_client_finds_the_token_of_yard_dev(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [YARD, "-c", ANNOUNCE]
    (tmp_path / "below").mkdir()
    noted = subprocess.run(
        command, cwd=tmp_path, env=os.environ, check=True, capture_output=True, text=True
    )

    here = ("http://127.0.0.1:1", noted.stdout.strip())
    monkeypatch.chdir(tmp_path / "below")
    assert used() == here
    monkeypatch.chdir("/")
    assert used("http://localhost:1/") == ("http://localhost:1", here[1])
    assert used("http://127.0.0.1:2") == ("http://127.0.0.1:2", None)
    monkeypatch.setenv("YARD_TOKEN", "of the cluster")
    assert used("http://127.0.0.1:2")[1] == "of the cluster"
    assert used("http://127.0.0.1:1")[1] == here[1], "the cluster's token is not sent there"
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert used("http://127.0.0.1:1")[1] == "of the cluster", "another user's note is none"


@pytest.mark.usefixtures("_home")
def test_the_client_finds_the_only_yard_dev_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    default, (waiting, end) = ("http://localhost:30080", None), os.pipe()
    command = [YARD, "-c", f"{ANNOUNCE}\nprint(flush=True)\ninput()"]
    env = dict(os.environ)
    monkeypatch.chdir("/")
    with subprocess.Popen(
        command, cwd=tmp_path, env=env, stdin=waiting, stdout=subprocess.PIPE, text=True
    ) as dev:
        assert dev.stdout
        token = dev.stdout.readline().strip()
        dev.stdout.readline()  # the note is there
        assert used() == ("http://127.0.0.1:1", token)
        os.close(end)
        os.close(waiting)
    assert used() == default, "its note stays behind"
