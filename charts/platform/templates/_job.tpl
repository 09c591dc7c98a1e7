{{/*
Jobs for migrations and setup, and the init container that waits for PostgreSQL.
*/}}

{{/*
A Job whose name ends in a hash of its spec: a Job cannot be changed, so a new spec is a new Job, and each Job may run again.
Argo CD runs it as a hook of its wave.
Takes: root, name; the pod is the template "platform.job.<name>".
*/}}
{{- define "platform.job" -}}
{{- $spec := include "platform.job.spec" . -}}
{{- $hook := dict "argocd.argoproj.io/hook" "Sync" "argocd.argoproj.io/hook-delete-policy" "BeforeHookCreation,HookSucceeded" -}}
apiVersion: batch/v1
kind: Job
metadata:
  {{- include "platform.metadata" (dict
    "root" .root
    "name" (printf "%s-%s" .name ($spec | sha256sum | trunc 8))
    "component" .name
    "annotations" $hook
  ) | nindent 2 }}
spec:
  {{- $spec | nindent 2 }}
{{- end }}

{{- define "platform.job.spec" -}}
backoffLimit: 4
template:
  metadata:
    labels:
      {{- include "platform.podLabels" (dict "root" .root "component" .name) | nindent 6 }}
  spec:
    {{- include (printf "platform.job.%s" .name) .root | nindent 4 }}
    restartPolicy: Never # keeps the pod and the log of each failed attempt
{{- end }}

{{/* Init container that waits for PostgreSQL and logs what it waits for. */}}
{{- define "platform.waitForDatabase" -}}
- name: wait-for-database
  {{- include "platform.container" (dict "root" . "image" .Values.postgres.image) | nindent 2 }}
  command:
    - sh
    - -ec
    - |
      until pg_isready -q -h "$PGHOST" -p "$PGPORT"; do
        echo "waiting for PostgreSQL at $PGHOST:$PGPORT (database.host, database.port)"
        sleep 1
      done
  env:
    - name: PGHOST
      value: {{ include "platform.database.host" . }}
    - name: PGPORT
      value: {{ .Values.database.port | quote }}
    - name: PGUSER
      value: postgres
  resources:
    {{- include "platform.smallResources" . | nindent 4 }}
{{- end }}
