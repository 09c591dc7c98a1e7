{{/*
Volumes that outlive the release.
*/}}

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
