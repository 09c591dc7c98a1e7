{{/* Variables of every training: of its Job's container, or of the launcher that forks it. */}}
{{- define "platform.trainer.env" -}}
{{- range $name, $value := .Values.trainer.env }}
- name: {{ $name | quote }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{/* What the platform sets itself, as docs/training-contract.json has it, or torchrun; also all that begins with AWS_ or PET_. */}}
{{- define "platform.trainer.ownEnv" -}}
- JOB_ID
- ATTEMPT
- BACKEND_URL
- CALLBACK_TOKEN
- S3_ENDPOINT
- DATASETS_BUCKET
- MODELS_BUCKET
- DATASET_ID
- DATASET_SHA256
- DATASET_INDEX_SHA256
- TASK
- TRAIN_CONFIG
- WEIGHTS_NAME
- WEIGHTS_KEY
- WEIGHTS_SHA256
- STOP_GRACE_S
- LOG_LIMIT_BYTES
- DEBUG_PORT
- SSL_CERT_FILE
- HOME
- TRAINER_HOME
- DATASET_CACHE_BYTES
- PYTHONPATH
- RANK
- LOCAL_RANK
- WORLD_SIZE
{{- end }}
