"""Every setting of the backend, read from the environment once."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from trainyard_manifest import Limits


class Placement(BaseModel):
    """Where Jobs that ask for it run; the keys are the chart's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nodeSelector: dict[str, str] = {}  # noqa: N815
    tolerations: list[dict[str, Any]] = []
    queueName: str = ""  # noqa: N815


class DatabaseSettings(BaseSettings):
    """What `migrate` and `token` need of the environment.

    Raises:
        pydantic.ValidationError: naming each variable that is missing or wrong.
    """

    model_config = SettingsConfigDict(frozen=True, use_attribute_docstrings=True)

    database_url: str
    """sqlite+aiosqlite:///PATH or postgresql+asyncpg://USER:PASSWORD@HOST/NAME"""


class Settings(DatabaseSettings):
    """The environment, checked.

    Raises:
        pydantic.ValidationError: naming each variable that is missing or wrong.
    """

    training_mode: Literal["subprocess", "kubernetes"] = "subprocess"
    """What runs attempts: the launcher, or Kubernetes Jobs"""
    backend_url: str
    """Where trainers reach this backend, no trailing slash"""

    minio_endpoint: str | None = None
    """The object store's internal address; this or R2_ENDPOINT"""
    r2_endpoint: str | None = None
    """The address of R2, S3 or another store outside; see MINIO_ENDPOINT"""
    s3_public_endpoint: str | None = None
    """Where browsers and the CLI reach the store; default: the same"""
    aws_access_key_id: SecretStr
    """The store's access key"""
    aws_secret_access_key: SecretStr
    """The store's secret key"""
    aws_region: str = "us-east-1"
    """The store's region; R2: auto"""
    sts_endpoint: str | None = None
    """Where the store hands out keys for a time (STS); default: the store's address"""
    trainer_credentials: Literal["attempt", "shared"] = "attempt"
    """`attempt`: each has keys of its own for the store; `shared`: all have the backend's"""
    trainer_credentials_s: int = Field(default=12 * 3600, ge=900, le=12 * 3600)
    """How long an attempt's keys are valid, in seconds; trainers ask for new ones in time"""
    trainer_role_arn: str = "arn:aws:iam::000000000000:role/attempt"
    """The role that attempts' keys are of; MinIO does not look at it"""
    datasets_bucket: str = "datasets"
    """The bucket of datasets"""
    models_bucket: str = "models"
    """The bucket of checkpoints and artifacts"""

    temporal_address: str = "localhost:7233"
    """HOST:PORT of Temporal"""
    temporal_namespace: str = "default"
    """Temporal's namespace"""
    temporal_task_queue: str = "training"
    """The task queue; checks of datasets use {queue}-checks"""

    redis_url: SecretStr | None = None
    """redis://…; needed for live updates with more than one replica"""
    mlflow_tracking_uri: str | None = None
    """MLflow's address; without it no runs are kept there"""
    mlflow_tracking_username: str = ""
    """The user that MLflow knows the backend by; empty where it asks for none"""
    mlflow_tracking_password: SecretStr = SecretStr("")
    """That user's password"""

    trainers_dir: Path
    """The folder of the trainers' manifests"""
    launcher_socket: Path | None = None
    """The launcher's unix socket; needed with TRAINING_MODE=subprocess"""

    trainer_job_template: Path | None = None
    """YAML of the Job of an attempt, with its namespace; needed with TRAINING_MODE=kubernetes"""
    gpu_resource: str = "nvidia.com/gpu"
    """What a GPU is called in a Job's resources"""
    job_limits: Limits = Limits()
    """JSON; the most that one job may ask for"""
    job_placements: dict[str, Placement] = {}
    """JSON; by name where Jobs may run, as `trainer.job.placements`"""
    kueue: bool = False
    """Whether to read what Kueue says of training Jobs in its queues, as `trainer.job.kueue`"""
    job_priorities: list[str] = []
    """JSON; names of Kueue's WorkloadPriorityClasses that jobs may choose"""
    unschedulable_after_s: float = Field(default=600, gt=0)
    """How long an attempt may stay unschedulable, in seconds"""

    public_port: int | None = Field(default=None, gt=0, le=65535)
    """A second port, for users: the first one is for trainers alone then; default: one for all"""
    api_auth: Literal["on", "off"] = "on"
    """Whether users need a token (`python -m backend token`)"""
    api_token_sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    """The SHA-256 of a token that is known beside those of the database: `yard dev`'s"""
    allowed_hosts: list[str] = ["*"]
    """JSON; names under which the API answers, without ports"""
    cors_origins: list[str] = []
    """JSON; origins whose pages may use the API"""

    heartbeat_timeout_s: float = Field(default=20, gt=0)
    """Silence after which an attempt is lost, in seconds"""
    stall_timeout_s: float = Field(default=1800, gt=0)
    """Time without progress that ends an attempt, in seconds"""
    stop_grace_s: float = Field(default=10, ge=0)
    """From the request to stop until SIGKILL, in seconds"""
    max_open_jobs: int = Field(default=5000, gt=0)
    """How many jobs of one API token may not have ended"""
    max_dataset_bytes: int = Field(default=64 * 2**30, gt=0)
    """The largest archive that is taken, in bytes"""
    weights_download: str = Field(default="", pattern="^(https?://.+)?$")
    """Where official weights are fetched on first use, e.g. a mirror; empty: nowhere"""
    weights_sha256: dict[str, str] = {}
    """JSON; sha256 of official weights by name, instead of the first fetch's"""
    log_limit_bytes: int = Field(default=64 * 2**20, gt=0)
    """The most that is kept of a job's log, in bytes"""

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if (self.minio_endpoint is None) == (self.r2_endpoint is None):
            raise ValueError("set exactly one of MINIO_ENDPOINT and R2_ENDPOINT")
        own = {"subprocess": "launcher_socket", "kubernetes": "trainer_job_template"}
        if getattr(self, needed := own[self.training_mode]) is None:
            raise ValueError(f"TRAINING_MODE={self.training_mode} needs {needed.upper()}")
        if not (self.mlflow_tracking_uri or "http://").startswith(("http://", "https://")):
            raise ValueError("MLFLOW_TRACKING_URI must be a server's http:// or https:// address")
        return self

    @property
    def mlflow_login(self) -> tuple[str, str] | None:
        """User and password, where MLflow asks for them."""
        user = self.mlflow_tracking_username
        return (user, self.mlflow_tracking_password.get_secret_value()) if user else None

    @property
    def s3_endpoint(self) -> str:
        """The store's internal address, as trainers get it in `S3_ENDPOINT`."""
        endpoint = self.minio_endpoint or self.r2_endpoint
        assert endpoint is not None  # noqa: S101 - _fit_together has seen to it
        return endpoint.rstrip("/")

    @property
    def public_endpoint(self) -> str:
        """The store's address in presigned links."""
        return (self.s3_public_endpoint or self.s3_endpoint).rstrip("/")
