{{/*
Sidecar of tier 1: the launcher. It shares only its socket's folder with the backend, not even the API token.
*/}}
{{- define "platform.backend.launcher" -}}
- name: launcher
  {{- include "platform.container" (dict "root" . "image" .Values.trainer.image) | nindent 2 }}
  command: [python, -m, trainer]
  args: [launcher, --socket, /run/launcher/launcher.sock, --state, /var/lib/launcher/state]
  {{- if .Values.trainer.liveSource.enabled }}
  workingDir: /src/src # `python -m` searches it before the image's packages
  {{- end }}
  env:
    - name: HOME
      value: /tmp
    - name: TRAINER_HOME
      value: /var/lib/launcher/home
    - name: DATASET_CACHE_BYTES
      value: {{ int64 .Values.trainer.datasetCacheBytes | quote }}
    {{- include "platform.store.plainUploads" . | nindent 4 }}
    {{- with include "platform.store.caBundleEnv" . }}{{ . | nindent 4 }}{{ end }}
    {{- with include "platform.trainer.env" . | trim }}{{ . | nindent 4 }}{{ end }}
    {{- if .Values.trainer.liveSource.enabled }}
    - name: PYTHONPATH
      value: /src/src
    {{- end }}
  startupProbe:
    {{- include "platform.backend.launcherPing" . | nindent 4 }}
    periodSeconds: 2
    timeoutSeconds: 3
    failureThreshold: 90
  # No readiness probe: without the launcher the API still answers, and trainings still call back.
  livenessProbe:
    {{- include "platform.backend.launcherPing" . | nindent 4 }}
    {{- include "platform.liveness.patience" . | nindent 4 }}
  resources:
    {{- toYaml .Values.trainer.resources | nindent 4 }}
  volumeMounts:
    - {name: launcher, mountPath: /run/launcher}
    - {name: launcher-state, mountPath: /var/lib/launcher}
    - {name: launcher-tmp, mountPath: /tmp}
    - {name: shm, mountPath: /dev/shm}
    {{- with include "platform.caBundle.mount" (dict "root" . "of" "objectStore") }}{{ . | nindent 4 }}{{ end }}
    {{- if .Values.trainer.liveSource.enabled }}
    - {name: source, mountPath: /src, readOnly: true}
    {{- end }}
{{- end }}

{{/* Probe: the launcher answers on its socket (docs/training-contract.md, op ping). */}}
{{- define "platform.backend.launcherPing" -}}
exec:
  command:
    - python
    - -c
    - |
      import socket
      s = socket.socket(socket.AF_UNIX)
      s.settimeout(15)
      s.connect("/run/launcher/launcher.sock")
      s.sendall(b'{"op": "ping"}\n')
      assert b'"ok": true' in s.makefile("rb").readline()
{{- end }}

{{- define "platform.backend.launcherVolumes" -}}
- name: launcher
  emptyDir: {sizeLimit: 16Mi}
- name: launcher-state
  emptyDir: {sizeLimit: {{ .Values.trainer.job.scratchSize }}}
- name: launcher-tmp
  emptyDir: {sizeLimit: 4Gi}
- name: shm # of all trainings together: what one leaves there counts as the launcher's memory
  emptyDir: {medium: Memory, sizeLimit: 2Gi}
{{- if .Values.trainer.liveSource.enabled }}
- name: source
  persistentVolumeClaim: {claimName: trainer-source, readOnly: true}
{{- end }}
{{- end }}
