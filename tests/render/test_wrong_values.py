"""Wrong values files: Helm stops before it renders, names the key and says what is allowed.

The form of texts is _formats.tpl's: test_formats.py.
"""

import pytest
from chart import Values, overlay, render
from chart.cases import MANIFEST
from helm_python import HelmValuesError

UNDOCUMENTED = {"type": "object", "properties": {"epochs": {"type": "integer"}}}

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
    "unknown resource": (
        {"backend": {"resources": {"limits": {"ram": "2Gi"}}}},
        "/backend/resources/limits",
        "'ram' not allowed",
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
    "unknown key of a placement": (
        {"trainer": {"job": {"placements": {"a100": {"node": "a100"}}}}},
        "/trainer/job/placements/a100",
        "'node' not allowed",
    ),
    "manifest without image": (
        {"trainer": {"manifests": {"other": {"name": "other", "version": "1"}}}},
        "/trainer/manifests/other",
        "missing properties 'description', 'image', 'command', 'tasks', 'config_schema'",
    ),
    "command of a manifest as one string": (
        {"trainer": {"manifests": {"other": {**MANIFEST, "command": "python train.py"}}}},
        "/trainer/manifests/other/command",
        "got string, want array",
    ),
    "task that no dataset has": (
        {"trainer": {"manifests": {"other": {**MANIFEST, "tasks": ["count"]}}}},
        "/trainer/manifests/other/tasks/0",
        "'detect', 'segment', 'classify', 'pose', 'obb'",
    ),
    "field of a config without default": (
        {"trainer": {"manifests": {"other": {**MANIFEST, "config_schema": UNDOCUMENTED}}}},
        "/trainer/manifests/other/config_schema/properties/epochs",
        "missing properties 'default', 'description'",
    ),
    "config_schema without properties": (
        {"trainer": {"manifests": {"other": {**MANIFEST, "config_schema": {"type": "object"}}}}},
        "/trainer/manifests/other/config_schema",
        "missing property 'properties'",
    ),
    "unknown key of a manifest": (
        {"trainer": {"manifests": {"other": {**MANIFEST, "env": {}}}}},
        "/trainer/manifests/other",
        "'env' not allowed",
    ),
    "component as null": ({"minio": None}, "''", "missing property 'minio'"),
    "value as null": ({"database": {"tls": None}}, "/database", "missing property 'tls'"),
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
