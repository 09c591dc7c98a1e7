{{/*
PersistentVolumeClaim templates.
*/}}

{{/* The claim `data` of a StatefulSet. Without apiVersion and kind, Argo CD would report it OutOfSync for ever. Takes: size, storageClass. */}}
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
