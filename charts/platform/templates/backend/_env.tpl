{{/* Environment of the backend. */}}
{{- define "platform.backend.env" -}}
- name: TRAINING_MODE
  value: {{ .Values.training.mode }}
- name: BACKEND_URL
  value: {{ include "platform.backendUrl" . }}
- name: {{ ternary "R2_ENDPOINT" "MINIO_ENDPOINT" (ne .Values.objectStore.endpoint "") }}
  value: {{ include "platform.store.endpoint" . }}
- name: S3_PUBLIC_ENDPOINT
  value: {{ .Values.objectStore.publicEndpoint | default (include "platform.store.endpoint" .) }}
{{ include "platform.store.env" (dict "root" .) }}
{{- with include "platform.store.caBundleEnv" . }}{{ . | nindent 0 }}{{ end }}
- name: TRAINER_CREDENTIALS
  value: {{ .Values.trainer.credentials }}
{{- with .Values.objectStore.sts.endpoint }}
- name: STS_ENDPOINT
  value: {{ . }}
{{- end }}
{{- with .Values.objectStore.sts.roleArn }}
- name: TRAINER_ROLE_ARN
  value: {{ . }}
{{- end }}
- name: DATASETS_BUCKET
  value: {{ .Values.objectStore.buckets.datasets }}
- name: MODELS_BUCKET
  value: {{ .Values.objectStore.buckets.models }}
{{ include "platform.backend.databaseEnv" . }}
{{ include "platform.secretEnv" (dict "root" . "env" "REDIS_PASSWORD" "secret" "redis" "key" "redis-password") }}
- name: REDIS_URL
  value: redis://:$(REDIS_PASSWORD)@{{ include "platform.host" (dict "root" . "name" "redis") }}:6379/0
- name: TEMPORAL_ADDRESS
  value: {{ include "platform.host" (dict "root" . "name" "temporal") }}:7233
- name: TEMPORAL_NAMESPACE
  value: {{ .Values.temporal.namespace }}
- name: MLFLOW_TRACKING_URI
  value: {{ include "platform.url" (dict "root" . "name" "mlflow" "port" 5000) }}
- name: MLFLOW_TRACKING_USERNAME
  value: admin
{{ include "platform.secretEnv" (dict "root" . "env" "MLFLOW_TRACKING_PASSWORD" "secret" "mlflow" "key" "mlflow-admin-password") }}
- name: TRAINERS_DIR
  value: /etc/platform/trainers
- name: TRAINER_JOB_TEMPLATE
  value: /etc/platform/trainer-job/job.yaml
- name: GPU_RESOURCE
  value: {{ .Values.trainer.job.gpuResource }}
- name: JOB_LIMITS
  value: {{ toJson .Values.trainer.job.limits | quote }}
- name: JOB_PLACEMENTS
  value: {{ toJson .Values.trainer.job.placements | quote }}
- name: KUEUE
  value: {{ .Values.trainer.job.kueue.enabled | quote }}
- name: JOB_PRIORITIES
  value: {{ toJson .Values.trainer.job.kueue.priorities | quote }}
- name: LAUNCHER_SOCKET
  value: /run/launcher/launcher.sock
- name: PUBLIC_PORT
  value: "8080"
- name: API_AUTH
  value: {{ .Values.backend.apiAuth | quote }}
- name: WEIGHTS_DOWNLOAD
  value: {{ .Values.weights.download | quote }}
- name: WEIGHTS_SHA256
  value: {{ toJson .Values.weights.sha256 | quote }}
{{- /* toJson prints large numbers in full, not as 6.8e+10 */}}
{{- range $name, $value := .Values.backend.settings }}
- name: {{ $name }}
  value: {{ kindIs "string" $value | ternary $value (toJson $value) | quote }}
{{- end }}
{{- end }}

{{/* Variables for the database connection; the migration Job gets no others. */}}
{{- define "platform.backend.databaseEnv" -}}
{{ include "platform.secretEnv" (dict "root" . "env" "DATABASE_PASSWORD" "secret" "database" "key" "backend-password") }}
- name: DATABASE_URL
  value: postgresql+asyncpg://backend:$(DATABASE_PASSWORD)@{{ include "platform.database.host" . }}:{{ .Values.database.port }}/platform?ssl={{ include "platform.database.tls" . }}
{{- with include "platform.database.caBundleEnv" . }}{{ . | nindent 0 }}{{ end }}
{{- end }}
