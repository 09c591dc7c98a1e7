"""What no release can be: each impossible combination fails with its cause, what is allowed and the cure, in these words."""

import pytest
from chart import CHART, Values, overlay, render
from chart.cases import MANIFEST
from helm_python import HelmRenderError

TIER1, TIER2, TIER3 = (overlay(name) for name in ("tier1", "tier2", "tier3"))

REFUSED: dict[str, tuple[tuple[Values, ...], str]] = {
    "environment": (
        (TIER2, {"environment": "prod"}),
        (
            'environment is "prod".\n'
            "Allowed: development, production.\n"
            "Cure: take an overlay (-f overlays/tier1/values.yaml, tier2 or tier3), or set environment."
        ),
    ),
    "training mode": (
        (TIER2, {"training": {"mode": "process"}}),
        (
            'training.mode (TRAINING_MODE) is "process".\n'
            "Allowed: kubernetes, subprocess.\n"
            "Cure: set training.mode to kubernetes, or, on a cluster of one machine, to subprocess."
        ),
    ),
    "exposure mode": (
        (TIER2, {"exposure": {"mode": "loadBalancer"}}),
        (
            'exposure.mode is "loadBalancer".\n'
            "Allowed: none, nodePort, ingress, gateway.\n"
            "Cure: set exposure.mode to one of them."
        ),
    ),
    "address without mask": (
        (TIER3, {"database": {"cidr": "10.0.0.1"}}),
        (
            'database.cidr is "10.0.0.1".\n'
            "Allowed: IPv4 addresses with their mask: 10.0.0.0/8, or 10.0.0.1/32 for one alone.\n"
            "Cure: add the mask, /32 for one address; instead of a host name, write the addresses that it resolves to."
        ),
    ),
    "host name in a list of addresses": (
        (TIER3, {"exposure": {"controllerCidrs": ["10.0.0.0/8", "lb.example.com"]}}),
        (
            'exposure.controllerCidrs.1 is "lb.example.com".\n'
            "Allowed: IPv4 addresses with their mask: 10.0.0.0/8, or 10.0.0.1/32 for one alone.\n"
            "Cure: add the mask, /32 for one address; instead of a host name, write the addresses that it resolves to."
        ),
    ),
    "database URL as host": (
        (TIER3, {"database": {"host": "postgres://user@db/app"}}),
        (
            'database.host is "postgres://user@db/app".\n'
            "Allowed: a host name alone: up to 253 lower-case letters, digits, dots and dashes; or empty.\n"
            "Cure: write it as platform.example.com: no https:// or postgres:// before it, no user, port or path."
        ),
    ),
    "host in capitals": (
        (TIER3, {"exposure": {"host": "Platform.Example.com"}}),
        (
            'exposure.host is "Platform.Example.com".\n'
            "Allowed: a host name alone: up to 253 lower-case letters, digits, dots and dashes; or empty.\n"
            "Cure: write it as platform.example.com: no https:// or postgres:// before it, no user, port or path."
        ),
    ),
    "endpoint without scheme": (
        (TIER3, {"objectStore": {"endpoint": "r2.example.com"}}),
        (
            'objectStore.endpoint is "r2.example.com".\n'
            "Allowed: https://HOST or http://HOST:PORT, without a path; or empty.\n"
            "Cure: write it as https://s3.example.com, without a last /; the buckets stand at objectStore.buckets."
        ),
    ),
    "endpoint with a path": (
        (TIER3, {"objectStore": {"endpoint": "https://r2.example.com/bucket"}}),
        (
            'objectStore.endpoint is "https://r2.example.com/bucket".\n'
            "Allowed: https://HOST or http://HOST:PORT, without a path; or empty.\n"
            "Cure: write it as https://s3.example.com, without a last /; the buckets stand at objectStore.buckets."
        ),
    ),
    "authority as text": (
        (TIER3, {"database": {"caConfigMap": "-----BEGIN CERTIFICATE-----"}}),
        (
            'database.caConfigMap is "-----BEGIN CERTIFICATE-----".\n'
            "Allowed: a name: up to 253 lower-case letters, digits, dots and dashes; or empty.\n"
            "Cure: write the name that the cluster knows it by (kubectl get), not what is in it."
        ),
    ),
    "password as the name of a Secret": (
        (TIER3, {"secrets": {"redis": "Pass_word"}}),
        (
            'secrets.redis is "Pass_word".\n'
            "Allowed: a name: up to 253 lower-case letters, digits, dots and dashes; or empty.\n"
            "Cure: write the name that the cluster knows it by (kubectl get), not what is in it."
        ),
    ),
    "queue of a placement": (
        (TIER3, {"trainer": {"job": {"placements": {"a100": {"queueName": "GPU"}}}}}),
        (
            'trainer.job.placements.a100.queueName is "GPU".\n'
            "Allowed: a name: up to 253 lower-case letters, digits, dots and dashes; or empty.\n"
            "Cure: write the name that the cluster knows it by (kubectl get), not what is in it."
        ),
    ),
    "controller instead of its namespace": (
        (TIER3, {"exposure": {"controllerNamespace": "ingress-nginx/controller"}}),
        (
            'exposure.controllerNamespace is "ingress-nginx/controller".\n'
            "Allowed: a namespace: lower-case letters, digits and dashes.\n"
            "Cure: write the namespace of the controller's pods, as kubectl get namespaces shows it."
        ),
    ),
    "cluster's domain with a last dot": (
        (TIER3, {"clusterDomain": "cluster.local."}),
        (
            'clusterDomain is "cluster.local.".\n'
            "Allowed: a DNS name: lower-case letters, digits, dots and dashes.\n"
            "Cure: write what follows svc. in /etc/resolv.conf of a pod, such as cluster.local."
        ),
    ),
    "registry with scheme": (
        (TIER3, {"images": {"registry": "https://mirror.example.com/"}}),
        (
            'images.registry is "https://mirror.example.com/".\n'
            "Allowed: host and path without https:// and without a last /; or empty.\n"
            "Cure: write it as registry.example.com/mirror."
        ),
    ),
    "region in words": (
        (TIER3, {"objectStore": {"region": "EU (Frankfurt)"}}),
        (
            'objectStore.region is "EU (Frankfurt)".\n'
            "Allowed: lower-case letters, digits and dashes.\n"
            "Cure: write the store's region as its provider does, such as eu-central-1; for R2, auto."
        ),
    ),
    "bucket as URL": (
        (TIER3, {"objectStore": {"buckets": {"models": "s3://models"}}}),
        (
            'objectStore.buckets.models is "s3://models".\n'
            "Allowed: 3 to 63 lower-case letters, digits, dots and dashes.\n"
            "Cure: write the bucket's name alone, without s3:// and without a path."
        ),
    ),
    "memory in bytes' unit": (
        (TIER3, {"backend": {"resources": {"limits": {"memory": "2GB"}}}}),
        (
            'backend.resources.limits.memory is "2GB".\n'
            "Allowed: a quantity of Kubernetes: 500m, 2, 1536Mi, 2Gi.\n"
            "Cure: write CPU in cores (2) or thousandths (500m), memory and storage with Mi or Gi."
        ),
    ),
    "size without unit": (
        (TIER3, {"prometheus": {"persistence": {"size": "10"}}}),
        (
            'prometheus.persistence.size is "10".\n'
            "Allowed: a whole number with Mi, Gi or Ti.\n"
            "Cure: write it as 10Gi."
        ),
    ),
    "two databases": (
        (TIER2, {"database": {"host": "db.example.com"}}),
        (
            'postgres.enabled is true and database.host is "db.example.com": two databases, and nobody knows which one is meant.\n'
            "Allowed: one of them.\n"
            "Cure: set postgres.enabled to false to use the managed database, or empty database.host to use the chart's pod."
        ),
    ),
    "no database": (
        (TIER2, {"postgres": {"enabled": False}}),
        (
            "postgres.enabled is false and database.host is empty: there is no database.\n"
            "Allowed: one of them.\n"
            "Cure: set database.host to the managed PostgreSQL, or postgres.enabled to true."
        ),
    ),
    "port of the own database": (
        (TIER2, {"database": {"port": 5433}}),
        (
            "database.port is 5433, but the chart's own PostgreSQL listens on 5432.\n"
            "Allowed: 5432 with postgres.enabled.\n"
            "Cure: remove database.port; it is for a managed database."
        ),
    ),
    "authorities of a database without TLS": (
        (TIER2, {"database": {"caConfigMap": "authorities"}}),
        (
            'database.caConfigMap is "authorities", but nothing is checked against it: the connection to the database has no TLS.\n'
            "Allowed: a ConfigMap together with database.host and database.tls require.\n"
            "Cure: empty database.caConfigMap, or use a managed database with TLS."
        ),
    ),
    "authorities of a store without TLS": (
        (
            TIER3,
            {"objectStore": {"endpoint": "http://s3.example.com", "caConfigMap": "authorities"}},
        ),
        (
            'objectStore.caConfigMap is "authorities", but nothing is checked against it: objectStore.endpoint is "http://s3.example.com".\n'
            "Allowed: a ConfigMap together with an endpoint that begins with https://.\n"
            "Cure: empty objectStore.caConfigMap, or give the store's https address."
        ),
    ),
    "two object stores": (
        (TIER2, {"objectStore": {"endpoint": "https://r2.example.com"}}),
        (
            'minio.enabled is true and objectStore.endpoint is "https://r2.example.com": two object stores, and nobody knows which one is meant.\n'
            "Allowed: one of them.\n"
            "Cure: set minio.enabled to false to use R2 or S3, or empty objectStore.endpoint to use the chart's MinIO."
        ),
    ),
    "no object store": (
        (TIER3, {"objectStore": {"endpoint": ""}}),
        (
            "minio.enabled is false and objectStore.endpoint is empty: there is no object store.\n"
            "Allowed: one of them.\n"
            "Cure: set objectStore.endpoint to R2's or S3's URL, or minio.enabled to true."
        ),
    ),
    "replicas with subprocess": (
        (TIER1, {"backend": {"replicas": 2}}),
        (
            "training.mode is subprocess and backend.replicas is 2: a training lives in one pod of the backend, the others cannot see it.\n"
            "Allowed: 1 replica with subprocess.\n"
            "Cure: set backend.replicas to 1, or training.mode to kubernetes."
        ),
    ),
    "autoscaling with subprocess": (
        (TIER1, {"backend": {"autoscaling": {"enabled": True}}}),
        (
            "training.mode is subprocess and backend.autoscaling.enabled is true: a training lives in one pod of the backend, the others cannot see it.\n"
            "Allowed: no autoscaling with subprocess.\n"
            "Cure: set backend.autoscaling.enabled to false, or training.mode to kubernetes."
        ),
    ),
    "live source with Jobs": (
        (TIER2, {"trainer": {"liveSource": {"enabled": True}}}),
        (
            "trainer.liveSource.enabled is true, but training.mode is kubernetes: Jobs run what is in the image.\n"
            "Allowed: live source with training.mode subprocess.\n"
            "Cure: set trainer.liveSource.enabled to false, or training.mode to subprocess."
        ),
    ),
    "a second Ultralytics": (
        (TIER2, {"trainer": {"manifests": {"ultralytics": {**MANIFEST, "name": "ultralytics"}}}}),
        (
            "trainer.manifests.ultralytics: a trainer of this name is built in.\n"
            "Allowed: any other name.\n"
            "Cure: rename it, or set trainer.image to run another image under this name."
        ),
    ),
    "manifest under another name": (
        (TIER2, {"trainer": {"manifests": {"mine": MANIFEST}}}),
        (
            'trainer.manifests.mine holds a manifest whose name is "other".\n'
            "Allowed: the same name in both places.\n"
            "Cure: rename one of them."
        ),
    ),
    "autoscaling upside down": (
        (TIER3, {"frontend": {"autoscaling": {"minReplicas": 5}}}),
        (
            "frontend.autoscaling.minReplicas is 5 and maxReplicas is 4.\n"
            "Allowed: minReplicas up to maxReplicas.\n"
            "Cure: raise maxReplicas or lower minReplicas."
        ),
    ),
    "ingress without host": (
        (TIER3, {"exposure": {"host": ""}}),
        (
            "exposure.mode is ingress and exposure.host is empty: no request would find its way.\n"
            "Allowed: a DNS name.\n"
            "Cure: set exposure.host to the name that users type, or exposure.mode to none."
        ),
    ),
    "ingress without TLS": (
        (TIER3, {"exposure": {"ingress": {"tlsSecret": ""}}}),
        (
            "exposure.mode is ingress and exposure.ingress.tlsSecret is empty: API tokens would cross the network in the clear.\n"
            "Allowed: the name of a TLS Secret in this namespace.\n"
            "Cure: set exposure.ingress.tlsSecret; cert-manager makes it when exposure.ingress.annotations names an issuer."
        ),
    ),
    "route without gateway": (
        (TIER3, {"exposure": {"mode": "gateway"}}),
        (
            "exposure.mode is gateway and exposure.gateway.name is empty: the route has nothing to attach to.\n"
            "Allowed: the name of an existing Gateway.\n"
            "Cure: set exposure.gateway.name, and exposure.gateway.namespace if it lies elsewhere."
        ),
    ),
    **{
        f"production without secrets.{secret}": (
            (TIER3, {"secrets": {secret: ""}}),
            (
                f"environment is production and secrets.{secret} is empty.\n"
                "Allowed: the name of an existing Secret.\n"
                f"Cure: make the Secret (its keys stand at secrets.{secret} in values.yaml) and name it; "
                "the passwords of environment development are public."
            ),
        )
        for secret in ("database", "redis", "objectStore", "grafana")
    },
    "production without API tokens": (
        (TIER3, {"backend": {"apiAuth": "off"}}),
        (
            'environment is production and backend.apiAuth is "off": whoever reaches the API could train, read and delete.\n'
            "Allowed: on.\n"
            "Cure: remove backend.apiAuth, and make tokens with: "
            "kubectl exec -n platform deployment/backend -- python -m backend token create NAME"
        ),
    ),
    "production on node ports": (
        (TIER3, {"exposure": {"mode": "nodePort"}}),
        (
            "environment is production and exposure.mode is nodePort: every component would be open, without TLS, on every node.\n"
            "Allowed: none, ingress, gateway.\n"
            "Cure: set exposure.mode to ingress or gateway."
        ),
    ),
    "production without TLS to the database": (
        (TIER3, {"database": {"tls": "disable"}}),
        (
            "environment is production and database.tls is disable: passwords would cross the network in the clear.\n"
            "Allowed: require.\n"
            "Cure: remove database.tls."
        ),
    ),
    "production with a floating tag": (
        (TIER3, {"trainer": {"image": {"tag": "latest"}}}),
        (
            "environment is production and trainer.image.tag is latest: nobody could say what runs.\n"
            "Allowed: an exact tag.\n"
            "Cure: set trainer.image.tag to a release, best with trainer.image.digest."
        ),
    ),
    "no overlay": (
        (),
        (
            "environment is production and secrets.database is empty.\n"
            "Allowed: the name of an existing Secret.\n"
            "Cure: make the Secret (its keys stand at secrets.database in values.yaml) and name it; "
            "the passwords of environment development are public."
        ),
    ),
}


def words(error: HelmRenderError) -> str:
    """What the user reads, without Helm's own line."""
    return str(error).split("\n\n", 1)[1].strip()


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_cause_and_cure(case: str) -> None:
    layers, text = REFUSED[case]
    with pytest.raises(HelmRenderError) as caught:
        render(*layers)
    assert words(caught.value) == text


def test_validations_hold_nothing_but_fails() -> None:
    """No output, so nothing is applied from there."""
    text = (CHART / "templates" / "validations.yaml").read_text()
    assert "kind:" not in text
    assert "validations.yaml" not in render(TIER3).files
