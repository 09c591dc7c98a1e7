"""Keys of objects in the store, as docs/training-contract.json has them."""


def dataset(dataset_id: str) -> str:
    """In the bucket of datasets: the archive."""
    return f"{dataset_id}.zip"


def dataset_index(dataset_id: str) -> str:
    """Beside the archive: which of its files training reads."""
    return f"{dataset_id}.jsonl"


def job(job_id: str) -> str:
    """In the bucket of models, as those below: the prefix of all that a job's attempts store."""
    return f"{job_id}/"


def attempt(job_id: str, number: int | str) -> str:
    """The prefix of all that one attempt stores."""
    return f"{job_id}/{number}/"


def weights(sha256: str) -> str:
    """Beside the jobs: a file that trainings start from."""
    return f"weights/{sha256}.pt"


def asset_sha256(name: str) -> str:
    """Beside the weights: the sha256 that an official file had when it was first fetched."""
    return f"weights/{name}.sha256"


def checkpoint(job_id: str, attempt: int | str) -> str:
    return f"{job_id}/{attempt}/checkpoint"


def artifact(job_id: str, attempt: int | str, name: str) -> str:
    return f"{job_id}/{attempt}/artifacts/{name}"
