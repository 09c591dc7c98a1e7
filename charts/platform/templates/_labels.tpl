{{/*
Metadata and labels of all objects and pods.
*/}}

{{/* Argo CD's sync wave of a component: stores, then migrations, then the rest. */}}
{{- define "platform.wave" -}}
{{- $waves := dict
  "network" "-2" "secrets" "-2" "postgres" "-2" "redis" "-2" "minio" "-2"
  "backend-migrate" "-1" "temporal-schema" "-1" "minio-buckets" "-1"
  "temporal-namespace" "1"
-}}
{{ get $waves . | default "0" }}
{{- end }}

{{/* Body of an object's metadata. Takes: root, name, component (default: name), annotations (default: none), cluster (no namespace). */}}
{{- define "platform.metadata" -}}
{{- $component := .component | default .name -}}
{{- $wave := dict "argocd.argoproj.io/sync-wave" (include "platform.wave" $component) -}}
name: {{ .name }}
{{- if not .cluster }}
namespace: {{ .root.Release.Namespace }}
{{- end }}
labels:
  {{- include "platform.labels" (dict "root" .root "component" $component) | nindent 2 }}
annotations:
  {{- toYaml (merge $wave (.annotations | default dict)) | nindent 2 }}
{{- end }}

{{/* Labels of an object. Takes: root, component. */}}
{{- define "platform.labels" -}}
app: {{ .component }}
app.kubernetes.io/name: {{ .component }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/part-of: platform
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{/* Labels of a pod: without versions, so that a new chart does not replace it, and with its egress targets. Takes: root, component. */}}
{{- define "platform.podLabels" -}}
app: {{ .component }}
app.kubernetes.io/name: {{ .component }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/part-of: platform
{{- range include "platform.egressTargets" . | splitList "," | compact }}
trainyard.dev/to-{{ . }}: "true"
{{- end }}
{{- end }}

{{/* Annotations with which Prometheus finds a pod. Takes: port, path. */}}
{{- define "platform.scrape" -}}
prometheus.io/scrape: "true"
prometheus.io/port: {{ .port | quote }}
prometheus.io/path: {{ .path }}
{{- end }}

{{/* Annotation that replaces a pod when the ConfigMap that it mounts changes. Takes: root, template (path below templates/). */}}
{{- define "platform.checksum" -}}
{{- $config := include (printf "%s/%s" .root.Template.BasePath .template) .root | fromYaml -}}
checksum/{{ $config.metadata.name }}: {{ $config.data | toJson | sha256sum }}
{{- end }}
