{{/*
The form of texts that are typed by hand. It is told here: of a pattern in the schema a user would read nothing but the pattern.
*/}}

{{/*
Refuse the texts at `keys` below a value that have not the form; numbers, where the schema lets them be, need none.
Takes: form, value, keys (`*` is each), at (the keys that led to value).
*/}}
{{- define "platform.requireForm" }}
{{- if not .keys }}
{{- if and (kindIs "string" .value) (or (not (regexMatch .form.pattern .value)) (and .form.never (regexMatch .form.never .value))) }}
{{- include "platform.refuse" (dict
  "cause" (printf "%s is %q." (join "." .at) .value)
  "allowed" .form.allowed
  "cure" .form.cure
) }}
{{- end }}
{{- else if not (kindIs "string" .value) }}
{{- range $key, $value := .value }}
{{- if has (first $.keys) (list "*" (toString $key)) }}
{{- include "platform.requireForm" (dict "form" $.form "value" $value "keys" (rest $.keys) "at" (append $.at $key)) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Refuse every text that has not its form; "allowed" is the schema's description of the same keys. Takes the root context. */}}
{{- define "platform.requireForms" }}
{{- $name := `^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?)?$` }}
{{- $emptyLabel := `\.[.-]|-\.` }}
{{- $octet := `(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])` }}
{{- $forms := list
  (dict
    "keys" (list
      "database.cidr" "exposure.controllerCidrs.*" "networkPolicy.apiServerCidr" "networkPolicy.dnsCidrs.*" "networkPolicy.podCidr"
      "objectStore.cidr"
    )
    "pattern" (printf `^(%s\.){3}%s/([0-9]|[12][0-9]|3[0-2])$` $octet $octet)
    "allowed" "IPv4 addresses with their mask: 10.0.0.0/8, or 10.0.0.1/32 for one alone."
    "cure" "add the mask, /32 for one address; instead of a host name, write the addresses that it resolves to."
  )
  (dict
    "keys" (list "database.host" "exposure.host")
    "pattern" $name
    "never" $emptyLabel
    "allowed" "a host name alone: up to 253 lower-case letters, digits, single dots and dashes; or empty."
    "cure" "write it as platform.example.com: no https:// or postgres:// before it, no user, port or path."
  )
  (dict
    "keys" (list "objectStore.endpoint" "objectStore.publicEndpoint")
    "pattern" `^(https?://[A-Za-z0-9._-]+(:[1-9][0-9]{0,4})?)?$`
    "allowed" "https://HOST or http://HOST:PORT, without a path; or empty."
    "cure" "write it as https://s3.example.com, without a last /; the buckets stand at objectStore.buckets."
  )
  (dict
    "keys" (list
      "*.persistence.storageClass" "database.caConfigMap" "exposure.gateway.*" "exposure.ingress.className" "exposure.ingress.tlsSecret"
      "objectStore.caConfigMap" "scheduling.priorityClassName" "secrets.*" "trainer.job.placements.*.queueName" "trainer.job.queueName"
    )
    "pattern" $name
    "never" $emptyLabel
    "allowed" "a name: up to 253 lower-case letters, digits, single dots and dashes; or empty."
    "cure" "write the name that the cluster knows it by (kubectl get), not what is in it."
  )
  (dict
    "keys" (list "exposure.controllerNamespace")
    "pattern" `^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
    "allowed" "a namespace: lower-case letters, digits and dashes."
    "cure" "write the namespace of the controller's pods, as kubectl get namespaces shows it."
  )
  (dict
    "keys" (list "clusterDomain")
    "pattern" `^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
    "never" $emptyLabel
    "allowed" "a DNS name: lower-case letters, digits, single dots and dashes."
    "cure" "write what follows svc. in /etc/resolv.conf of a pod, such as cluster.local."
  )
  (dict
    "keys" (list "images.registry")
    "pattern" `^([a-z0-9][a-zA-Z0-9._:/-]*[a-zA-Z0-9])?$`
    "allowed" "host and path without https:// and without a last /; or empty."
    "cure" "write it as registry.example.com/mirror."
  )
  (dict
    "keys" (list "*.image.repository" "temporal.adminTools.repository")
    "pattern" `^([a-z0-9][a-zA-Z0-9.-]*(:[0-9]+)?/)?[a-z0-9][a-z0-9._/-]*$`
    "allowed" "an image without its tag: registry.example.com/team/backend."
    "cure" "take away https:// and what follows the name: tag and digest have keys of their own beside it."
  )
  (dict
    "keys" (list "backend.image.tag" "frontend.image.tag" "trainer.image.tag")
    "pattern" `^([A-Za-z0-9_][A-Za-z0-9._-]{0,127})?$`
    "allowed" "a tag as text, numbers in quotes; or empty."
    "cure" "write the tag alone, without the image's name; a digest has a key of its own beside it."
  )
  (dict
    "keys" (list
      "grafana.image.tag" "minio.image.tag" "mlflow.image.tag" "postgres.image.tag" "prometheus.image.tag" "redis.image.tag"
      "temporal.adminTools.tag" "temporal.image.tag" "temporalUi.image.tag"
    )
    "pattern" `^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`
    "allowed" "a tag as text, numbers in quotes; never empty."
    "cure" "write the tag alone, without the image's name, or remove the key: the chart has a release of each."
  )
  (dict
    "keys" (list "*.image.digest" "temporal.adminTools.digest")
    "pattern" `^(sha256:[0-9a-f]{64})?$`
    "allowed" "sha256: and 64 hexadecimal digits; or empty."
    "cure" "copy it whole, sha256: included, as docker buildx imagetools inspect IMAGE shows it."
  )
  (dict
    "keys" (list "objectStore.region")
    "pattern" `^[a-z0-9-]+$`
    "allowed" "lower-case letters, digits and dashes."
    "cure" "write the store's region as its provider does, such as eu-central-1; for R2, auto."
  )
  (dict
    "keys" (list "objectStore.buckets.*")
    "pattern" `^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`
    "never" $emptyLabel
    "allowed" "3 to 63 lower-case letters, digits, single dots and dashes."
    "cure" "write the bucket's name alone, without s3:// and without a path."
  )
  (dict
    "keys" (list "backend.settings.CORS_ORIGINS")
    "pattern" `^\[ *("[^"]+"( *, *"[^"]+")*)? *\]$`
    "allowed" "a JSON list as text: '[\"https://one.example.com\"]'."
    "cure" "put each origin in double quotes, the list in [ ], and the whole in single quotes."
  )
  (dict
    "keys" (list "trainer.liveSource.path")
    "pattern" `^/.+`
    "allowed" "an absolute path."
    "cure" "write the folder's path on the node, as containerPath in kind's extraMounts has it, from / on."
  )
  (dict
    "keys" (list "trainer.job.gpuResource")
    "pattern" `^[a-z0-9.-]+/[A-Za-z0-9._-]+$`
    "allowed" "a resource of a device plugin: vendor.example.com/name."
    "cure" "write it as kubectl describe node lists it at Capacity, such as nvidia.com/gpu."
  )
  (dict
    "keys" (list "*.resources.*.*")
    "pattern" `^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$`
    "allowed" "a quantity of Kubernetes: 500m, 2, 1536Mi, 2Gi."
    "cure" "write CPU in cores (2) or thousandths (500m), memory and storage with Mi or Gi."
  )
  (dict
    "keys" (list "trainer.job.limits.memory" "trainer.manifests.*.resources.memory")
    "pattern" `^[1-9][0-9]{0,6}(Ki|Mi|Gi|Ti)$`
    "allowed" "a whole number above 0 with Ki, Mi, Gi or Ti."
    "cure" "write it as 64Gi."
  )
  (dict
    "keys" (list "*.persistence.size" "trainer.job.scratchSize")
    "pattern" `^[1-9][0-9]*(Mi|Gi|Ti)$`
    "allowed" "a whole number above 0 with Mi, Gi or Ti."
    "cure" "write it as 10Gi."
  )
  (dict
    "keys" (list "redis.maxMemory")
    "pattern" `^[1-9][0-9]*(kb|mb|gb)$`
    "allowed" "a whole number above 0 with kb, mb or gb."
    "cure" "write it as 64mb: the unit is Valkey's, not Kubernetes'."
  )
  (dict
    "keys" (list "prometheus.retention")
    "pattern" `^[1-9][0-9]*(h|d|w|y)$`
    "allowed" "a whole number above 0 with h, d, w or y."
    "cure" "write it as 15d."
  )
  (dict
    "keys" (list "prometheus.retentionSize")
    "pattern" `^[1-9][0-9]*(MB|GB|TB)$`
    "allowed" "a whole number above 0 with MB, GB or TB."
    "cure" "write it as 8GB, below the volume's size: the unit is Prometheus', not Kubernetes'."
  )
  (dict
    "keys" (list "temporal.retention")
    "pattern" `^[1-9][0-9]*h$`
    "allowed" "a whole number above 0 with h."
    "cure" "write it in hours: three days are 72h."
  )
  (dict
    "keys" (list "temporal.namespace")
    "pattern" `^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`
    "allowed" "letters, digits, _, . and -."
    "cure" "write the name alone, such as default; it begins with a letter or a digit."
  )
}}
{{- range $form := $forms }}
{{- range $form.keys }}
{{- include "platform.requireForm" (dict "form" $form "value" $.Values "keys" (splitList "." .) "at" list) }}
{{- end }}
{{- end }}
{{- end }}
