"""The status screen of `yard dev`."""

import psutil
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from yard import console
from yard.dev import processes
from yard.dev.service_runner import Runner
from yard.dev.service_stack import Supervisor, serves

_STYLE = {"ready": "green", "starting": "cyan", "waiting": "yellow", "failed": "bold red"}


class Screen:
    """Renders the services anew each time rich asks."""

    def __init__(self, supervisor: Supervisor, url: str, folder: str) -> None:
        self._supervisor = supervisor
        self._url = url
        self._folder = folder
        self.closing = ""

    def __rich__(self) -> RenderableType:
        runners = self._supervisor.runners
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True)
        for column, justify in (("service", "left"), ("state", "left"), ("address", "left")):
            table.add_column(column, justify=justify, no_wrap=True)  # type: ignore[arg-type]
        table.add_column("memory", justify="right", no_wrap=True)
        table.add_column("up", justify="right", no_wrap=True)
        table.add_column("last said", ratio=1, no_wrap=True, overflow="ellipsis")
        for runner in runners:
            table.add_row(*_row(runner))
        return Group(self._title(all(map(serves, runners))), table, self._footer())

    def _title(self, ready: bool) -> Text:
        if self.closing:
            return Text.assemble(("Trainyard", "bold"), "  ", (self.closing, "yellow"))
        if not ready:
            return Text.assemble(("Trainyard", "bold"), "  starting …")
        return Text.assemble(("Trainyard", "bold"), "  ready at ", (self._url, "bold underline"))

    def _footer(self) -> Text:
        return Text.assemble(
            ("API and its documentation  ", "dim"),
            f"{self._url}/docs\n",
            ("data and logs              ", "dim"),
            f"{self._folder}\n",
            ("In another terminal: yard dataset push DIR, yard train NAME. ", "dim"),
            ("Ctrl-C stops everything; trainings go on at the next start.", "dim"),
        )


def _row(runner: Runner) -> tuple[Text | str, ...]:
    words = runner.state
    if runner.restarts:
        words += f" (restarted {runner.restarts}x)"
    style = "yellow" if runner.state == "ready" and runner.note else _STYLE.get(runner.state, "dim")
    said = runner.last_lines(1) if runner.state != "stopped" else []
    return (
        runner.name,
        Text(words, style),
        runner.service.address or "—",
        _memory(runner),
        console.duration(runner.uptime),
        Text(runner.note, "yellow") if runner.note else Text(said[0] if said else "", "dim"),
    )


def _memory(runner: Runner) -> str:
    try:
        total = processes.memory(runner.process) if runner.process else 0
    except psutil.Error:
        total = 0
    return console.size(total) if total else "—"
