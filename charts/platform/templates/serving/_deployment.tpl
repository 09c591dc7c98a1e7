{{/*
The server of a model: it follows what `model` means, and answers while it takes over another one.
Takes: root, name, served (an item of .Values.serving.models).
*/}}
{{- define "platform.serving.deployment" -}}
{{- $values := .root.Values.serving -}}
{{- $job := .root.Values.trainer.job -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "platform.metadata" . | nindent 2 }}
spec:
  {{- if not $values.autoscaling.enabled }}
  replicas: {{ $values.replicas }}
  {{- end }}
  strategy:
    rollingUpdate: {maxUnavailable: 0, maxSurge: 1}
  selector:
    matchLabels:
      app: {{ .name }}
  template:
    metadata:
      labels:
        {{- include "platform.podLabels" (dict "root" .root "component" .name) | nindent 8 }}
      annotations:
        {{- include "platform.scrape" (dict "port" 8000 "path" "/metrics") | nindent 8 }}
    spec:
      {{- $placement := get $job.placements (.served.placement | default "") }}
      {{- include "platform.pod" (dict "root" .root "uid" 10001 "placement" $placement) | nindent 6 }}
      topologySpreadConstraints:
        {{- include "platform.spread" .name | nindent 8 }}
      terminationGracePeriodSeconds: 90
      containers:
        - name: serve
          {{- include "platform.container" (dict "root" .root "image" .root.Values.trainer.image) | nindent 10 }}
          args:
            - serve
            - --model={{ .served.model }}
            - --backend={{ include "platform.apiUrl" .root }}
            {{- if $values.tokenSecret }}
            - --token-file=/run/platform/api-token
            {{- end }}
            {{- /* The links of the API are signed for publicEndpoint, which a pod need not reach. */}}
            {{- $store := .root.Values.objectStore }}
            {{- if or (not $store.endpoint) (ne $store.endpoint ($store.publicEndpoint | default $store.endpoint)) }}
            - --store={{ include "platform.store.endpoint" .root }}
            {{- end }}
            - --host=0.0.0.0
            - --port=8000
            {{- with .served.conf }}
            - --conf={{ . }}
            {{- end }}
            {{- with .served.imgsz }}
            - --imgsz={{ int . }}
            {{- end }}
          env:
            - name: HOME
              value: /tmp
            - name: TRAINER_HOME
              value: /tmp/home
            {{- if .root.Values.objectStore.caConfigMap }}
            - name: SSL_CERT_FILE
              value: {{ include "platform.caBundle.path" (dict "of" "objectStore") }}
            {{- end }}
          ports:
            - {name: http, containerPort: 8000}
          {{- include "platform.httpProbes" (dict "port" "http" "ready" "/healthz" "started" "/healthz") | nindent 10 }}
          lifecycle:
            {{- include "platform.drain" .root | nindent 12 }}
          resources:
            {{- $gpu := dict }}
            {{- with int .served.gpu }}
            {{- $gpu = dict "limits" (dict $job.gpuResource (int .)) }}
            {{- end }}
            {{- toYaml (merge $gpu $values.resources) | nindent 12 }}
          volumeMounts:
            - {name: tmp, mountPath: /tmp}
            {{- with include "platform.caBundle.mount" (dict "root" .root "of" "objectStore") }}{{ . | nindent 12 }}{{ end }}
            {{- if $values.tokenSecret }}
            - {name: token, mountPath: /run/platform, readOnly: true}
            {{- end }}
      volumes:
        - name: tmp
          emptyDir: {sizeLimit: 4Gi}
        {{- with include "platform.caBundle.volume" (dict "root" .root "of" "objectStore") }}{{ . | nindent 8 }}{{ end }}
        {{- with $values.tokenSecret }}
        - name: token
          projected:
            defaultMode: 0440
            sources:
              - secret:
                  name: {{ . }}
                  items:
                    - {key: api-token, path: api-token}
        {{- end }}
{{- end }}
