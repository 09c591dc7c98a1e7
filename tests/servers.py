"""Real servers for tests, each a process on a free loopback port, and the environment of a backend that uses them."""

import base64
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, ParamSpec, TypeVar

import boto3
import httpx
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

P = ParamSpec("P")
T = TypeVar("T")

SCRIPTS = Path(sys.executable).parent
ROOT = Path(__file__).parents[1]


class PortTakenError(RuntimeError):
    """Somebody else listens on a port that was free when it was chosen."""


class S3Server(NamedTuple):
    endpoint: str
    access_key: str
    secret_key: str
    session_token: str | None = None

    def for_attempt(self, variables: Mapping[str, str]) -> "S3Server":
        """The same with the keys of an attempt's environment."""
        return self._replace(
            access_key=variables["AWS_ACCESS_KEY_ID"],
            secret_key=variables["AWS_SECRET_ACCESS_KEY"],
            session_token=variables["AWS_SESSION_TOKEN"],
        )

    def client(self, agent: str = "") -> "S3Client":
        """With `agent` in the User-Agent of its requests."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            aws_session_token=self.session_token,
            region_name="us-east-1",
            # As the platform's own: R2, and the proxy that stands for it, refuse other checksums.
            config=Config(
                s3={"addressing_style": "path"},
                user_agent_extra=agent,
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )


def free_port() -> int:
    """A port below those that the kernel gives to connections: it is still free when a server takes it."""
    while True:
        port = 10_000 + secrets.randbelow(20_000)
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


@contextmanager
def process(
    command: Sequence[str],
    log: Path,
    *,
    stop: signal.Signals = signal.SIGKILL,
    user: str | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a server until the end of the block; `stop` ends it, `env` is added to this process' environment."""
    with log.open("wb") as output:
        child = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            user=user,
            env={**os.environ, **(env or {})},
        )
    try:
        yield child
    finally:
        child.send_signal(stop)
        child.wait(60)


def wait_for_port(
    port: int, child: "subprocess.Popen[bytes]", log: Path, seconds: float = 30
) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if child.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    printed = log.read_text()
    taken = "address already in use" in printed.lower()
    error = PortTakenError if taken else RuntimeError
    raise error(f"{child.args!r} does not listen on {port}:\n{printed[-4000:]}")


def on_free_ports(serve: Callable[P, AbstractContextManager[T]]) -> Callable[P, Iterator[T]]:
    """A server that chooses its ports, started again with others where one was taken meanwhile."""

    @wraps(serve)
    def served(*args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        with ExitStack() as stack:
            for last in (False, False, False, True):
                try:
                    server = stack.enter_context(serve(*args, **kwargs))
                    break
                except PortTakenError:
                    if last:
                        raise
            yield server

    return served


def postgres_bin() -> Path:
    """The folder of PostgreSQL's programs: from PATH, else the newest that Debian installs."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    installed = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name)
    )
    if not installed:
        raise RuntimeError("These tests need PostgreSQL: `apt-get install postgresql`.")
    return installed[-1]


@contextmanager
@on_free_ports
@contextmanager
def postgres(
    *, durable: bool = True, settings: Sequence[str] = (), below: Path | None = None
) -> Iterator[str]:
    """A PostgreSQL server without passwords; yields `postgres@HOST:PORT`. `settings`: `name=value` each."""
    programs = postgres_bin()
    # By default directly below the temporary folder: pytest's are closed to other users.
    with tempfile.TemporaryDirectory(prefix="trainyard-postgres-", dir=below) as folder:
        # The server refuses to run as root.
        user = "nobody" if os.geteuid() == 0 else None
        if user:
            shutil.chown(folder, user)
        initdb = [str(programs / "initdb"), "-D", f"{folder}/data", "-U", "postgres"]
        initdb += ["-A", "trust", "-E", "UTF8"]
        subprocess.run(initdb, check=True, stdout=subprocess.PIPE, cwd=folder, user=user)
        port = free_port()
        command = [str(programs / "postgres"), "-D", f"{folder}/data", "-p", str(port)]
        command += ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        if not durable:
            command += ["-c", "fsync=off"]
        command += [word for setting in settings for word in ("-c", setting)]
        log = Path(folder) / "log"
        with process(command, log, stop=signal.SIGINT, user=user) as child:
            wait_for_port(port, child, log)
            # The port is open before the database has started.
            ready = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
            while child.poll() is None and subprocess.run(ready, check=False).returncode != 0:
                time.sleep(0.05)
            yield f"postgres@127.0.0.1:{port}"


def create_database(address: str, name: str) -> None:
    """Create an empty database on a server of `postgres()`."""
    host, _, port = address.partition("@")[2].partition(":")
    command = [str(postgres_bin() / "createdb"), "-h", host, "-p", port, "-U", "postgres", name]
    subprocess.run(command, check=True)


@contextmanager
@on_free_ports
@contextmanager
def seaweedfs(folder: Path) -> Iterator[S3Server]:
    """A SeaweedFS S3 server; it refuses unsigned and wrongly signed requests, and hands out keys for a time."""
    server = S3Server(f"http://127.0.0.1:{free_port()}", "test-access-key", "test-secret-key")
    folder.mkdir(parents=True, exist_ok=True)
    identity = {
        "name": "tests",
        "credentials": [{"accessKey": server.access_key, "secretKey": server.secret_key}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    (folder / "iam.json").write_text(json.dumps(_sts("tests")))
    data = folder / "data"
    data.mkdir(exist_ok=True)
    port = int(server.endpoint.rsplit(":", 1)[1])
    command = [str(SCRIPTS / "weed"), "server", "-s3", f"-dir={data}", "-ip=127.0.0.1"]
    command += [f"-s3.port={port}", f"-s3.config={folder / 's3.json'}", "-s3.port.iceberg=0"]
    command += [
        f"-s3.iam.config={folder / 'iam.json'}",
        "-s3.port.lance=0",
        "-master.telemetry=false",
    ]
    command += ["-master.volumeSizeLimitMB=64", "-volume.max=100"]
    for part in ("master", "volume", "filer"):
        command += [f"-{part}.port={free_port()}", f"-{part}.port.grpc={free_port()}"]
    command += [f"-s3.port.grpc={free_port()}"]
    log = folder / "seaweedfs.log"
    with process(command, log) as child:
        wait_for_port(port, child, log)
        _wait_for_answer(server.endpoint)
        yield server


def _sts(user: str) -> dict[str, object]:
    """The role `attempt`, which `user` alone may assume; a session's policy says what it may do."""
    version, account = "2012-10-17", "arn:aws:iam::000000000000"
    assume = {
        "Effect": "Allow",
        "Principal": {"AWS": f"{account}:user/{user}"},
        "Action": ["sts:AssumeRole"],
    }
    role = {
        "roleName": "attempt",
        "roleArn": f"{account}:role/attempt",
        "attachedPolicies": ["all"],
    }
    everything = {"Effect": "Allow", "Action": ["s3:*"], "Resource": ["*"]}
    return {
        "sts": {
            "tokenDuration": "1h",
            "maxSessionLength": "12h",
            "issuer": "tests",
            "signingKey": base64.b64encode(secrets.token_bytes(32)).decode(),
        },
        "policy": {"defaultEffect": "Deny", "storeType": "memory"},
        "roles": [role | {"trustPolicy": {"Version": version, "Statement": [assume]}}],
        "policies": [{"name": "all", "document": {"Version": version, "Statement": [everything]}}],
    }


def _wait_for_answer(endpoint: str) -> None:
    # The port is open before the filer behind it can serve.
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if httpx.get(endpoint, timeout=1).status_code == httpx.codes.FORBIDDEN:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"The S3 server at {endpoint} does not answer.")


def backend_env(database_url: str, folder: Path, store: S3Server | None = None) -> dict[str, str]:
    """Environment of a backend that reaches its database, perhaps a store, and nothing else.

    `folder` is for the trainers' manifests and the launcher's socket.
    """
    nowhere = f"127.0.0.1:{free_port()}"
    store = store or S3Server(f"http://{nowhere}", "none", "none")
    return {
        "DATABASE_URL": database_url,
        "BACKEND_URL": f"http://{nowhere}",
        "MINIO_ENDPOINT": store.endpoint,
        "AWS_ACCESS_KEY_ID": store.access_key,
        "AWS_SECRET_ACCESS_KEY": store.secret_key,
        "TEMPORAL_ADDRESS": nowhere,
        "TRAINERS_DIR": str(folder),
        "LAUNCHER_SOCKET": str(folder / "launcher.sock"),
        "API_AUTH": "off",
    }


@contextmanager
@on_free_ports
@contextmanager
def temporal(folder: Path, port: int | None = None, settings: Sequence[str] = ()) -> Iterator[str]:
    """A Temporal dev server that keeps its state in memory; yields its `HOST:PORT`.

    `settings`: `key=value` of its dynamic configuration each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    log = folder / "temporal.log"
    command = [str(SCRIPTS / "temporal"), "server", "start-dev", "--headless"]
    command += ["--ip", "127.0.0.1", "--port", str(port), "--http-port", str(free_port())]
    command += ["--metrics-port", str(free_port()), "--log-level", "warn"]
    command += [word for setting in settings for word in ("--dynamic-config-value", setting)]
    with process(command, log) as child:
        wait_for_port(port, child, log)
        yield f"127.0.0.1:{port}"


@contextmanager
@on_free_ports
@contextmanager
def mlflow(folder: Path, database_url: str = "", password: str = "") -> Iterator[str]:
    """The MLflow server that `make .tools/mlflow` installs, by default with SQLite; yields its URL.

    With a password it asks for it as the chart's does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port, log = free_port(), folder / "mlflow.log"
    command = [str(ROOT / ".tools/mlflow/bin/mlflow"), "server", "--host", "127.0.0.1"]
    command += [f"--port={port}", "--workers=1"]
    database_url = database_url or f"sqlite:///{folder / 'mlflow.sqlite3'}"
    command += [f"--backend-store-uri={database_url}"]
    command += [f"--artifacts-destination={folder / 'artifacts'}"]
    # Off, as it starts workers for jobs of its own.
    env = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    if password:
        ini = (ROOT / "charts/platform/files/mlflow/basic_auth.ini").read_text()
        (folder / "auth.ini").write_text(ini.replace("/tmp/", f"{folder}/"))
        command += ["--app-name=basic-auth"]
        env["MLFLOW_AUTH_CONFIG_PATH"] = str(folder / "auth.ini")
        env |= {"MLFLOW_AUTH_ADMIN_PASSWORD": password, "MLFLOW_FLASK_SERVER_SECRET_KEY": "x"}
    with process(command, log, stop=signal.SIGTERM, env=env) as child:
        wait_for_port(port, child, log, seconds=300)  # it imports for a long time, twice
        yield f"http://127.0.0.1:{port}"
