"""Tiers 2 and 3 differ exactly in the rows of the table in docs/from-tier-to-tier.md."""

from copy import deepcopy
from typing import Any

from chart import Manifest, label, tier

# Objects of only one of the two tiers.
ONLY_TIER2 = {
    # managed PostgreSQL
    "ConfigMap/postgres", "NetworkPolicy/postgres", "Service/postgres", "StatefulSet/postgres",
    # R2 or S3
    "Job/minio-buckets", "NetworkPolicy/minio", "NetworkPolicy/minio-buckets", "Service/minio", "StatefulSet/minio",
    # auth and secrets
    "Secret/development-passwords",
}  # fmt: skip
ONLY_TIER3 = {
    # replicas
    "HorizontalPodAutoscaler/backend", "HorizontalPodAutoscaler/frontend",
    "PodDisruptionBudget/backend", "PodDisruptionBudget/frontend",
    # ingress
    "Ingress/platform",
}  # fmt: skip

# Fields that differ, by row of the table. An environment variable is named by its container and name.
ROWS: dict[str, set[str]] = {
    "PostgreSQL": {
        *(f"Job/{job} env {variable}"
          for job, variables in {
              "backend-migrate": ("wait-for-database/PGHOST", "migrate/DATABASE_URL"),
              "temporal-schema": (
                  "wait-for-database/PGHOST", "schema/SQL_HOST", "schema/SQL_TLS", "mark-schema/PGHOST", "mark-schema/PGSSLMODE",
              ),
          }.items()
          for variable in variables),
        "Deployment/backend env backend/DATABASE_URL",
        "Deployment/mlflow env wait-for-database/PGHOST",
        *(f"Deployment/mlflow env {container}/MLFLOW_BACKEND_STORE_URI" for container in ("upgrade-schema", "mlflow")),
        "Deployment/temporal env wait-for-schema/PGHOST",
        "Deployment/temporal env wait-for-schema/PGSSLMODE",
        "Deployment/temporal env temporal/POSTGRES_SEEDS",
        "Deployment/temporal env temporal/SQL_TLS_ENABLED",
        "NetworkPolicy/backend-migrate spec.egress",
        "NetworkPolicy/temporal spec.egress",
        "NetworkPolicy/temporal-schema spec.egress",
    },
    "objects": {
        *(f"Deployment/backend env backend/{variable}"
          for variable in ("MINIO_ENDPOINT", "R2_ENDPOINT", "S3_PUBLIC_ENDPOINT", "AWS_REGION", "TRAINER_CREDENTIALS")),
        "Deployment/frontend env frontend/STORE_ORIGIN",
        "Deployment/mlflow env mlflow/AWS_REGION",
        "Deployment/mlflow env mlflow/AWS_DEFAULT_REGION",
        "Deployment/mlflow env mlflow/MLFLOW_S3_ENDPOINT_URL",
        "NetworkPolicy/backend spec.egress",  # also PostgreSQL
        "NetworkPolicy/mlflow spec.egress",  # also PostgreSQL
        "NetworkPolicy/trainer spec.egress",
    },
    "replicas": {"Deployment/backend spec.replicas", "Deployment/frontend spec.replicas"},
    "ingress": {
        "ConfigMap/frontend data.config.json",
        "Deployment/frontend checksum",
        "Deployment/grafana env grafana/GF_SERVER_ROOT_URL",
        "Deployment/temporal-ui env temporal-ui/TEMPORAL_CORS_ORIGINS",
        *(f"NetworkPolicy/{name} spec.ingress"
          for name in ("backend", "frontend", "grafana", "mlflow", "prometheus", "temporal-ui")),
        *(f"Service/{name} {field}"
          for name in ("backend-public", "frontend", "grafana", "mlflow", "prometheus", "temporal-ui")
          for field in ("spec.ports", "spec.type")),
    },
    "auth and secrets": {
        "Deployment/backend env backend/API_AUTH",
        *(f"Deployment/backend env backend/{variable}"
          for variable in (
              "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "DATABASE_PASSWORD", "MLFLOW_TRACKING_PASSWORD", "REDIS_PASSWORD",
          )),
        "Job/backend-migrate env migrate/DATABASE_PASSWORD",
        *(f"Deployment/mlflow env mlflow/{variable}"
          for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "DATABASE_PASSWORD", "MLFLOW_AUTH_ADMIN_PASSWORD")),
        "Deployment/mlflow env upgrade-schema/DATABASE_PASSWORD",
        "StatefulSet/prometheus volumes passwords",
        "Deployment/redis env redis/REDIS_PASSWORD",
        "Deployment/grafana env grafana/GF_SECURITY_ADMIN_PASSWORD",
        "Deployment/temporal env temporal/POSTGRES_PWD",
        "Deployment/temporal env wait-for-schema/PGPASSWORD",
        "Job/temporal-schema env schema/SQL_PASSWORD",
        "Job/temporal-schema env mark-schema/PGPASSWORD",
    },
    # No row of the table: own images come from a registry, by exact tags.
    "images": {
        "ConfigMap/trainer-job data.job.yaml",
        "ConfigMap/trainers data.ultralytics.json",
        "ConfigMap/trainers data.ultralytics-evaluate.json",
        "ConfigMap/trainers data.ultralytics-export.json",
        "ConfigMap/trainers data.ultralytics-predict.json",
        "Deployment/backend checksum",
        "Deployment/backend image backend",
        "Deployment/frontend image frontend",
        "Job/backend-migrate image migrate",
    },
}  # fmt: skip


def fields(item: Manifest) -> dict[str, Any]:
    """An object as a flat table: its workload's variables and images by name, the rest by its path."""
    found: dict[str, Any] = {}
    owner = label(item)
    spec = {**item.get("spec", {})}
    template = spec.pop("template", None)
    for key, value in spec.items():
        found[f"{owner} spec.{key}"] = value
    for key in item.keys() - {"spec", "metadata", "apiVersion", "kind", "data"}:
        found[f"{owner} {key}"] = item[key]
    for key, value in item.get("data", {}).items():
        found[f"{owner} data.{key}"] = value
    metadata = {key: value for key, value in item["metadata"].items() if key != "name"}
    found[f"{owner} metadata"] = metadata
    if template:
        annotations = template["metadata"].get("annotations", {})
        found[f"{owner} checksum"] = {
            key: value for key, value in annotations.items() if "checksum/" in key
        }
        pod = {**template["spec"]}
        for volume in pod.get("volumes", []):
            if "secret" in volume:
                found[f"{owner} volumes {volume['name']}"] = volume
        pod["volumes"] = [one for one in pod.get("volumes", []) if "secret" not in one]
        for container in [*pod.pop("initContainers", []), *pod.pop("containers")]:
            name = container["name"]
            for variable in container.pop("env", []):
                found[f"{owner} env {name}/{variable['name']}"] = variable
            found[f"{owner} image {name}"] = container.pop("image")
            found[f"{owner} container {name}"] = container
        found[f"{owner} pod"] = pod
        found[f"{owner} template"] = template["metadata"]["labels"]
    return found


def test_objects_that_only_one_tier_has() -> None:
    second, third = ({label(item) for item in tier(name).objects} for name in ("tier2", "tier3"))
    assert second - third == ONLY_TIER2
    assert third - second == ONLY_TIER3


def test_fields_that_differ() -> None:
    second, third = (
        {label(i): deepcopy(i) for i in tier(name).objects} for name in ("tier2", "tier3")
    )
    different: set[str] = set()
    for name in second.keys() & third.keys():
        left, right = fields(second[name]), fields(third[name])
        different |= {key for key in left.keys() | right.keys() if left.get(key) != right.get(key)}
    expected = set().union(*ROWS.values())
    assert different == expected
