"""Pods that start before their dependencies wait and log what they wait for, with valid scripts."""

import ast
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from chart import CHART, Pod, Rendered, tier

# Waits by itself, and reports it in /readyz and its logs.
PATIENT = {"backend"}


def scripts(pod: Pod) -> dict[str, str]:
    """Shell scripts of a pod's containers, by container."""
    return {
        container["name"]: container["command"][2]
        for container in pod.containers
        if container.get("command", [])[:2] == ["sh", "-ec"]
    }


def test_what_needs_the_database_waits_for_it(rendered: Rendered) -> None:
    for pod in rendered.pods():
        if "trainyard.dev/to-database" in pod.labels and pod.labels["app"] not in PATIENT:
            first = pod.spec["initContainers"][0]
            assert first["name"] in {"wait-for-database", "wait-for-schema"}, pod.owner


def test_waiting_says_for_what(pod: Pod) -> None:
    for name, script in scripts(pod).items():
        for loop in script.split("until ")[1:]:
            assert 'echo "waiting for ' in loop.split("done")[0], (pod.owner, name)


def test_temporal_waits_for_the_schema_that_the_job_marks() -> None:
    def version(pod: Pod, container: str) -> str:
        found = next(item for item in pod.containers if item["name"] == container)
        environment: dict[str, str] = {item["name"]: item.get("value", "") for item in found["env"]}
        return environment["SCHEMA_VERSION"]

    job, server = tier("tier2").pod("Job/temporal-schema"), tier("tier2").pod("Deployment/temporal")
    assert version(job, "mark-schema") == version(server, "wait-for-schema")
    assert [item["name"] for item in job.containers] == [
        "wait-for-database",
        "schema",
        "mark-schema",
    ]


def test_shell_is_sound(pod: Pod, tmp_path: Path) -> None:
    for name, script in scripts(pod).items():
        path = tmp_path / f"{name}.sh"
        path.write_text(f"#!/bin/sh\nset -e\n{script}")
        checker = Path(sys.executable).with_name("shellcheck")
        done = subprocess.run([checker, path], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_python_is_sound(pod: Pod) -> None:
    commands = [container.get("command", []) for container in pod.containers]
    probes = [
        container[probe]["exec"]["command"]
        for container in pod.containers
        for probe in ("startupProbe", "readinessProbe", "livenessProbe")
        if "exec" in container.get(probe, {})
    ]
    for command in [*commands, *probes]:
        if command[:2] == ["python", "-c"]:
            ast.parse(command[2])


@pytest.mark.parametrize("path", sorted(CHART.glob("files/**/*.sh")), ids=lambda path: path.name)
def test_script_files_are_sound(path: Path) -> None:
    checker = Path(sys.executable).with_name("shellcheck")
    done = subprocess.run([checker, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_init_scripts_are_run_not_sourced() -> None:
    """PostgreSQL's entry point sources scripts that are not executable, and would keep their `set -u`."""
    volumes = tier("tier2").pod("StatefulSet/postgres").spec["volumes"]
    (init,) = [volume["configMap"] for volume in volumes if volume["name"] == "init"]
    assert init["defaultMode"] == 0o555


@pytest.mark.parametrize(
    ("status", "body"), [(204, b""), (503, b"The database is away.\nSo is S3.")]
)
def test_the_events_of_an_unready_backend_say_what_is_missing(status: int, body: bytes) -> None:
    class Backend(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

    container = tier("tier2").pod("Deployment/backend").spec["containers"][0]
    shell, flag, script = container["readinessProbe"]["exec"]["command"]
    with HTTPServer(("127.0.0.1", 0), Backend) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        command = [shell, flag, script.replace("/8000", f"/{server.server_port}")]
        done = subprocess.run(command, capture_output=True, check=False, timeout=10)
    assert (done.returncode, done.stdout) == (int(status == 503), body)
