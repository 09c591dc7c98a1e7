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
    "port that the endpoint names": (
        (TIER3, {"objectStore": {"endpoint": "https://s3.example.com:9000"}}),
        (
            'objectStore.endpoint is "https://s3.example.com:9000" and objectStore.port is 443: the NetworkPolicies would open a port at which no store is, and every upload would wait in vain.\n'
            "Allowed: the port of the endpoint, 443 with https:// and 80 with http:// where it names none.\n"
            "Cure: set objectStore.port to 9000, or correct objectStore.endpoint."
        ),
    ),
    "port that https means": (
        (TIER3, {"objectStore": {"port": 9000}}),
        (
            'objectStore.endpoint is "https://your-account.r2.cloudflarestorage.com" and objectStore.port is 9000: the NetworkPolicies would open a port at which no store is, and every upload would wait in vain.\n'
            "Allowed: the port of the endpoint, 443 with https:// and 80 with http:// where it names none.\n"
            "Cure: set objectStore.port to 443, or correct objectStore.endpoint."
        ),
    ),
    "port that http means": (
        (TIER3, {"objectStore": {"endpoint": "http://s3.example.com"}}),
        (
            'objectStore.endpoint is "http://s3.example.com" and objectStore.port is 443: the NetworkPolicies would open a port at which no store is, and every upload would wait in vain.\n'
            "Allowed: the port of the endpoint, 443 with https:// and 80 with http:// where it names none.\n"
            "Cure: set objectStore.port to 80, or correct objectStore.endpoint."
        ),
    ),
    "one bucket for two": (
        (TIER2, {"objectStore": {"buckets": {"mlflow": "models"}}}),
        (
            'objectStore.buckets.mlflow and objectStore.buckets.models are both "models": each would find files there that it does not know.\n'
            "Allowed: three different buckets.\n"
            "Cure: give each a bucket of its own."
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
    "autoscaling without CPU": (
        (TIER3, {"backend": {"resources": {"requests": {"cpu": None}, "limits": {"cpu": None}}}}),
        (
            "backend.autoscaling.enabled is true and backend.resources has no cpu: use is measured in percent of the request.\n"
            "Allowed: autoscaling with a CPU request, or with a limit, which is the request where there is none.\n"
            "Cure: set backend.resources.requests.cpu, or backend.autoscaling.enabled to false."
        ),
    ),
    "one node port for two": (
        (TIER2, {"mlflow": {"nodePort": 30901}}),
        (
            "minio.consoleNodePort and mlflow.nodePort are both 30901: a node has one server at a port.\n"
            "Allowed: a port of its own for each, 30000 to 32767.\n"
            "Cure: change one of them."
        ),
    ),
    "development under a host name": (
        (TIER2, {"exposure": {"mode": "ingress"}}),
        (
            "environment is development and exposure.mode is ingress: a platform whose passwords are public would answer under a host name.\n"
            "Allowed: none, nodePort.\n"
            "Cure: set environment to production, as overlays/tier3/values.yaml does, or exposure.mode to none."
        ),
    ),
    "address instead of a host name": (
        (TIER3, {"exposure": {"host": "192.0.2.1"}}),
        (
            'exposure.mode is ingress and exposure.host is "192.0.2.1": it routes by names, not by addresses.\n'
            "Allowed: a DNS name.\n"
            "Cure: give the address a name in your DNS and set exposure.host to that."
        ),
    ),
    "store that no browser reaches": (
        (TIER3, {"minio": {"enabled": True}, "objectStore": {"endpoint": ""}}),
        (
            "exposure.mode is ingress, minio.enabled is true and objectStore.publicEndpoint is empty: uploads and downloads would be sent to an address inside the cluster.\n"
            "Allowed: an address of the store that browsers reach.\n"
            "Cure: set minio.enabled to false and objectStore.endpoint to R2's or S3's URL; or expose MinIO by objects of your own and set objectStore.publicEndpoint."
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
    "production without a Secret": (
        (TIER3, {"secrets": {"objectStore": ""}}),
        (
            "environment is production and secrets.objectStore is empty.\n"
            "Allowed: the name of an existing Secret at each.\n"
            "Cure: make each Secret (its keys stand at secrets in values.yaml) and name it; the passwords of environment development are public."
        ),
    ),
    "production without Secrets": (
        (TIER3, {"secrets": {"redis": "", "grafana": ""}}),
        (
            "environment is production and secrets.redis, secrets.grafana are empty.\n"
            "Allowed: the name of an existing Secret at each.\n"
            "Cure: make each Secret (its keys stand at secrets in values.yaml) and name it; the passwords of environment development are public."
        ),
    ),
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
    "production without TLS to the store": (
        (TIER3, {"objectStore": {"endpoint": "http://s3.example.com", "port": 80}}),
        (
            'environment is production and objectStore.endpoint is "http://s3.example.com": datasets and models would cross the network in the clear.\n'
            "Allowed: an address that begins with https://.\n"
            "Cure: set objectStore.endpoint to the store's https address; objectStore.caConfigMap names an authority of your own."
        ),
    ),
    "production with links without TLS": (
        (TIER3, {"objectStore": {"publicEndpoint": "http://s3.example.com"}}),
        (
            'environment is production and objectStore.publicEndpoint is "http://s3.example.com": datasets and models would cross the network in the clear.\n'
            "Allowed: an address that begins with https://.\n"
            "Cure: set objectStore.publicEndpoint to the store's https address; objectStore.caConfigMap names an authority of your own."
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
    "production with a floating tag beside the image": (
        (TIER3, {"temporal": {"adminTools": {"tag": "latest"}}}),
        (
            "environment is production and temporal.adminTools.tag is latest: nobody could say what runs.\n"
            "Allowed: an exact tag.\n"
            "Cure: set temporal.adminTools.tag to a release, best with temporal.adminTools.digest."
        ),
    ),
    "production with a manifest's floating tag": (
        (TIER3, {"trainer": {"manifests": {"other": {**MANIFEST, "image": "other:latest"}}}}),
        (
            'environment is production and trainer.manifests.other.image is "other:latest", which is latest: nobody could say what runs.\n'
            "Allowed: an image with an exact tag or a digest.\n"
            "Cure: set trainer.manifests.other.image to a release: registry.example.com/team/other:1.0."
        ),
    ),
    "production with a manifest's image without tag": (
        (
            TIER3,
            {"trainer": {"manifests": {"other": {**MANIFEST, "image": "registry:5000/other"}}}},
        ),
        (
            'environment is production and trainer.manifests.other.image is "registry:5000/other", which is latest: nobody could say what runs.\n'
            "Allowed: an image with an exact tag or a digest.\n"
            "Cure: set trainer.manifests.other.image to a release: registry.example.com/team/other:1.0."
        ),
    ),
    "no overlay": (
        (),
        (
            "environment is production and secrets.database, secrets.redis, secrets.objectStore, secrets.grafana are empty.\n"
            "Allowed: the name of an existing Secret at each.\n"
            "Cure: make each Secret (its keys stand at secrets in values.yaml) and name it; the passwords of environment development are public."
        ),
    ),
}


def refusal(*layers: Values) -> str:
    """What the user reads, without Helm's own line."""
    with pytest.raises(HelmRenderError) as caught:
        render(*layers)
    return str(caught.value).split("\n\n", 1)[1].strip()


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_cause_and_cure(case: str) -> None:
    layers, text = REFUSED[case]
    assert refusal(*layers) == text


BESIDE: dict[str, tuple[Values, ...]] = {
    "port that the endpoint names": (
        TIER3,
        {"objectStore": {"endpoint": "https://s3.example.com:9000", "port": 9000}},
    ),
    "port that http means": (
        TIER2,
        {"minio": {"enabled": False}, "objectStore": {"endpoint": "http://10.0.0.1", "port": 80}},
    ),
    "the limit is the request": (TIER3, {"backend": {"resources": {"requests": {"cpu": None}}}}),
    "node port of what is off": (
        TIER2,
        {"grafana": {"enabled": False}, "mlflow": {"nodePort": 30030}},
    ),
    "one node port where there is none": (TIER3, {"mlflow": {"nodePort": 30080}}),
    "address as the host of node ports": (TIER2, {"exposure": {"host": "192.0.2.1"}}),
    "no Secret of what is off": (
        TIER3,
        {"grafana": {"enabled": False}, "secrets": {"grafana": ""}},
    ),
    **{
        f"manifest's image {image}": (
            TIER3,
            {"trainer": {"manifests": {"other": {**MANIFEST, "image": image}}}},
        )
        for image in ("other:1", "registry:5000/other:1", "other@sha256:0", "other:latest@sha256:0")
    },
}


@pytest.mark.parametrize("case", BESIDE)
def test_what_lies_just_beside_is_rendered(case: str) -> None:
    assert render(*BESIDE[case]).objects


def test_validations_hold_nothing_but_fails() -> None:
    """No output, so nothing is applied from there."""
    text = (CHART / "templates" / "validations.yaml").read_text()
    assert "kind:" not in text
    assert "validations.yaml" not in render(TIER3).files
