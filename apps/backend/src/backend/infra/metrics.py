"""Prometheus metrics. Gauges are read from the database at each scrape."""

from prometheus_client import Counter, Gauge, Histogram

CALLBACKS = Counter(
    "trainyard_callbacks", "Requests of trainers by kind and HTTP status", ["kind", "status"]
)
UNKNOWN_FIELDS = Counter(
    "trainyard_unknown_fields", "Callbacks with fields that this version ignores, by kind", ["kind"]
)
ATTEMPTS_ENDED = Counter("trainyard_attempts_ended", "Attempts that ended, by cause", ["cause"])
STEP_FAILURES = Counter(
    "trainyard_step_failures", "Failed tries of a step that is repeated, by step", ["step"]
)
STEPS_GIVEN_UP = Counter(
    "trainyard_steps_given_up",
    "Steps that failed too often; the job, dataset or MLflow run says so, by step",
    ["step"],
)
for _step in ("launch", "settle", "finalize", "preflight", "mirror"):
    # A series that begins with 1 shows no increase.
    STEP_FAILURES.labels(_step)
    STEPS_GIVEN_UP.labels(_step)
START_LATENCY = Histogram(
    "trainyard_start_seconds",
    "From the creation of a job to the first batch of its first attempt",
    buckets=(0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600),
)
HEARTBEAT_BATCH = Histogram(
    "trainyard_heartbeat_batch_size",
    "Heartbeats written in one transaction",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
)
JOBS = Gauge("trainyard_jobs", "Jobs by state; the same on every replica", ["status"])
HEARTBEAT_AGE = Gauge(
    "trainyard_heartbeat_age_seconds",
    "Age of the oldest last heartbeat among running attempts; the same on every replica",
)
OLDEST_WAITING_JOB_AGE = Gauge(
    "trainyard_oldest_waiting_job_age_seconds",
    "By state: time since the longest waiting job was made, or its last attempt began or ended,"
    " without jobs that say what they wait for; the same on every replica",
    ["status"],
)
JOB_BEST = Gauge(
    "trainyard_job_best", "Main metric of the best model; newest 100 jobs", ["job_id", "metric"]
)
DATABASE_SIZE = Gauge(
    "trainyard_database_size_bytes",
    "Size of the backend's database, NaN for SQLite; the same on every replica",
)
DEPENDENCY_UP = Gauge(
    "trainyard_dependency_up",
    "Whether this replica reaches a dependency, as /readyz says: 1 yes, 0 no",
    ["name"],
)
