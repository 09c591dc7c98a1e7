"""Python programs as forks of a process that has imported what they import: they start at once.

What the server forgets, each fork imports anew, with its own environment and working folder.
"""

import gc
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NoReturn

_MESSAGE_BYTES = 1 << 17


class Fork:
    """A program that runs; what `subprocess.Popen` would be."""

    def __init__(self, status: socket.socket) -> None:
        self._status = status
        self.pid = int(status.recv(32))
        self.returncode: int | None = None

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code; a signal's number is negative.

        Raises:
            TimeoutError: it has not ended within `timeout` seconds.
        """
        if self.returncode is None:
            self._status.settimeout(timeout)
            self.returncode = int(self._status.recv(32))
            self._status.close()
        return self.returncode


class ForkServer:
    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests

    def start(
        self,
        words: Sequence[object],
        *,
        env: Mapping[str, str],
        stdout: IO[Any] | int,
        stderr: IO[Any] | int,
        cwd: Path | None = None,
    ) -> Fork:
        """Start what follows `python` in a command: `-m MODULE …`, `-c TEXT …` or `FILE …`."""
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, Path(os.devnull).open() as nothing:
            request = {"words": [*map(str, words)], "env": dict(env), "cwd": str(cwd or Path.cwd())}
            files = [one if isinstance(one, int) else one.fileno() for one in (stdout, stderr)]
            descriptors = [nothing.fileno(), *files, theirs.fileno()]
            socket.send_fds(self._requests, [json.dumps(request).encode()], descriptors)
        return Fork(mine)

    def run(
        self,
        words: Sequence[object],
        *,
        env: Mapping[str, str],
        cwd: Path | None = None,
        timeout: float | None = None,
        check: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """As `subprocess.run` with what the program prints as text, and with no standard input.

        Raises:
            TimeoutError: it took longer than `timeout` seconds.
            AssertionError: `check`, and its exit code is not 0.
        """
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            fork = self.start(words, env=env, cwd=cwd, stdout=out, stderr=err)
            try:
                code = fork.wait(timeout)
            except TimeoutError:
                fork.kill()
                raise
            out.seek(0)
            err.seek(0)
            done = subprocess.CompletedProcess([*map(str, words)], code, out.read(), err.read())
        assert code == 0 or not check, done
        return done


@contextmanager
def fork_server(prepare: str, env: Mapping[str, str]) -> Iterator[ForkServer]:
    """A server that has run the statements `prepare`, which may call `forget()`.

    `env` is what modules see that read the environment when they are imported.
    """
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with mine:
        with theirs:
            child = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno()), prepare],
                env=env,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        yield ForkServer(mine)
    child.wait(60)


def forget(package: str, *, but: str = "") -> None:
    """Have every fork import the package anew, except the module `but`."""
    for name in [one for one in sys.modules if one.partition(".")[0] == package and one != but]:
        del sys.modules[name]


def _next(requests: socket.socket) -> list[str]:
    """Return in a fork, with the words that it is to run; the server ends with its client."""
    while True:
        message, descriptors, *_ = socket.recv_fds(requests, _MESSAGE_BYTES, 4)
        if not message:
            sys.exit()
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if os.fork() == 0:
            requests.close()
            *streams, status = descriptors
            pid = os.fork()
            if pid:
                _tell_end(pid, streams, socket.socket(fileno=status))
            os.close(status)
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
                os.close(stream)
            request = json.loads(message)
            os.environ.clear()
            os.environ.update(request["env"])
            os.chdir(request["cwd"])
            words: list[str] = request["words"]
            return words
        for descriptor in descriptors:
            os.close(descriptor)


def _tell_end(pid: int, streams: Sequence[int], status: socket.socket) -> NoReturn:
    """What the parent of a fork does. Never returns."""
    for stream in streams:
        os.close(stream)
    with suppress(OSError):  # nobody listens any more
        status.sendall(str(pid).encode())
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with suppress(OSError):
        status.sendall(str(code).encode())
    os._exit(0)


if __name__ == "__main__":
    number, prepare = sys.argv[1:]
    exec(prepare, {"forget": forget})
    gc.freeze()  # else the first collection in each fork copies all that it was given
    words = _next(socket.socket(fileno=int(number)))
    import runpy

    more = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    if words[0] == "-m":
        sys.path[0:1] = [str(Path.cwd()), *more]
        sys.argv = words[1:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    elif words[0] == "-c":
        sys.path[0:1] = ["", *more]
        sys.argv = ["-c", *words[2:]]
        exec(compile(words[1], "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.path[0:1] = [str(Path(words[0]).parent), *more]
        sys.argv = words
        runpy.run_path(words[0], run_name="__main__")
