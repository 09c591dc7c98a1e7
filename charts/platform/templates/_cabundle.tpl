{{/*
Certificate authorities of the installation's own, in ConfigMaps that the chart does not make: of the managed database
(`database.caConfigMap`) and of the object store (`objectStore.caConfigMap`). Each template is empty where none is named.
"of" is the key of the values: "database" or "objectStore".
*/}}

{{/* Takes: root, of. */}}
{{- define "platform.authority.volume" -}}
{{- with (get .root.Values .of).caConfigMap -}}
- name: {{ $.of | kebabcase }}-authority
  projected:
    sources:
      - configMap:
          name: {{ . }}
          items:
            - {key: ca.crt, path: ca.crt}
{{- end }}
{{- end }}

{{/* Takes: root, of. */}}
{{- define "platform.authority.mount" -}}
{{- if (get .root.Values .of).caConfigMap -}}
- {name: {{ .of | kebabcase }}-authority, mountPath: {{ include "platform.authority.path" . | dir }}, readOnly: true}
{{- end }}
{{- end }}

{{/* Takes: of. */}}
{{- define "platform.authority.path" -}}
/etc/platform/authorities/{{ .of | kebabcase }}/ca.crt
{{- end }}

{{/* As PostgreSQL's own library reads it, and asyncpg. */}}
{{- define "platform.database.authorityEnv" -}}
{{- if .Values.database.caConfigMap -}}
- name: PGSSLROOTCERT
  value: {{ include "platform.authority.path" (dict "of" "database") }}
{{- end }}
{{- end }}

{{/* As the AWS SDKs read it, and what fetches presigned links. */}}
{{- define "platform.store.authorityEnv" -}}
{{- if .Values.objectStore.caConfigMap -}}
{{- $path := include "platform.authority.path" (dict "of" "objectStore") -}}
- name: AWS_CA_BUNDLE
  value: {{ $path }}
- name: SSL_CERT_FILE
  value: {{ $path }}
{{- end }}
{{- end }}
