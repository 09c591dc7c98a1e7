{{/*
Parts of every pod and container: Pod Security's profile "restricted", a read-only root, no API token.
*/}}

{{/* Head of a pod's spec. Takes: root, uid, placement (further nodeSelector and tolerations; default: none). */}}
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
{{- with .root.Values.scheduling.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- $placement := .placement | default dict }}
{{- with merge dict ($placement.nodeSelector | default dict) .root.Values.scheduling.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with concat .root.Values.scheduling.tolerations ($placement.tolerations | default list) }}
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

{{/* Resources of a container that waits or runs a short command. */}}
{{- define "platform.smallResources" -}}
requests: {cpu: 10m, memory: 64Mi}
limits: {cpu: 500m, memory: 256Mi}
{{- end }}

{{/* Probes of an HTTP server that ends by itself when it fails. Takes: port, ready, started (paths). */}}
{{- define "platform.httpProbes" -}}
startupProbe:
  httpGet: {path: {{ .started }}, port: {{ .port }}}
  periodSeconds: 2
  timeoutSeconds: 3
  failureThreshold: 90
readinessProbe:
  httpGet: {path: {{ .ready }}, port: {{ .port }}}
  periodSeconds: 3
  timeoutSeconds: 3
{{- end }}

{{/*
How long a server may hang before it is restarted: five minutes. Whoever has too little CPU answers late as
well, and a restart makes that worse. The other servers have no liveness probe: they exit when they fail.
*/}}
{{- define "platform.liveness.patience" -}}
periodSeconds: 30
timeoutSeconds: 20
failureThreshold: 10
{{- end }}

{{/* The API token as a volume, so that only the container that uses it mounts it, and no other container of the pod. */}}
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
