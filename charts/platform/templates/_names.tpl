{{/*
Addresses, images and names that several templates refer to. All take the root context, or a dict with it as "root".
*/}}

{{/* Image reference of a component. Takes: root, image (repository, tag, digest). */}}
{{- define "platform.image" -}}
{{- with .root.Values.images.registry }}{{ . }}/{{ end -}}
{{- .image.repository }}:{{ .image.tag | default .root.Chart.AppVersion -}}
{{- with .image.digest }}@{{ . }}{{ end -}}
{{- end }}

{{/* DNS name of a service. Takes: root, name. */}}
{{- define "platform.host" -}}
{{ .name }}.{{ .root.Release.Namespace }}.svc.{{ .root.Values.clusterDomain }}
{{- end }}

{{/* URL of a service. Takes: root, name, port. */}}
{{- define "platform.url" -}}
http://{{ include "platform.host" . }}:{{ .port }}
{{- end }}

{{/* URL of a component's page in users' browsers: its node port, or else a port-forward. Takes: root, port, nodePort. */}}
{{- define "platform.pageUrl" -}}
{{- if eq .root.Values.exposure.mode "nodePort" -}}
http://{{ .root.Values.exposure.host | default "localhost" }}:{{ .nodePort }}
{{- else -}}
http://localhost:{{ .port }}
{{- end }}
{{- end }}

{{- define "platform.database.host" -}}
{{ .Values.database.host | default (include "platform.host" (dict "root" . "name" "postgres")) }}
{{- end }}

{{/* TLS mode of database connections, in libpq's terms; "disable" for the chart's own pod, which is reachable inside the cluster only. */}}
{{- define "platform.database.tls" -}}
{{- $checked := and (ne .Values.database.caConfigMap "") (eq .Values.database.tls "require") -}}
{{ ternary (ternary "verify-full" .Values.database.tls $checked) "disable" (ne .Values.database.host "") }}
{{- end }}

{{/* Port of a URL. */}}
{{- define "platform.urlPort" -}}
{{ regexFind ":[0-9]+$" (urlParse .).host | trimPrefix ":" | default (ternary "443" "80" (hasPrefix "https://" .)) }}
{{- end }}

{{/* The object store's address inside the cluster. */}}
{{- define "platform.store.endpoint" -}}
{{ .Values.objectStore.endpoint | default (include "platform.url" (dict "root" . "name" "minio" "port" 9000)) }}
{{- end }}

{{/* Name of a Secret with passwords. Takes: root, secret (a key of .Values.secrets). */}}
{{- define "platform.secretName" -}}
{{ get .root.Values.secrets .secret | default "development-passwords" }}
{{- end }}

{{/* The backend's address for users: all of the API but the callbacks of trainers. */}}
{{- define "platform.apiUrl" -}}
{{ include "platform.url" (dict "root" . "name" "backend-public" "port" 8080) }}
{{- end }}

{{/* The backend's address for trainers. */}}
{{- define "platform.backendUrl" -}}
{{ include "platform.url" (dict "root" . "name" "backend" "port" 8000) }}
{{- end }}
