"""The live status screen of `yard dev`."""

import psutil
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from yard import formatting
from yard.dev import processes
from yard.dev.service_runner import ServiceRunner
from yard.dev.service_stack import ServiceStack, is_ready
from yard.dev.services import page_missing

_STYLE = {"ready": "green", "starting": "cyan", "waiting": "yellow", "failed": "bold red"}


class Screen:
    """The table of services; rich renders it at each refresh."""

    def __init__(
        self, stack: ServiceStack, url: str, page: str, folder: str, note: str = ""
    ) -> None:
        self._stack = stack
        self._url = url
        self._page = page
        self._folder = folder
        self._note = note
        self.closing = ""

    def __rich__(self) -> RenderableType:
        runners = self._stack.runners
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True)
        for column, justify in (("service", "left"), ("state", "left"), ("address", "left")):
            table.add_column(column, justify=justify, no_wrap=True)  # type: ignore[arg-type]
        table.add_column("memory", justify="right", no_wrap=True)
        table.add_column("up", justify="right", no_wrap=True)
        table.add_column("last log line", ratio=1, no_wrap=True, overflow="ellipsis")
        for runner in runners:
            table.add_row(*_row(runner))
        return Group(self._title(all(map(is_ready, runners))), table, self._footer())

    def _title(self, ready: bool) -> Text:
        if self.closing:
            return Text.assemble(("Trainyard", "bold"), "  ", (self.closing, "yellow"))
        note = (f"\n{self._note}" if self._note else "", "yellow")
        if not ready:
            return Text.assemble(("Trainyard", "bold"), f"  starting at {self._url} …", note)
        url = (self._url, "bold underline")
        return Text.assemble(("Trainyard", "bold"), "  ready at ", url, note)

    def _footer(self) -> Text:
        page = (self._page, "bold underline") if self._page else (page_missing(), "yellow")
        return Text.assemble(
            ("web page                   ", "dim"),
            page,
            "\n",
            ("API and its documentation  ", "dim"),
            f"{self._url}/docs\n",
            ("data and logs              ", "dim"),
            f"{self._folder}\n",
            ("In another terminal: yard dataset push DIR, yard train NAME. ", "dim"),
            ("Ctrl-C stops everything; trainings continue at the next start.", "dim"),
        )


def _row(runner: ServiceRunner) -> tuple[Text | str, ...]:
    state = runner.state
    if runner.restarts:
        state += f" (restarted {runner.restarts}x)"
    style = "yellow" if runner.state == "ready" and runner.note else _STYLE.get(runner.state, "dim")
    log = runner.last_lines(1) if runner.state != "stopped" else []
    return (
        runner.name,
        Text(state, style),
        runner.service.address or "—",
        _memory(runner),
        formatting.duration(runner.uptime),
        Text(runner.note, "yellow") if runner.note else Text(log[0] if log else "", "dim"),
    )


def _memory(runner: ServiceRunner) -> str:
    try:
        total = processes.memory(runner.process) if runner.process else 0
    except psutil.Error:
        total = 0
    return formatting.size(total) if total else "—"
