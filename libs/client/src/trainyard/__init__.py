"""Trainyard's Python client: push a dataset, train, wait, and have the model.

    import trainyard

    client = trainyard.Client()
    client.push("pages", name="digits", task="detect")
    job = client.train("digits", model="yolo11n", epochs=20)
    job.wait()
    path = job.model()

`AsyncClient` has the same methods as coroutines. `attach(model)` shows a training of your own
script as a job.
"""

from trainyard.async_client import AsyncClient, AsyncJob
from trainyard.attach import attach
from trainyard.client import Client, Job
from trainyard.errors import JobFailed, Refused, TrainyardError, Unreachable

__all__ = [
    "AsyncClient",
    "AsyncJob",
    "Client",
    "Job",
    "JobFailed",
    "Refused",
    "TrainyardError",
    "Unreachable",
    "attach",
]
