"""Allowed connections, evaluated from the rendered NetworkPolicies as Kubernetes does."""

from urllib.parse import urlsplit

from chart import Manifest, Pod, Rendered, tier
from chart.cases import case
from chart.network import Flow, flows, outside

# All allowed connections of tier 2; docs/platform-network.md shows them.
ALLOWED: set[Flow] = {
    ("backend", "backend", 8000),
    ("backend", "minio", 9000),
    ("backend", "mlflow", 5000),
    ("backend", "postgres", 5432),
    ("backend", "redis", 6379),
    ("backend", "temporal", 7233),
    ("backend-migrate", "postgres", 5432),
    ("frontend", "backend", 8080),
    ("grafana", "prometheus", 9090),
    ("minio-buckets", "minio", 9000),
    ("mlflow", "minio", 9000),
    ("mlflow", "postgres", 5432),
    ("prometheus", "backend", 8000),
    ("prometheus", "grafana", 3000),
    ("prometheus", "minio", 9000),
    ("prometheus", "mlflow", 5000),
    ("prometheus", "prometheus", 9090),
    ("prometheus", "temporal", 9090),
    ("temporal", "postgres", 5432),
    ("temporal-namespace", "temporal", 7233),
    ("temporal-schema", "postgres", 5432),
    ("temporal-ui", "temporal", 7233),
    ("trainer", "backend", 8000),
    ("trainer", "minio", 9000),
}
STORES = {"postgres", "minio"}


def test_flows_of_each_tier() -> None:
    assert flows(tier("tier1")) == flows(tier("tier2")) == ALLOWED
    assert flows(tier("tier3")) == {
        flow for flow in ALLOWED if not STORES & set(flow[:2]) and flow[0] != "minio-buckets"
    }


def test_default_deny_in_both_directions(rendered: Rendered) -> None:
    spec = rendered.get("NetworkPolicy", "default-deny")["spec"]
    assert spec == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_each_pod_has_its_policy(rendered: Rendered) -> None:
    selected = {
        item["spec"]["podSelector"].get("matchLabels", {}).get("app")
        for item in rendered.kind("NetworkPolicy")
    }
    assert {pod.labels["app"] for pod in rendered.pods()} == selected - {None}


def test_dns_by_udp_and_tcp(rendered: Rendered) -> None:
    (rule,) = rendered.get("NetworkPolicy", "dns")["spec"]["egress"]
    assert {(port["protocol"], port["port"]) for port in rule["ports"]} == {
        ("UDP", 53),
        ("TCP", 53),
    }
    assert rule["to"][0]["podSelector"]["matchLabels"] == {"k8s-app": "kube-dns"}


def test_rules_name_ports_of_containers(rendered: Rendered) -> None:
    """Rules see the pods' ports, not the services': each is one that a container listens on."""
    ports = {
        pod.labels["app"]: {
            port["containerPort"]
            for container in pod.containers
            for port in container.get("ports", [])
        }
        for pod in rendered.pods()
    }
    for item in rendered.kind("NetworkPolicy"):
        app = item["spec"]["podSelector"].get("matchLabels", {}).get("app")
        for rule in item["spec"].get("ingress", []):
            assert {port["port"] for port in rule["ports"]} <= ports[app]


def test_egress_labels_are_selected_by_policies(pod: Pod) -> None:
    """Each egress label of a pod is selected by a policy."""
    read = {
        key
        for item in tier("tier2").kind("NetworkPolicy")
        for rule in item["spec"].get("ingress", [])
        for peer in rule.get("from", [])
        for key in peer.get("podSelector", {}).get("matchLabels", {})
    }
    asked = {key for key in pod.labels if key.startswith("trainyard.dev/to-")}
    assert asked - {f"trainyard.dev/to-{one}" for one in ("api-server", "sts", "weights")} <= read


def test_api_server_only_for_those_with_a_token(rendered: Rendered) -> None:
    talkers = {
        pod.labels["app"] for pod in rendered.pods() if "trainyard.dev/to-api-server" in pod.labels
    }
    assert talkers == {"backend", "prometheus"}
    for app in talkers:
        ports = [
            port["port"]
            for cidr, port in _blocks(rendered.get("NetworkPolicy", app))
            if cidr == "0.0.0.0/0"
        ]
        assert 6443 in ports


def _blocks(item: Manifest) -> list[tuple[str, Manifest]]:
    return [
        (peer["ipBlock"]["cidr"], port)
        for rule in item["spec"]["egress"]
        for peer in rule["to"]
        if "ipBlock" in peer
        for port in rule["ports"]
    ]


def test_trainers_reach_the_backend_and_the_store_only(rendered: Rendered) -> None:
    policy = rendered.get("NetworkPolicy", "trainer")["spec"]
    assert policy["ingress"] == []
    assert len(policy["egress"]) == 2


def test_only_the_backend_reaches_the_host_of_official_weights() -> None:
    ports = [{"protocol": "TCP", "port": 8081}]
    mirror = {"to": [{"ipBlock": {"cidr": "192.0.2.1/32"}}], "ports": ports}
    for name, allowed in (("weights-of-a-mirror", ["backend"]), ("tier3", [])):
        policies = case(name).kind("NetworkPolicy")
        found = [one for one in policies if mirror in one["spec"].get("egress", [])]
        assert [one["metadata"]["name"] for one in found] == allowed


def test_no_pod_reaches_the_metadata_service_of_a_cloud(rendered: Rendered) -> None:
    metadata = {"0.0.0.0/0": "169.254.0.0/16", "::/0": "fd00:ec2::254/128"}
    rules = [
        peer["ipBlock"]
        for item in rendered.kind("NetworkPolicy")
        for rule in item["spec"].get("egress", [])
        for peer in rule.get("to", [])
        if "ipBlock" in peer
    ]
    assert rules
    for block in rules:
        if block["cidr"] in metadata:
            assert metadata[block["cidr"]] in block["except"]


def test_trainers_reach_the_store_alone_or_what_is_public(rendered: Rendered) -> None:
    """Where the store may be anywhere, it is no pod, no node and no other machine of a private network."""
    rules = rendered.get("NetworkPolicy", "trainer")["spec"]["egress"]
    blocks = [peer["ipBlock"] for rule in rules for peer in rule["to"] if "ipBlock" in peer]
    private = {"10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "10.244.0.0/16"}
    for block in blocks:
        assert block["cidr"] != "0.0.0.0/0" or private <= {*block["except"]}


def test_a_store_in_a_network_of_the_cluster_opens_no_pod_and_no_node() -> None:
    rules = case("keys-by-sts").get("NetworkPolicy", "trainer")["spec"]["egress"]
    assert {"cidr": "10.0.0.0/8", "except": ["10.244.0.0/16", "10.10.16.0/20"]} in [
        peer["ipBlock"] for rule in rules for peer in rule["to"] if "ipBlock" in peer
    ]


def test_only_the_backend_asks_for_attempts_keys() -> None:
    ports = [{"protocol": "TCP", "port": 443}]
    rule = {"to": [{"ipBlock": {"cidr": "198.51.100.0/24"}}], "ports": ports}
    policies = case("keys-by-sts").kind("NetworkPolicy")
    found = [one["metadata"]["name"] for one in policies if rule in one["spec"].get("egress", [])]
    assert found == ["backend"]


def test_nothing_leads_from_outside_to_the_trainers_port(rendered: Rendered) -> None:
    """Whatever routes to the backend, by Ingress, Gateway, node port or the page, ends at its public port."""
    routed = [
        (backend["name"], backend["port"])
        for route in rendered.kind("HTTPRoute")
        for rule in route["spec"]["rules"]
        for backend in rule["backendRefs"]
    ]
    routed += [
        (path["backend"]["service"]["name"], path["backend"]["service"]["port"]["name"])
        for ingress in rendered.kind("Ingress")
        for rule in ingress["spec"]["rules"]
        for path in rule["http"]["paths"]
    ]
    services = rendered.kind("Service")
    # Of a Service of this type each port has a node port, asked for or not.
    routed += [
        (service["metadata"]["name"], port["port"])
        for service in services
        if service["spec"]["type"] == "NodePort"
        for port in service["spec"]["ports"]
    ]
    page = rendered.pod("Deployment/frontend").spec["containers"][0]["env"]
    [url] = [urlsplit(item["value"]) for item in page if item["name"] == "BACKEND_URL"]
    routed.append((str(url.hostname).partition(".")[0], url.port))
    ports = rendered.pod("Deployment/backend").containers[0]["ports"]
    numbers = {port["name"]: port["containerPort"] for port in ports}
    led = {
        numbers[port["targetPort"]]
        for service in services
        for port in service["spec"]["ports"]
        if service["spec"]["selector"] == {"app": "backend"}
        if {(service["metadata"]["name"], port[key]) for key in ("name", "port")} & {*routed}
    }
    assert led == {8080}
    admitted = {app for app, port, _ in outside(rendered) if port == 8000}
    assert "backend" not in admitted
    variables = rendered.pod("Deployment/backend").spec["containers"][0]["env"]
    assert {"name": "PUBLIC_PORT", "value": "8080"} in variables


def test_open_to_the_outside() -> None:
    nodes = {
        (app, port)
        for app, port, source in outside(tier("tier1"))
        if source == "0.0.0.0/0 except 10.244.0.0/16"
    }
    assert nodes == {
        ("backend", 8080),
        ("frontend", 3000),
        ("grafana", 3000),
        ("minio", 9000),
        ("minio", 9001),
        ("mlflow", 5000),
        ("prometheus", 9090),
        ("temporal-ui", 8080),
    }
    balanced = outside(case("cloud-load-balancer")) - outside(tier("tier3"))
    assert balanced == {("backend", 8080, "130.211.0.0/22"), ("frontend", 3000, "130.211.0.0/22")}
    assert outside(tier("tier3")) == {
        ("backend", 8080, "namespace traefik"),
        ("frontend", 3000, "namespace traefik"),
    }
