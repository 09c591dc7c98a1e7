"""Sets of values that cover all uses of the chart; the policies hold for each."""

import json
from pathlib import Path

from chart import TIERS, Rendered, Values, overlay, render

TOLERATION = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
GPU_NODES: Values = {"nodeSelector": {"gpu": "a100"}, "tolerations": [TOLERATION]}
# Also used by the backend's tests.
MANIFEST: Values = json.loads((Path(__file__).parent / "trainers" / "other.json").read_text())

VARIANTS: dict[str, tuple[str, Values]] = {
    "gateway": (
        "tier3",
        {
            "exposure": {
                "mode": "gateway",
                "gateway": {"name": "public", "namespace": "gateways", "sectionName": "https"},
                "controllerNamespace": "envoy-gateway",
            }
        },
    ),
    "gateway-plain": ("tier3", {"exposure": {"mode": "gateway", "gateway": {"name": "public"}}}),
    "no-ingress-class": ("tier3", {"exposure": {"ingress": {"className": ""}}}),
    "cloud-load-balancer": ("tier3", {"exposure": {"controllerCidrs": ["130.211.0.0/22"]}}),
    "port-forward-only": ("tier3", {"exposure": {"mode": "none", "host": ""}}),
    "fixed-replicas": (
        "tier3",
        {
            "backend": {"replicas": 3, "autoscaling": {"enabled": False}},
            "frontend": {
                "replicas": 3,
                "autoscaling": {"enabled": False},
                "gpuHour": {"price": 2.5, "currency": "USD"},
            },
        },
    ),
    "scheduled": (
        "tier3",
        {
            "images": {"registry": "mirror.example.com", "pullSecrets": ["registry"]},
            "scheduling": {
                "priorityClassName": "system-cluster-critical",
                "nodeSelector": {"pool": "platform"},
                "tolerations": [TOLERATION],
            },
            "trainer": {
                "job": {
                    "queueName": "training",
                    "gang": "native",
                    "kueue": {"enabled": True, "priorities": ["normal", "high"]},
                    "nodeSelector": {"pool": "gpu"},
                    "tolerations": [TOLERATION],
                    "gpuResource": "amd.com/gpu",
                    "limits": {"memory": "64Gi", "gpu": 4},
                    "placements": {"a100": {"nodeSelector": {"gpu": "a100"}}},
                }
            },
            "networkPolicy": {"dnsCidrs": ["169.254.20.10/32"]},
        },
    ),
    "pinned": ("tier3", {"backend": {"image": {"digest": "sha256:" + "0" * 64}}}),
    "storage-class": (
        "tier2",
        {
            "postgres": {"persistence": {"storageClass": "fast"}},
            "minio": {"persistence": {"storageClass": "fast"}},
            "prometheus": {"persistence": {"storageClass": "fast"}},
        },
    ),
    "weights-of-a-mirror": (
        "tier3",
        {
            "weights": {
                "download": "http://mirror.example.com:8081/ultralytics",
                "sha256": {"yolo11n.pt": "0" * 64},
                "cidr": "192.0.2.1/32",
            }
        },
    ),
    "external-store": (
        "tier2",
        {"minio": {"enabled": False}, "objectStore": {"endpoint": "https://r2.example.com"}},
    ),
    "own-store-in-production": (
        "tier3",
        {
            "minio": {"enabled": True},
            "secrets": {"minio": "platform-minio"},
            "objectStore": {"endpoint": "", "publicEndpoint": "https://s3.example.com"},
        },
    ),
    "keys-by-sts": (
        "tier3",
        {
            "acceptedRisks": [],
            "trainer": {"credentials": "attempt"},
            "objectStore": {
                "endpoint": "https://s3.example.com",
                "cidr": "10.0.0.0/8",
                "sts": {
                    "endpoint": "https://sts.example.com",
                    "cidr": "198.51.100.0/24",
                    "roleArn": "arn:aws:iam::123456789012:role/attempts",
                },
            },
            "networkPolicy": {"nodeCidrs": ["10.10.16.0/20", "11.0.0.0/16"]},
        },
    ),
    "ca-bundles": (
        "tier3",
        {
            "database": {"caConfigMap": "database-ca"},
            "objectStore": {"caConfigMap": "store-ca"},
        },
    ),
    "launcher-with-ca-bundle": (
        "tier1",
        {
            "minio": {"enabled": False},
            "objectStore": {"endpoint": "https://r2.example.com", "caConfigMap": "store-ca"},
        },
    ),
    "production-without-grafana": (
        "tier3",
        {"grafana": {"enabled": False}, "secrets": {"grafana": ""}},
    ),
    "no-grafana": ("tier2", {"grafana": {"enabled": False}}),
    "image-source": (
        "tier1",
        {"trainer": {"liveSource": {"enabled": False}, "env": {"ON": "1"}}},
    ),
    "served-models": (
        "tier2",
        {
            "serving": {
                "models": {
                    "pages": {"model": "model:pages@production", "conf": 0.5, "imgsz": 96},
                    "parts": {"model": "job:8106bd69a841", "gpu": 1, "placement": "a100"},
                },
                "replicas": 2,
            },
            "scheduling": {"nodeSelector": {"zone": "a"}},
            "trainer": {"job": {"placements": {"a100": GPU_NODES}}},
        },
    ),
    "served-models-in-production": (
        "tier3",
        {
            "objectStore": {"caConfigMap": "store-ca"},
            "serving": {
                "models": {"pages": {"model": "model:pages/3"}},
                "tokenSecret": "serving-token",
                "autoscaling": {"enabled": True},
            },
        },
    ),
    "configured": (
        "tier2",
        {
            "backend": {
                "settings": {
                    "MAX_DATASET_BYTES": 2**40,
                    "CORS_ORIGINS": '["https://a.example.com"]',
                },
                "apiAuth": "on",
            },
            "trainer": {
                "manifests": {"other": MANIFEST},
                "env": {"NCCL_DEBUG": "INFO", "RANK_TIMEOUT_S": "60"},
                "job": {"ttlSeconds": 2592000},
            },
            "postgres": {"maxConnections": 1000000},
            "mlflow": {"allowedHosts": ["mlflow.example.com"]},
        },
    ),
}

CASES = (*TIERS, *VARIANTS)


def case_layers(name: str) -> tuple[Values, ...]:
    if name in TIERS:
        return (overlay(name),)
    base, values = VARIANTS[name]
    return overlay(base), values


def case(name: str) -> Rendered:
    return render(*case_layers(name))
