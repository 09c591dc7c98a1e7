"""`yard dev`: run the platform on this machine."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Annotated

import psutil
import typer
from rich.live import Live

from yard import locations
from yard.console import out
from yard.dev import processes
from yard.dev.screen import Screen
from yard.dev.service_stack import ServiceStack, end_leftovers
from yard.dev.services import left_out, page_missing, plan
from yard.dev.state_folder import StateFolder
from yard.errors import Code, YardError


def dev(
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="-- COMMAND",
            help="Run this command once all is ready, then stop everything and exit with its code.",
            show_default=False,
        ),
    ] = None,
    state: Annotated[Path, typer.Option(help="Folder for all data, logs and settings.")] = Path(
        locations.STATE_DIR
    ),
    port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65535,
            help="The backend's port. Default: the last one, else 8000, else a free one.",
            show_default=False,
        ),
    ] = None,
    trainers: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of further trainers' manifests: *.json or */trainer.json.",
            show_default=False,
        ),
    ] = None,
    mlflow: Annotated[bool, typer.Option("--mlflow", help="Also run an MLflow server.")] = False,
) -> None:
    """Run the platform on this machine: web page, backend, launcher, object store and Temporal."""
    folder = StateFolder(state)
    with folder.locked():
        end_leftovers(folder, out.print)
        folder.rotate_logs()
        services = plan(folder, port=port, mlflow=mlflow, trainers=trainers)
        url = services[-1].address
        screen = out.is_terminal and not out.is_dumb_terminal and not command
        if folder.moved and not screen:
            _tell(folder.moved)
        stack = ServiceStack(folder, services, _ignore if screen else _tell)
        with _stop_on_signals(stack) as stop:
            code = _run(folder, stack, url, command, stop, screen=screen)
    raise typer.Exit(code)


def _ignore(message: str) -> None:
    """Drop the message: the screen shows the same."""


def _tell(message: str) -> None:
    """Print the message. On a broken pipe go on: the services still have to be stopped."""
    with contextlib.suppress(OSError, SystemExit):  # rich exits on a broken pipe
        out.print(message)


@contextlib.contextmanager
def _stop_on_signals(stack: ServiceStack) -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C, SIGTERM or a closed terminal sets; a second one ends all at once."""
    stop, heard = threading.Event(), list[int]()

    def handle(number: int, frame: FrameType | None) -> None:
        heard.append(number)
        event = stop if len(heard) == 1 else stack.hurry
        # Not here: this interrupts the thread that waits for the event, and may hold its lock.
        threading.Thread(target=event.set, daemon=True).start()

    kinds = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {kind: signal.signal(kind, handle) for kind in kinds}
    try:
        yield stop
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def _run(
    folder: StateFolder,
    stack: ServiceStack,
    url: str,
    command: list[str] | None,
    stop: threading.Event,
    *,
    screen: bool,
) -> int:
    """Run the services until `stop` is set or the command ends; return the exit code."""
    page = next((one.service.address for one in stack.runners if one.name == "page"), "")
    start = page and f"{page}/#token={folder.token}"  # no server sees what is behind the #
    view = Screen(stack, url, start, str(folder.root), folder.moved)
    live = Live(view, console=out, refresh_per_second=2) if screen else contextlib.nullcontext()
    began = time.monotonic()
    with live:
        stack.start()
        try:
            if not stack.wait_ready(stop):
                return Code.INTERRUPTED
            folder.announce(url)
            if not screen:
                _tell(f"The web page is at {start}" if start else page_missing())
                _tell(f"Trainyard is ready at {url} after {time.monotonic() - began:.1f} s")
            if wrong := left_out(url):
                _tell(f"warning: {wrong}")
            if command:
                told = {"YARD_URL": url, "YARD_PAGE_URL": page, "YARD_TOKEN": folder.token}
                return _command(command, told, stop)
            stop.wait()
            return Code.OK
        finally:
            folder.withdraw()
            view.closing = "stopping … (press Ctrl-C again to stop immediately)"
            if not screen:
                _tell("stopping …")
            stack.end()
            view.closing = "stopped"
            if not screen:
                _tell("stopped; nothing is left running")


def _command(command: list[str], told: dict[str, str], stop: threading.Event) -> int:
    """Run the command with these variables; return its exit code."""
    try:
        child = subprocess.Popen(command, env=os.environ | told)
    except OSError as error:
        raise YardError(
            f"cannot run {command[0]}", str(error), "name a program after --", Code.USAGE
        ) from error
    while child.poll() is None:
        if stop.wait(0.1):
            with contextlib.suppress(psutil.NoSuchProcess):
                processes.end(psutil.Process(child.pid), children=True)
            child.wait()
            return Code.INTERRUPTED
    return child.returncode if child.returncode >= 0 else 128 - child.returncode
