"""`yard model serve`: this machine serves a model by HTTP, in the trainer's environment."""

import contextlib
import ctypes
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

import typer
import yaml

from yard import completion, locations
from yard.commands.model_predict import cached
from yard.console import out
from yard.errors import Code, YardError
from yard.options import ImageSize, Url, client

_PR_SET_PDEATHSIG = 1
# As the chart has it of `serving.models`.
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?")


def serve(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A .pt file, a job (its best.pt), model:NAME@ALIAS or model:NAME/VERSION.",
            autocompletion=completion.jobs,
        ),
    ],
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: one that is free.")] = 8100,
    insecure: Annotated[
        bool,
        typer.Option(
            "--insecure", help="Let other machines ask, too: nobody needs a token or TLS."
        ),
    ] = False,
    conf: Annotated[float, typer.Option(min=0, max=1, help="Lowest confidence to report.")] = 0.25,
    imgsz: ImageSize = None,
    device: Annotated[
        str | None,
        typer.Option(
            help="A GPU's number, or cpu. Default: a GPU if there is one.", show_default=False
        ),
    ] = None,
    queue: Annotated[int, typer.Option(min=0, help="Most requests that wait; 503 beyond.")] = 32,
    chart: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Only print the chart's values that serve it in the cluster, as the Service serve-NAME.",
            show_default=False,
        ),
    ] = None,
    url: Url = None,
) -> None:
    """Serve a model by HTTP: POST an image to /predict. SIGHUP looks the model up anew, Ctrl-C ends it."""
    if chart is not None:
        typer.echo(_chart_values(chart, model, conf, imgsz, url), nl=False)
        return
    options = {"--conf": conf, "--imgsz": imgsz, "--device": device, "--queue": queue}
    given = [str(part) for pair in options.items() if pair[1] is not None for part in pair]
    python = locations.trainer_python()
    try:
        listener = socket.create_server((host, port), backlog=1024)
    except OSError as error:
        raise YardError(
            f"{host}:{port} cannot be listened on",
            error.strerror or str(error),
            "name another with --port",
            Code.LOCAL,
        ) from error
    with listener:
        if not (insecure or ip_address(listener.getsockname()[0]).is_loopback):
            raise YardError(
                f"other machines reach {listener.getsockname()[0]}",
                "the server asks for no token, and has no TLS",
                "serve at 127.0.0.1 behind a proxy that asks, or add --insecure",
                Code.USAGE,
            )
        at = "http://{}:{}".format(*listener.getsockname()[:2])
        _run(python, given, listener, model=model, url=url, at=at)


def _chart_values(name: str, model: str, conf: float, imgsz: int | None, url: str | None) -> str:
    if not _NAME.fullmatch(name):
        raise YardError(
            f"{name} names no Service",
            todo="choose lower-case letters, digits and dashes, at most 50",
            code=Code.USAGE,
        )
    if Path(model).suffix == ".pt":
        raise YardError(
            f"{model} is on this machine",
            "the cluster's servers fetch their model from the platform",
            "name a job, or a registered model (`yard model register`)",
            Code.USAGE,
        )
    if not model.startswith("model:"):
        model = f"job:{client(url).find('jobs', model.removeprefix('job:'))['id']}"
    served = {"model": model, "conf": conf} | ({"imgsz": imgsz} if imgsz else {})
    return yaml.safe_dump({"serving": {"models": {name: served}}}, sort_keys=False)


def _run(
    python: Path,
    given: Sequence[str],
    listener: socket.socket,
    *,
    model: str,
    url: str | None,
    at: str,
) -> None:
    """Keep one server process on the socket, which this one holds: replacing it loses no request."""
    # Plain lists: a handler that sets a threading.Event for which its own thread waits can hang.
    wanted, ending = list[int](), list[int]()
    signal.signal(signal.SIGHUP, lambda number, _: wanted.append(number))
    for end in (signal.SIGINT, signal.SIGTERM):
        signal.signal(end, lambda number, _: ending.append(number))
    serving: subprocess.Popen[str] | None = None
    try:
        while not ending:
            wanted.clear()
            try:
                weights = _weights(model, url)
                successor = _start(python, weights, given, listener)
            except YardError as error:
                if serving is None:
                    raise
                out.print(f"the model before goes on: {error.what}")
            else:
                _end(serving)  # both accept until then: told only when the successor alone answers
                serving = successor
                out.print(f"{model} answers at {at}/predict")
            while not (wanted or ending):
                time.sleep(0.1)
                if serving is not None and serving.poll() is not None:
                    raise YardError("the server ended", f"exit code {serving.returncode}")
    finally:
        _end(serving)


def _weights(model: str, url: str | None) -> Path:
    path = Path(model)
    if path.suffix == ".pt":
        if not path.is_file():
            raise YardError(f"there is no file {path}", todo="check the path", code=Code.NOT_FOUND)
        return path
    return cached(url, model)


def _start(
    python: Path, weights: Path, given: Sequence[str], listener: socket.socket
) -> subprocess.Popen[str]:
    """A server process that answers on the socket.

    Raises:
        YardError: it does not; its own words say why.
    """
    fd = listener.fileno()
    command = [str(python), "-m", "trainer", "serve", "--weights", str(weights), "--fd", str(fd)]
    child = subprocess.Popen(
        [*command, *given],
        pass_fds=[fd],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is this process's
        preexec_fn=partial(_end_with, os.getpid()),  # noqa: PLW1509 - this process has one thread
    )
    assert child.stdout is not None  # noqa: S101 - it is a pipe
    if not any('"ready"' in line for line in child.stdout):
        raise YardError(
            f"{weights} cannot be served",
            f"the trainer ended with exit code {child.wait()}",
            "name a model that Ultralytics has written",
        )
    return child


def _end_with(parent: int) -> None:
    """In a child before it starts: have it ended when this process dies, be it by SIGKILL."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before
            os.kill(os.getpid(), signal.SIGTERM)


def _end(child: subprocess.Popen[str] | None) -> None:
    """Let it answer what it has accepted."""
    if child is not None:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(60)
        child.kill()
