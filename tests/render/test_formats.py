"""Texts of a wrong form are refused with their key, what is allowed and the cure, in these words."""

import pytest
from chart import Values, render
from chart.cases import MANIFEST

from render.test_validations import TIER1, TIER3, refusal

REFUSED: dict[str, tuple[tuple[Values, ...], str]] = {
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
    "octet over 255": (
        (TIER3, {"networkPolicy": {"podCidr": "10.256.0.0/16"}}),
        (
            'networkPolicy.podCidr is "10.256.0.0/16".\n'
            "Allowed: IPv4 addresses with their mask: 10.0.0.0/8, or 10.0.0.1/32 for one alone.\n"
            "Cure: add the mask, /32 for one address; instead of a host name, write the addresses that it resolves to."
        ),
    ),
    "database URL as host": (
        (TIER3, {"database": {"host": "postgres://user@db/app"}}),
        (
            'database.host is "postgres://user@db/app".\n'
            "Allowed: a host name alone: up to 253 lower-case letters, digits, single dots and dashes; or empty.\n"
            "Cure: write it as platform.example.com: no https:// or postgres:// before it, no user, port or path."
        ),
    ),
    "host in capitals": (
        (TIER3, {"exposure": {"host": "Platform.Example.com"}}),
        (
            'exposure.host is "Platform.Example.com".\n'
            "Allowed: a host name alone: up to 253 lower-case letters, digits, single dots and dashes; or empty.\n"
            "Cure: write it as platform.example.com: no https:// or postgres:// before it, no user, port or path."
        ),
    ),
    "host with an empty part": (
        (TIER3, {"exposure": {"host": "platform..example.com"}}),
        (
            'exposure.host is "platform..example.com".\n'
            "Allowed: a host name alone: up to 253 lower-case letters, digits, single dots and dashes; or empty.\n"
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
    "endpoint with a password": (
        (TIER3, {"objectStore": {"publicEndpoint": "https://key:secret@s3.example.com"}}),
        (
            'objectStore.publicEndpoint is "https://key:secret@s3.example.com".\n'
            "Allowed: https://HOST or http://HOST:PORT, without a path; or empty.\n"
            "Cure: write it as https://s3.example.com, without a last /; the buckets stand at objectStore.buckets."
        ),
    ),
    "authority as text": (
        (TIER3, {"database": {"caConfigMap": "-----BEGIN CERTIFICATE-----"}}),
        (
            'database.caConfigMap is "-----BEGIN CERTIFICATE-----".\n'
            "Allowed: a name: up to 253 lower-case letters, digits, single dots and dashes; or empty.\n"
            "Cure: write the name that the cluster knows it by (kubectl get), not what is in it."
        ),
    ),
    "password as the name of a Secret": (
        (TIER3, {"secrets": {"redis": "Pass_word"}}),
        (
            'secrets.redis is "Pass_word".\n'
            "Allowed: a name: up to 253 lower-case letters, digits, single dots and dashes; or empty.\n"
            "Cure: write the name that the cluster knows it by (kubectl get), not what is in it."
        ),
    ),
    "queue of a placement": (
        (TIER3, {"trainer": {"job": {"placements": {"a100": {"queueName": "GPU"}}}}}),
        (
            'trainer.job.placements.a100.queueName is "GPU".\n'
            "Allowed: a name: up to 253 lower-case letters, digits, single dots and dashes; or empty.\n"
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
            "Allowed: a DNS name: lower-case letters, digits, single dots and dashes.\n"
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
    "image with its tag": (
        (TIER3, {"backend": {"image": {"repository": "registry.example.com/backend:1"}}}),
        (
            'backend.image.repository is "registry.example.com/backend:1".\n'
            "Allowed: an image without its tag: registry.example.com/team/backend.\n"
            "Cure: take away https:// and what follows the name: tag and digest have keys of their own beside it."
        ),
    ),
    "tag with its image": (
        (TIER3, {"backend": {"image": {"tag": "backend:1"}}}),
        (
            'backend.image.tag is "backend:1".\n'
            "Allowed: a tag as text, numbers in quotes; or empty.\n"
            "Cure: write the tag alone, without the image's name; a digest has a key of its own beside it."
        ),
    ),
    "no tag of an image that is not ours": (
        (TIER3, {"postgres": {"image": {"tag": ""}}}),
        (
            'postgres.image.tag is "".\n'
            "Allowed: a tag as text, numbers in quotes; never empty.\n"
            "Cure: write the tag alone, without the image's name, or remove the key: the chart has a release of each."
        ),
    ),
    "no tag of Temporal's tools": (
        (TIER3, {"temporal": {"adminTools": {"tag": ""}}}),
        (
            'temporal.adminTools.tag is "".\n'
            "Allowed: a tag as text, numbers in quotes; never empty.\n"
            "Cure: write the tag alone, without the image's name, or remove the key: the chart has a release of each."
        ),
    ),
    "digest without algorithm": (
        (TIER3, {"redis": {"image": {"digest": "abc"}}}),
        (
            'redis.image.digest is "abc".\n'
            "Allowed: sha256: and 64 hexadecimal digits; or empty.\n"
            "Cure: copy it whole, sha256: included, as docker buildx imagetools inspect IMAGE shows it."
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
            "Allowed: 3 to 63 lower-case letters, digits, single dots and dashes.\n"
            "Cure: write the bucket's name alone, without s3:// and without a path."
        ),
    ),
    "one origin as text": (
        (TIER3, {"backend": {"settings": {"CORS_ORIGINS": "https://a.example.com"}}}),
        (
            'backend.settings.CORS_ORIGINS is "https://a.example.com".\n'
            "Allowed: a JSON list as text: '[\"https://one.example.com\"]'.\n"
            "Cure: put each origin in double quotes, the list in [ ], and the whole in single quotes."
        ),
    ),
    "relative source path": (
        (TIER1, {"trainer": {"liveSource": {"path": "apps/trainer"}}}),
        (
            'trainer.liveSource.path is "apps/trainer".\n'
            "Allowed: an absolute path.\n"
            "Cure: write the folder's path on the node, as containerPath in kind's extraMounts has it, from / on."
        ),
    ),
    "GPU without its vendor": (
        (TIER3, {"trainer": {"job": {"gpuResource": "gpu"}}}),
        (
            'trainer.job.gpuResource is "gpu".\n'
            "Allowed: a resource of a device plugin: vendor.example.com/name.\n"
            "Cure: write it as kubectl describe node lists it at Capacity, such as nvidia.com/gpu."
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
    "limit without unit": (
        (TIER3, {"trainer": {"job": {"limits": {"memory": "64"}}}}),
        (
            'trainer.job.limits.memory is "64".\n'
            "Allowed: a whole number above 0 with Ki, Mi, Gi or Ti.\n"
            "Cure: write it as 64Gi."
        ),
    ),
    "manifest with a fraction of memory": (
        (
            TIER3,
            {"trainer": {"manifests": {"other": {**MANIFEST, "resources": {"memory": "1.5Gi"}}}}},
        ),
        (
            'trainer.manifests.other.resources.memory is "1.5Gi".\n'
            "Allowed: a whole number above 0 with Ki, Mi, Gi or Ti.\n"
            "Cure: write it as 64Gi."
        ),
    ),
    "size without unit": (
        (TIER3, {"prometheus": {"persistence": {"size": "10"}}}),
        (
            'prometheus.persistence.size is "10".\n'
            "Allowed: a whole number above 0 with Mi, Gi or Ti.\n"
            "Cure: write it as 10Gi."
        ),
    ),
    "memory of Valkey in Kubernetes' unit": (
        (TIER3, {"redis": {"maxMemory": "64Mi"}}),
        (
            'redis.maxMemory is "64Mi".\n'
            "Allowed: a whole number above 0 with kb, mb or gb.\n"
            "Cure: write it as 64mb: the unit is Valkey's, not Kubernetes'."
        ),
    ),
    "retention without unit": (
        (TIER3, {"prometheus": {"retention": "15"}}),
        (
            'prometheus.retention is "15".\n'
            "Allowed: a whole number above 0 with h, d, w or y.\n"
            "Cure: write it as 15d."
        ),
    ),
    "retention size in Kubernetes' unit": (
        (TIER3, {"prometheus": {"retentionSize": "8Gi"}}),
        (
            'prometheus.retentionSize is "8Gi".\n'
            "Allowed: a whole number above 0 with MB, GB or TB.\n"
            "Cure: write it as 8GB, below the volume's size: the unit is Prometheus', not Kubernetes'."
        ),
    ),
    "Temporal's retention in days": (
        (TIER3, {"temporal": {"retention": "3d"}}),
        (
            'temporal.retention is "3d".\n'
            "Allowed: a whole number above 0 with h.\n"
            "Cure: write it in hours: three days are 72h."
        ),
    ),
    "Temporal's namespace with a slash": (
        (TIER3, {"temporal": {"namespace": "a/b"}}),
        (
            'temporal.namespace is "a/b".\n'
            "Allowed: letters, digits, _, . and -.\n"
            "Cure: write the name alone, such as default; it begins with a letter or a digit."
        ),
    ),
}
BESIDE: dict[str, tuple[Values, ...]] = {
    "highest octets": (TIER3, {"database": {"cidr": "255.255.255.255/32"}}),
    "image of a registry with a port": (
        TIER3,
        {"backend": {"image": {"repository": "registry.example.com:5000/a/backend"}}},
    ),
    "no origin": (TIER3, {"backend": {"settings": {"CORS_ORIGINS": "[]"}}}),
    "two origins": (
        TIER3,
        {"backend": {"settings": {"CORS_ORIGINS": '["https://a", "https://b"]'}}},
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_what_is_allowed_and_the_cure(case: str) -> None:
    layers, text = REFUSED[case]
    assert refusal(*layers) == text


@pytest.mark.parametrize("case", BESIDE)
def test_what_lies_just_beside_is_rendered(case: str) -> None:
    assert render(*BESIDE[case]).objects
