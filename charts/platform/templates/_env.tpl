{{/*
Environment variables shared by several components.
*/}}

{{/* An environment variable from a Secret. Takes: root, env, secret (a key of .Values.secrets), key. */}}
{{- define "platform.secretEnv" -}}
- name: {{ .env }}
  valueFrom:
    secretKeyRef:
      name: {{ include "platform.secretName" . }}
      key: {{ .key }}
{{- end }}

{{/* The object store's credentials, under the AWS SDKs' names. Takes: root, user (prefix of the Secret's keys; the backend has none). */}}
{{- define "platform.store.env" -}}
{{ include "platform.secretEnv" (dict "root" .root "env" "AWS_ACCESS_KEY_ID" "secret" "objectStore" "key" (printf "%saccess-key-id" (.user | default ""))) }}
{{ include "platform.secretEnv" (dict "root" .root "env" "AWS_SECRET_ACCESS_KEY" "secret" "objectStore" "key" (printf "%ssecret-access-key" (.user | default ""))) }}
- name: AWS_REGION
  value: {{ .root.Values.objectStore.region }}
{{- end }}

{{/* Turns off optional checksums: R2 refuses those that AWS SDKs send as trailers by default. */}}
{{- define "platform.store.plainUploads" -}}
- name: AWS_REQUEST_CHECKSUM_CALCULATION
  value: when_required
- name: AWS_RESPONSE_CHECKSUM_VALIDATION
  value: when_required
{{- end }}
