{{/*
What every pod and container has in common: Pod Security's profile "restricted", a read-only root, no API token.
*/}}

{{/* Head of a pod's spec. Takes: root, uid. */}}
{{- define "platform.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  {{- include "platform.pod.securityContext" . | nindent 2 }}
{{- with .root.Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .root.Values.scheduling.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.scheduling.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Takes: uid. */}}
{{- define "platform.pod.securityContext" -}}
runAsNonRoot: true
runAsUser: {{ .uid }}
runAsGroup: {{ .uid }}
fsGroup: {{ .uid }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* Head of a container: image and security. Takes: root, image. */}}
{{- define "platform.container" -}}
image: {{ include "platform.image" . }}
imagePullPolicy: {{ .root.Values.images.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{/* Resources of a container that only waits or runs a short command. */}}
{{- define "platform.smallResources" -}}
requests: {cpu: 10m, memory: 64Mi}
limits: {cpu: 500m, memory: 256Mi}
{{- end }}

{{/* The three probes of an HTTP server. Takes: port, ready, live (paths). */}}
{{- define "platform.httpProbes" -}}
startupProbe:
  httpGet: {path: {{ .live }}, port: {{ .port }}}
  periodSeconds: 2
  timeoutSeconds: 3
  failureThreshold: 90
readinessProbe:
  httpGet: {path: {{ .ready }}, port: {{ .port }}}
  periodSeconds: 3
  timeoutSeconds: 3
livenessProbe:
  httpGet: {path: {{ .live }}, port: {{ .port }}}
  timeoutSeconds: 5
{{- end }}

{{/* An environment variable from a Secret. Takes: root, env, secret (a key of .Values.secrets), key. */}}
{{- define "platform.secretEnv" -}}
- name: {{ .env }}
  valueFrom:
    secretKeyRef:
      name: {{ include "platform.secretName" . }}
      key: {{ .key }}
{{- end }}

{{/* The object store's credentials, as every AWS SDK reads them. */}}
{{- define "platform.store.env" -}}
{{ include "platform.secretEnv" (dict "root" . "env" "AWS_ACCESS_KEY_ID" "secret" "objectStore" "key" "access-key-id") }}
{{ include "platform.secretEnv" (dict "root" . "env" "AWS_SECRET_ACCESS_KEY" "secret" "objectStore" "key" "secret-access-key") }}
- name: AWS_REGION
  value: {{ .Values.objectStore.region }}
{{- end }}

{{/* Init container that waits for PostgreSQL, with words. */}}
{{- define "platform.waitForDatabase" -}}
{{- $host := include "platform.database.host" . -}}
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
      value: {{ $host }}
    - name: PGPORT
      value: {{ .Values.database.port | quote }}
    - name: PGUSER
      value: postgres
  resources:
    {{- include "platform.smallResources" . | nindent 4 }}
{{- end }}

{{/*
The API token as a volume that only the container that uses it mounts: a neighbour in the pod gets none.
*/}}
{{- define "platform.token.volume" -}}
- name: api-token
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken:
          path: token
          expirationSeconds: 3607
      - configMap:
          name: kube-root-ca.crt
          items:
            - {key: ca.crt, path: ca.crt}
      - downwardAPI:
          items:
            - path: namespace
              fieldRef:
                fieldPath: metadata.namespace
{{- end }}

{{- define "platform.token.mount" -}}
- name: api-token
  mountPath: /var/run/secrets/kubernetes.io/serviceaccount
  readOnly: true
{{- end }}

{{/*
A Job that runs once for what it says and again, harmlessly, when that changes: its name ends in its spec's hash,
because a Job cannot be changed, and Argo CD runs it as a hook of its wave.
Takes: root, name; the spec is the template "platform.job.<name>".
*/}}
{{- define "platform.job" -}}
{{- $spec := include (printf "platform.job.%s" .name) .root -}}
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
  backoffLimit: 6
  template:
    metadata:
      labels:
        {{- include "platform.podLabels" (dict "root" .root "component" .name) | nindent 8 }}
    spec:
      {{- $spec | nindent 6 }}
      restartPolicy: OnFailure
{{- end }}

{{/* The claim `data` of a StatefulSet: with apiVersion and kind, or Argo CD sees it changed for ever. Takes: size, storageClass. */}}
{{- define "platform.claimTemplate" -}}
- apiVersion: v1
  kind: PersistentVolumeClaim
  metadata:
    name: data
  spec:
    accessModes: [ReadWriteOnce]
    {{- with .storageClass }}
    storageClassName: {{ . }}
    {{- end }}
    resources:
      requests:
        storage: {{ .size }}
{{- end }}

{{/* Replicas on different nodes where there are several. Takes: the component's name. */}}
{{- define "platform.spread" -}}
- maxSkew: 1
  topologyKey: kubernetes.io/hostname
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      app: {{ . }}
{{- end }}
