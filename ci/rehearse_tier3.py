"""Rehearse tier 3: install overlays/tier3 in a new kind cluster, with PostgreSQL and an S3 server outside it, and run its smoke tests.

`make smoke TIER=tier3` runs it, on Linux, with Docker. Everything is removed at the end.

    CLUSTER=tier3          the cluster's name; an existing one is replaced
    KIND_IMAGE=kindest/…   its Kubernetes; default: that of the kind release
    HELM_ARGS="--set …"    passed to helm
    KEEP=1                 stay up after the tests until Ctrl-C
"""

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import yaml
from smoke.tier3.outside import PASSWORD, ROLES, Outside, outside
from support.manifests import manifests

ROOT = Path(__file__).resolve().parents[1]
CLUSTER = os.environ.get("CLUSTER", "tier3")
OVERLAY = yaml.safe_load((ROOT / "overlays/tier3/values.yaml").read_text())
REHEARSAL = "tests/smoke/tier3/values.yaml"
HOST = OVERLAY["exposure"]["host"]
VERSION = yaml.safe_load((ROOT / "charts/platform/Chart.yaml").read_text())["appVersion"]
TRAEFIK = "traefik:v3.7"
SUITE = [
    "tests/strict_s3",
    "tests/smoke/every_tier/test_training.py",
    "tests/smoke/every_tier/test_up.py::test_pod_security_is_enforced",
    "tests/smoke/every_tier/test_up.py::test_the_documented_wait_works",
    "tests/smoke/every_tier/test_up.py::test_the_backend_reaches_its_dependencies",
    "tests/smoke/every_tier/test_upgrade.py",
    "tests/smoke/tier3",
]


def run(command: str, *more: str, text: str | None = None) -> None:
    subprocess.run([*shlex.split(command), *more], check=True, cwd=ROOT, input=text, text=True)


def ask(command: str) -> str:
    done = subprocess.run(
        shlex.split(command), check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    return done.stdout.strip()


def step(words: str) -> None:
    print(f"── {time.strftime('%H:%M:%S')} {words}", flush=True)


@contextmanager
def cluster() -> Iterator[None]:
    image = ["--image", os.environ["KIND_IMAGE"]] if os.environ.get("KIND_IMAGE") else []
    run(f"kind delete cluster --name {CLUSTER}")
    run(f"kind create cluster --name {CLUSTER} --wait 120s", *image)
    try:
        yield
    finally:
        run(f"kind delete cluster --name {CLUSTER}")


def load_images() -> None:
    """The images of tiers 1 and 2, by the names that the overlay gives them."""
    names = []
    for component, image in (
        ("backend",) * 2,
        ("frontend",) * 2,
        ("trainer", "trainer-ultralytics"),
    ):
        name = f"{OVERLAY[component]['image']['repository']}:{VERSION}"
        run(f"docker tag {image}:latest {name}")
        names.append(name)
    if not ask(f"docker images -q {TRAEFIK}"):
        run(f"docker pull {TRAEFIK}")
    run(f"kind load docker-image --name {CLUSTER}", TRAEFIK, *names)


def gateway() -> str:
    """This machine's address in the network of kind's nodes."""
    configs = json.loads(ask("docker network inspect kind --format '{{json .IPAM.Config}}'"))
    return next(str(item["Gateway"]) for item in configs if "." in item.get("Gateway", ""))


def node() -> str:
    form = "{{.NetworkSettings.Networks.kind.IPAddress}}"
    return ask(f"docker inspect {CLUSTER}-control-plane --format '{form}'")


def prepare(there: Outside, folder: Path) -> None:
    """The steps of docs/platform.md before the installation."""
    run("kubectl apply -f overlays/namespace/namespace.yaml")
    run("kubectl config set-context --current --namespace platform")
    secrets = {
        "database": {f"{role}-password": PASSWORD for role in ROLES},
        "redis": {"redis-password": PASSWORD},
        "objectStore": {
            "access-key-id": there.proxy.store.access_key,
            "secret-access-key": there.proxy.store.secret_key,
            "mlflow-access-key-id": there.proxy.store.access_key,
            "mlflow-secret-access-key": there.proxy.store.secret_key,
        },
        "mlflow": {"mlflow-admin-password": PASSWORD},
        "grafana": {"grafana-password": PASSWORD},
    }
    for concern, content in secrets.items():
        literals = [f"--from-literal={key}={value}" for key, value in content.items()]
        run(f"kubectl create secret generic {OVERLAY['secrets'][concern]}", *literals)
    for name, path in (
        ("database-authority", there.database_authority),
        ("store-authority", there.proxy.authority),
    ):
        run(f"kubectl create configmap {name} --from-file=ca.crt={path}")
    certificate = there.authority.issue_cert(HOST)
    certificate.private_key_pem.write_to_path(folder / "host.key")
    certificate.cert_chain_pems[0].write_to_path(folder / "host.crt")
    secret = OVERLAY["exposure"]["ingress"]["tlsSecret"]
    run(f"kubectl create secret tls {secret} --key {folder}/host.key --cert {folder}/host.crt")
    run("kubectl apply -f tests/smoke/tier3/traefik.yaml")


def install(there: Outside, folder: Path) -> None:
    values = {
        "database": {
            "host": there.address,
            "port": there.database_port,
            "cidr": f"{there.address}/32",
        },
        "objectStore": {
            "endpoint": there.proxy.store.endpoint,
            "port": there.store_port,
            "cidr": f"{there.address}/32",
        },
        "networkPolicy": {"apiServerCidr": f"{node()}/32"},
        "trainer": {"manifests": {"minimal": manifests(cpu=0.2)["minimal"]}},
    }
    addresses = folder / "addresses.yaml"
    addresses.write_text(yaml.safe_dump(values))
    run(
        "helm install platform charts/platform -n platform --wait --timeout 10m",
        *("-f", "overlays/tier3/values.yaml", "-f", REHEARSAL, "-f", str(addresses)),
        *shlex.split(os.environ.get("HELM_ARGS", "")),
    )
    run(
        "kubectl wait --for=condition=complete --timeout=300s job -l app.kubernetes.io/part-of=platform"
    )
    run("kubectl rollout status -n traefik deployment/traefik --timeout=60s")


def forward(stack: ExitStack, service: str, port: int) -> str:
    """`kubectl port-forward` until the end; returns the URL."""
    command = ["kubectl", "port-forward", "-n", "platform", f"svc/{service}", f":{port}"]
    child = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    stack.callback(child.terminate)
    assert child.stdout
    return f"http://{child.stdout.readline().split()[2]}"


def test(there: Outside) -> int:
    token = ask("kubectl exec deployment/backend -- python -m backend token create rehearsal")
    with ExitStack() as stack:
        os.environ |= {
            "SSL_CERT_FILE": str(there.proxy.authority),
            "SMOKE_API": f"https://{node()}:30443",
            "SMOKE_API_HEADERS": json.dumps({"Host": HOST, "Authorization": f"Bearer {token}"}),
            "SMOKE_MLFLOW": forward(stack, "mlflow", 5000).replace("//", f"//admin:{PASSWORD}@"),
            "SMOKE_PROMETHEUS": forward(stack, "prometheus", 9090),
            "SMOKE_TEMPORAL_UI": forward(stack, "temporal-ui", 8080),
            "SMOKE_DATABASE": there.database,
            "SMOKE_CPU": "0.3",  # two backends stand beside it
            "SMOKE_STORE": there.proxy.store.endpoint,
            "SMOKE_STORE_LOG": str(there.proxy.log),
        }
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-o", "timeout=400", *SUITE], check=False, cwd=ROOT
        )
        if os.environ.get("KEEP"):
            step(f"KEEP is set: until Ctrl-C with KUBECONFIG={os.environ['KUBECONFIG']}")
            signal.pause()
    return done.returncode


def main() -> int:
    os.environ["PATH"] = f"{ROOT / '.tools/cluster/bin'}{os.pathsep}{os.environ['PATH']}"
    os.environ["CLUSTER"] = CLUSTER
    os.environ["TRAINER_IMAGE"] = f"{OVERLAY['trainer']['image']['repository']}:{VERSION}"
    with tempfile.TemporaryDirectory(prefix="trainyard-tier3-") as name:
        folder = Path(name)
        os.environ["KUBECONFIG"] = str(folder / "kubeconfig")  # nobody's current context changes
        step("making the cluster")
        with cluster(), outside(folder, gateway()) as there:
            step("loading the images")
            load_images()
            step("making Secrets, certificates and the Ingress controller")
            prepare(there, folder)
            step("installing the chart")
            try:
                install(there, folder)
            except subprocess.CalledProcessError:
                run(f"ci/diagnose.sh kind-{CLUSTER}")
                raise
            step("testing")
            return test(there)


if __name__ == "__main__":
    sys.exit(main())
