"""Every setting of the backend, read from the environment once."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Placement(BaseModel):
    """Where Jobs that ask for it run; the keys are the chart's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nodeSelector: dict[str, str] = {}  # noqa: N815
    tolerations: list[dict[str, Any]] = []
    queueName: str = ""  # noqa: N815


class JobLimits(BaseModel):
    """The most that one job may ask for; None: no limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cpu: float | None = None
    memory: str | None = None
    gpu: int | None = None


class DatabaseSettings(BaseSettings):
    """What `migrate` and `token` need of the environment.

    Raises:
        pydantic.ValidationError: naming each variable that is missing or wrong.
    """

    model_config = SettingsConfigDict(frozen=True)

    database_url: str = Field(
        description="sqlite+aiosqlite:///PATH or postgresql+asyncpg://USER:PASSWORD@HOST/NAME"
    )


class Settings(DatabaseSettings):
    """The environment, checked.

    Raises:
        pydantic.ValidationError: naming each variable that is missing or wrong.
    """

    training_mode: Literal["subprocess", "kubernetes"] = "subprocess"
    backend_url: str = Field(description="Where trainers reach this backend, no trailing slash")

    minio_endpoint: str | None = None
    r2_endpoint: str | None = None
    s3_public_endpoint: str | None = Field(
        default=None, description="Where browsers and the CLI reach the store; default: the same"
    )
    aws_access_key_id: SecretStr
    aws_secret_access_key: SecretStr
    aws_region: str = "us-east-1"
    datasets_bucket: str = "datasets"
    models_bucket: str = "models"

    temporal_address: str = "localhost:7233"
    temporal_namespace: str = "default"
    temporal_task_queue: str = "training"

    redis_url: SecretStr | None = None
    mlflow_tracking_uri: str | None = None

    trainers_dir: Path
    launcher_socket: Path | None = Field(
        default=None, description="The launcher's unix socket; needed with TRAINING_MODE=subprocess"
    )

    trainer_job_template: Path | None = Field(
        default=None,
        description="YAML of the Job of an attempt; needed with TRAINING_MODE=kubernetes",
    )
    kubernetes_namespace: str | None = Field(
        default=None, description="Where training Jobs run; default: the backend's own"
    )
    gpu_resource: str = Field(
        default="nvidia.com/gpu", description="What a GPU is called in a Job's resources"
    )
    job_limits: JobLimits = JobLimits()
    job_placements: dict[str, Placement] = {}
    unschedulable_after_s: float = Field(
        default=600, gt=0, description="How long an attempt may stay unschedulable, in seconds"
    )

    api_auth: Literal["on", "off"] = "on"
    cors_origins: list[str] = []

    heartbeat_timeout_s: float = Field(default=20, gt=0)
    stall_timeout_s: float = Field(default=1800, gt=0)
    stop_grace_s: float = Field(default=10, ge=0)
    max_dataset_bytes: int = Field(default=64 * 2**30, gt=0)
    log_limit_bytes: int = Field(default=64 * 2**20, gt=0)

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if (self.minio_endpoint is None) == (self.r2_endpoint is None):
            raise ValueError("set exactly one of MINIO_ENDPOINT and R2_ENDPOINT")
        if self.training_mode == "subprocess" and self.launcher_socket is None:
            raise ValueError("TRAINING_MODE=subprocess needs LAUNCHER_SOCKET")
        if self.training_mode == "kubernetes" and self.trainer_job_template is None:
            raise ValueError("TRAINING_MODE=kubernetes needs TRAINER_JOB_TEMPLATE")
        if not (self.mlflow_tracking_uri or "http://").startswith(("http://", "https://")):
            raise ValueError("MLFLOW_TRACKING_URI must be a server's http:// or https:// address")
        return self

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
