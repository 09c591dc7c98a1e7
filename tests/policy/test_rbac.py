"""All permissions on the Kubernetes API."""

from chart import Rendered

ROLES = {
    "backend": [
        {
            "apiGroups": ["batch"],
            "resources": ["jobs"],
            "verbs": ["create", "delete", "get", "list", "patch", "watch"],
        },
        {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [""], "resources": ["events"], "verbs": ["list", "watch"]},
        # An attempt's callback token, owned by its Job; never read.
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]},
        # Between the nodes of one attempt, owned by its Job.
        {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": ["create"]},
    ],
    "prometheus": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}],
}

# Where trainer.job.kueue is switched on.
KUEUE = [
    {"apiGroups": ["kueue.x-k8s.io"], "resources": ["workloads"], "verbs": ["list", "watch"]},
    {
        "apiGroups": ["visibility.kueue.x-k8s.io"],
        "resources": ["localqueues/pendingworkloads"],
        "verbs": ["get"],
    },
]


def test_roles(rendered: Rendered) -> None:
    [backend, *_] = rendered.get("Deployment", "backend")["spec"]["template"]["spec"]["containers"]
    has_kueue = {"name": "KUEUE", "value": "true"} in backend["env"]
    roles = {item["metadata"]["name"]: item["rules"] for item in rendered.kind("Role")}
    assert roles == ROLES | {"backend": ROLES["backend"] + KUEUE * has_kueue}


def test_accounts_mount_nothing_by_themselves(rendered: Rendered) -> None:
    accounts = rendered.kind("ServiceAccount")
    assert {item["metadata"]["name"] for item in accounts} == {"backend", "prometheus", "trainer"}
    assert all(item["automountServiceAccountToken"] is False for item in accounts)
