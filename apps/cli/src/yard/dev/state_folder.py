"""The state folder of `yard dev`: lock, ports, keys, process records, logs and data."""

import contextlib
import dataclasses
import fcntl
import itertools
import json
import os
import secrets
import shutil
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from yard import locations, running
from yard.dev import processes
from yard.errors import Code, YardError
from yard.locations import write_private

# Used if free at the first start; later starts use the same ports again.
PREFERRED_PORTS = {
    "backend": 8000,
    "temporal": 7233,
    "temporal-http": 8233,
    "s3": 8333,
    "s3-grpc": 18333,
    "master": 9333,
    "master-grpc": 19333,
    "volume": 8080,
    "volume-grpc": 18080,
    "filer": 8888,
    "filer-grpc": 18888,
    "page": 3000,
    "mlflow": 5000,
}
_SOCKET_PATH_LIMIT = 107  # bytes, on Linux
# Services that begin with less fail in ways of their own; below the share, SeaweedFS writes nothing.
_LEAST_FREE_BYTES, _LEAST_FREE_SHARE = 64 << 20, 0.01
_LOG_LIMIT = 16 << 20  # bytes; a larger log is rotated at the next start


@dataclasses.dataclass(frozen=True)
class ProcessRecord:
    """A process that `yard dev` started, identified by pid and start time."""

    service: str
    pid: int
    started: float

    def process(self) -> psutil.Process | None:
        """Return the process if it is still alive."""
        return processes.find(self.pid, self.started)


class StateFolder:
    """One state folder. Only its owner can read it, because it holds keys and data.

    Attributes:
        moved: why the backend has not the port that its user expects; empty where it has.
        token: that of the API, made anew for each start: whoever listens on the port of one that
            has ended learns nothing that opens the next.
    """

    def __init__(self, root: Path) -> None:
        """Create the folder.

        Raises:
            YardError: it cannot be created or written to.
        """
        self.moved = ""
        self.token = "yard_" + secrets.token_urlsafe(32)
        self.root = Path(os.path.abspath(root))  # noqa: PTH100 - resolve() fails in unreadable folders
        try:
            for folder in (self.root, self.logs, self.data):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.root.chmod(0o700)
        except OSError as error:
            raise YardError(
                f"cannot keep anything in {self.root}",
                str(error),
                "give a folder that you may write to with --state",
                Code.USAGE,
            ) from error

    @property
    def logs(self) -> Path:
        """The folder of the services' logs."""
        return self.root / "logs"

    @property
    def data(self) -> Path:
        """The folder of the services' data."""
        return self.root / "data"

    @property
    def socket(self) -> Path:
        """The launcher's socket."""
        return self.root / "launcher.sock"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder's lock.

        Raises:
            YardError: another `yard dev` uses the folder, its disk is full, or its path is too long
                for a socket.
        """
        if len(os.fsencode(self.socket)) > _SOCKET_PATH_LIMIT:
            raise YardError(
                f"the path {self.root} is too long",
                f"it holds the launcher's socket, whose path may have {_SOCKET_PATH_LIMIT} bytes",
                "choose a shorter folder with --state",
                Code.USAGE,
            )
        with (self.root / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                other = locations.read_json(self.root / locations.ADDRESS_FILE)
                if other and not processes.find(other["pid"], other["started"]):
                    other = {}  # a killed `yard dev` left it
                raise YardError(
                    f"a `yard dev` already runs on {self.root}",
                    f"it is process {other['pid']} and serves {other['url']}"
                    if other
                    else "it is starting or stopping",
                    "use that one, stop it with Ctrl-C, or give this one another --state folder"
                    if other
                    else "try again in a few seconds",
                    Code.USAGE,
                ) from None
            self._require_space()
            yield

    def full_disk(self) -> tuple[str, str]:
        """Return that the folder's disk is full, and how full; empty where it is not."""
        disk = shutil.disk_usage(self.root)
        least = max(_LEAST_FREE_BYTES, disk.total * _LEAST_FREE_SHARE)
        if disk.free >= least:
            return "", ""
        free = f"{disk.free >> 20} MiB of it are free; {int(least) >> 20} MiB are needed"
        return f"the disk of {self.root} is full", free

    def _require_space(self) -> None:
        what, why = self.full_disk()
        if what:
            cure = "free some space, or name a folder on another disk with --state"
            raise YardError(what, why, cure, Code.LOCAL)

    def announce(self, url: str) -> None:
        """Write the server's URL and token to the folder, where the other commands find them."""
        me = psutil.Process()
        note = running.Running(url, str(self.root), me.pid, me.create_time(), self.token)
        write_private(self.root / locations.ADDRESS_FILE, json.dumps(dataclasses.asdict(note)))
        running.enter(note)

    def withdraw(self) -> None:
        """Remove the URL again."""
        (self.root / locations.ADDRESS_FILE).unlink(missing_ok=True)
        running.leave(os.getpid())

    def ports(self, names: Sequence[str], fixed: dict[str, int]) -> dict[str, int]:
        """Choose ports: the fixed one, else that of the last start, else the preferred, else any free.

        Raises:
            YardError: a fixed port is taken.
        """
        path = self.root / "ports.json"
        last = locations.read_json(path)
        chosen = dict[str, int]()
        for name in names:
            if name in fixed and not _take(fixed[name]):
                raise YardError(
                    f"port {fixed[name]} is taken",
                    "another program listens on it, or another `yard dev` has chosen it",
                    "choose another with --port, or leave it out to get a free one",
                    Code.USAGE,
                )
            candidates = (
                [fixed[name]] if name in fixed else [last.get(name, 0), PREFERRED_PORTS[name]]
            )
            own = chosen.values()
            chosen[name] = next(
                port
                for port in itertools.chain(filter(None, candidates), _any_free())
                if port not in own and _take(port)
            )
        write_private(path, json.dumps(last | chosen, indent=2))
        wanted = fixed.get("backend") or last.get("backend") or PREFERRED_PORTS["backend"]
        if chosen.get("backend", wanted) != wanted:
            holders = (one.folder for one in running.every() if one.url.endswith(f":{wanted}"))
            holder = next((f"the `yard dev` on {folder}" for folder in holders), "another program")
            self.moved = f"{holder} has port {wanted}; the backend takes {chosen['backend']}"
        return chosen

    def store_keys(self) -> tuple[str, str]:
        """Return the object store's access key and secret, generated at the first start."""
        path = self.root / "store-keys.json"
        keys = locations.read_json(path)
        if not keys:
            keys = {"access": secrets.token_hex(10), "secret": secrets.token_hex(20)}
            write_private(path, json.dumps(keys))
        return str(keys["access"]), str(keys["secret"])

    def records(self) -> list[ProcessRecord]:
        """Return the processes of the last start that were not seen to end."""
        content = locations.read_json(self.root / "processes.json")
        return [ProcessRecord(name, int(pid), float(at)) for name, (pid, at) in content.items()]

    def write_records(self, records: Sequence[ProcessRecord]) -> None:
        """Write the processes of this start."""
        content = {record.service: (record.pid, record.started) for record in records}
        write_private(self.root / "processes.json", json.dumps(content, indent=2))

    def log(self, service: str) -> Path:
        """Return the log file of a service."""
        return self.logs / f"{service}.log"

    def rotate_logs(self) -> None:
        """Rename large logs to `.log.1`, replacing the one before."""
        for path in self.logs.glob("*.log"):
            if path.stat().st_size > _LOG_LIMIT:
                path.replace(path.with_suffix(".log.1"))


def is_free(port: int) -> bool:
    """Return whether a service may listen on this port."""
    # SeaweedFS also binds a unix socket with a fixed name per port, and fails to start if that
    # file exists and belongs to another user.
    sockets = Path("/tmp").glob(f"seaweedfs-*-{port}.sock")  # noqa: S108 - its folder, not ours
    if any(path.lstat().st_uid != os.getuid() for path in sockets):
        return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _take(port: int) -> bool:
    """Return whether a service may listen on this port, which no other `yard dev` chooses then."""
    return is_free(port) and running.reserve(port)


def _any_free() -> Iterator[int]:
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        yield port
