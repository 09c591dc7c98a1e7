{{/*
CA bundles: the certificate authorities that the managed database (`database.caConfigMap`) and the object store
(`objectStore.caConfigMap`) are verified against. Users create these ConfigMaps. Without one, each template renders nothing.
"of" is the values' key: "database" or "objectStore".
*/}}

{{/* Takes: root, of. */}}
{{- define "platform.caBundle.volume" -}}
{{- with (get .root.Values .of).caConfigMap -}}
- name: {{ $.of | kebabcase }}-ca-bundle
  projected:
    sources:
      - configMap:
          name: {{ . }}
          items:
            - {key: ca.crt, path: ca.crt}
{{- end }}
{{- end }}

{{/* Takes: root, of. */}}
{{- define "platform.caBundle.mount" -}}
{{- if (get .root.Values .of).caConfigMap -}}
- {name: {{ .of | kebabcase }}-ca-bundle, mountPath: {{ include "platform.caBundle.path" . | dir }}, readOnly: true}
{{- end }}
{{- end }}

{{/* Takes: of. */}}
{{- define "platform.caBundle.path" -}}
/etc/platform/ca-bundles/{{ .of | kebabcase }}/ca.crt
{{- end }}

{{/* Variables that libpq and asyncpg read. */}}
{{- define "platform.database.caBundleEnv" -}}
{{- if .Values.database.caConfigMap -}}
- name: PGSSLROOTCERT
  value: {{ include "platform.caBundle.path" (dict "of" "database") }}
{{- end }}
{{- end }}

{{/* Variables that the AWS SDKs and the clients of presigned links read. */}}
{{- define "platform.store.caBundleEnv" -}}
{{- if .Values.objectStore.caConfigMap -}}
{{- $path := include "platform.caBundle.path" (dict "of" "objectStore") -}}
- name: AWS_CA_BUNDLE
  value: {{ $path }}
- name: SSL_CERT_FILE
  value: {{ $path }}
{{- end }}
{{- end }}
