"""`yard job logs`: what a job's trainer prints, on its first node or another."""

import codecs
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from yard import console, formatting
from yard.arguments import JobId
from yard.client import Client, Json
from yard.commands.job_follow import stream
from yard.commands.model import NODE_LOG
from yard.errors import Code, YardError
from yard.options import AsJson, Url, client
from yard.transfer import download

_CHUNK = 1 << 16


def logs(
    job_id: JobId,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Follow the log until the job ends.")
    ] = False,
    node: Annotated[
        int,
        typer.Option(min=0, help="The node, of a job with several: its latest attempt's log."),
    ] = 0,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Print the log of a job's trainer."""
    api = client(url)
    found = api.find("jobs", job_id)
    if node:
        if follow:
            raise YardError(
                "the log of node 0 alone can be followed",
                "that of another is stored every few seconds",
                "leave out --follow, and run the command again for what is new",
                Code.USAGE,
            )
        _print_node(api, found, node, as_json=as_json)
        return
    if follow:
        for event in stream(api, found["id"]):
            if event.kind == "log":
                _emit(event.data["text"], event.data["offset"], as_json=as_json)
        return
    offset, decoder = 0, codecs.getincrementaldecoder("utf-8")("replace")
    while True:
        response = api.read(f"/jobs/{found['id']}/logs", offset=offset)
        if not response.content:
            return
        _emit(decoder.decode(response.content), offset, as_json=as_json)
        offset = int(response.headers["X-Log-Offset"])


def _print_node(api: Client, job: Json, node: int, *, as_json: bool) -> None:
    """Print the log that the node's latest attempt has stored among the job's files."""
    items = api.get(f"/jobs/{job['id']}/artifacts")["items"]
    stored = {
        int(name["attempt"]): item
        for item in items
        if (name := NODE_LOG.fullmatch(item["name"])) and int(name["node"]) == node
    }
    if not stored:
        nodes = job["resources"].get("nodes", 1)
        raise YardError(
            f"job {job['id']} has no log of node {node}",
            f"it asks for {nodes} {'nodes' if nodes > 1 else 'node'}, counted from 0; the Ultralytics "
            "trainer stores a node's log a few seconds after its first line, an own trainer may not",
            f"look at its pod: `kubectl get pods -n platform -l trainyard.dev/job={job['id']}`",
            Code.NOT_FOUND,
        )
    offset, decoder = 0, codecs.getincrementaldecoder("utf-8")("replace")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "log"
        # It may have grown since its sha256 was asked for.
        download(stored[max(stored)] | {"sha256": None}, file, lambda _: None)
        with file.open("rb") as log:
            while data := log.read(_CHUNK):
                _emit(decoder.decode(data), offset, as_json=as_json)
                offset += len(data)


def _emit(text: str, offset: int, *, as_json: bool) -> None:
    if as_json:
        console.print_json_line({"offset": offset, "text": text})
    else:
        # A trainer may print control codes for a terminal of its own.
        typer.echo(formatting.strip_control_codes(text), nl=False)
