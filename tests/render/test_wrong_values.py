"""Wrong values files: Helm stops before it renders, names the key and says what is allowed.

Texts that are typed by hand are validations.yaml's: test_validations.py.
"""

import pytest
from chart import Values, overlay, render
from helm_python import HelmValuesError

# case: (values over tier 3's, the key as Helm names it, what it says)
WRONG: dict[str, tuple[Values, str, str]] = {
    "unknown component": ({"backned": {}}, "''", "'backned' not allowed"),
    "unknown key": (
        {"backend": {"replica": 2}},
        "/backend",
        "'replica' not allowed",
    ),
    "key of another component": (
        {"redis": {"persistence": {}}},
        "/redis",
        "'persistence' not allowed",
    ),
    "unknown secret": ({"secrets": {"postgres": "x"}}, "/secrets", "'postgres' not allowed"),
    "password in values": ({"database": {"password": "x"}}, "/database", "'password' not allowed"),
    "replicas as text": (
        {"backend": {"replicas": "2"}},
        "/backend/replicas",
        "got string, want integer",
    ),
    "no replica": ({"backend": {"replicas": 0}}, "/backend/replicas", "minimum: got 0, want 1"),
    "half a replica": (
        {"frontend": {"replicas": 1.5}},
        "/frontend/replicas",
        "got number, want integer",
    ),
    "tag as number": (
        {"postgres": {"image": {"tag": 18}}},
        "/postgres/image/tag",
        "got number, want string",
    ),
    "tag with spaces": (
        {"mlflow": {"image": {"tag": "v 3"}}},
        "/mlflow/image/tag",
        "does not match pattern",
    ),
    "digest without algorithm": (
        {"redis": {"image": {"digest": "abc"}}},
        "/redis/image/digest",
        "sha256:[0-9a-f]{64}",
    ),
    "image as one string": (
        {"minio": {"image": "minio:1"}},
        "/minio/image",
        "got string, want object",
    ),
    "pull policy": (
        {"images": {"pullPolicy": "ifnotpresent"}},
        "/images/pullPolicy",
        "'Always', 'IfNotPresent', 'Never'",
    ),
    "pull secrets as one string": (
        {"images": {"pullSecrets": "x"}},
        "/images/pullSecrets",
        "want array",
    ),
    "node port out of range": (
        {"backend": {"nodePort": 8000}},
        "/backend/nodePort",
        "minimum: got 8,000, want 30,000",
    ),
    "API auth as boolean": ({"backend": {"apiAuth": True}}, "/backend/apiAuth", "'on', 'off'"),
    "unknown setting": (
        {"backend": {"settings": {"HEARTBEAT_TIMEOUT": 5}}},
        "/backend/settings",
        "'HEARTBEAT_TIMEOUT' not allowed",
    ),
    "setting of the chart": (
        {"backend": {"settings": {"TRAINING_MODE": "x"}}},
        "/backend/settings",
        "'TRAINING_MODE' not allowed",
    ),
    "TLS mode": ({"database": {"tls": "prefer"}}, "/database/tls", "'require', 'disable'"),
    "port out of range": (
        {"database": {"port": 70000}},
        "/database/port",
        "maximum: got 70,000, want 65,535",
    ),
    "size as number": (
        {"prometheus": {"persistence": {"size": 10}}},
        "/prometheus/persistence/size",
        "want string",
    ),
    "retention without unit": (
        {"prometheus": {"retention": "15"}},
        "/prometheus/retention",
        "h|d|w|y",
    ),
    "retention size in Kubernetes' unit": (
        {"prometheus": {"retentionSize": "8Gi"}},
        "/prometheus/retentionSize",
        "MB|GB|TB",
    ),
    "memory of Valkey in Kubernetes' unit": (
        {"redis": {"maxMemory": "64Mi"}},
        "/redis/maxMemory",
        "kb|mb|gb",
    ),
    "unknown resource": (
        {"backend": {"resources": {"limits": {"ram": "2Gi"}}}},
        "/backend/resources/limits",
        "'ram' not allowed",
    ),
    "relative source path": (
        {"trainer": {"liveSource": {"path": "apps/trainer"}}},
        "/trainer/liveSource/path",
        "does not match pattern",
    ),
    "taint effect": (
        {"scheduling": {"tolerations": [{"key": "gpu", "effect": "NoRun"}]}},
        "/scheduling/tolerations/0/effect",
        "'NoSchedule', 'PreferNoSchedule', 'NoExecute'",
    ),
    "node label as number": (
        {"trainer": {"job": {"nodeSelector": {"gpu": 1}}}},
        "/trainer/job/nodeSelector/gpu",
        "want string",
    ),
    "limit without unit": (
        {"trainer": {"job": {"limits": {"memory": "64"}}}},
        "/trainer/job/limits/memory",
        "does not match pattern",
    ),
    "unknown key of a placement": (
        {"trainer": {"job": {"placements": {"a100": {"node": "a100"}}}}},
        "/trainer/job/placements/a100",
        "'node' not allowed",
    ),
    "manifest without image": (
        {"trainer": {"manifests": {"other": {"name": "other", "version": "1"}}}},
        "/trainer/manifests/other",
        "missing properties 'image', 'command', 'tasks', 'config_schema'",
    ),
    "no history shard": (
        {"temporal": {"historyShards": 0}},
        "/temporal/historyShards",
        "minimum: got 0, want 1",
    ),
    "autoscaling in percent sign": (
        {"backend": {"autoscaling": {"cpuPercent": "70%"}}},
        "/backend/autoscaling/cpuPercent",
        "got string, want integer",
    ),
    "enabled as text": (
        {"grafana": {"enabled": "yes"}},
        "/grafana/enabled",
        "got string, want boolean",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_refused_with_the_key_and_what_is_allowed(case: str) -> None:
    values, key, allowed = WRONG[case]
    with pytest.raises(HelmValuesError) as caught:
        render(overlay("tier3"), values)
    text = str(caught.value)
    assert f"at '{key.strip(chr(39))}'" in text
    assert allowed in text
