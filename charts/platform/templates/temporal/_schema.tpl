{{/*
Marker of Temporal's schema version: a comment on the database that names the image of the tools. The schema Job writes it; the
server's init container waits for it, because the server exits with an older schema.
*/}}

{{- define "platform.temporal.markSchema" -}}
{{- $command := `psql -v ON_ERROR_STOP=1 -v version="$SCHEMA_VERSION" <<'SQL'
COMMENT ON DATABASE temporal IS :'version';
SQL` -}}
{{- include "platform.temporal.psql" (dict "root" . "name" "mark-schema" "command" $command) }}
{{- end }}

{{- define "platform.temporal.waitForSchema" -}}
{{- $command := `query="SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'temporal'"
until [ "$(psql -qAtc "$query")" = "$SCHEMA_VERSION" ]; do
  echo "waiting for Temporal's schema ($SCHEMA_VERSION) at $PGHOST:$PGPORT, made by the Job temporal-schema"
  sleep 1
done` -}}
{{- include "platform.temporal.psql" (dict "root" . "name" "wait-for-schema" "command" $command) }}
{{- end }}

{{/* Takes: root, name, command (shell). */}}
{{- define "platform.temporal.psql" -}}
- name: {{ .name }}
  {{- include "platform.container" (dict "root" .root "image" .root.Values.postgres.image) | nindent 2 }}
  command:
    - sh
    - -ec
    - |
      {{- .command | nindent 6 }}
  env:
    {{- include "platform.secretEnv" (dict "root" .root "env" "PGPASSWORD" "secret" "database" "key" "temporal-password") | nindent 4 }}
    - name: PGHOST
      value: {{ include "platform.database.host" .root }}
    - name: PGPORT
      value: {{ .root.Values.database.port | quote }}
    - name: PGSSLMODE
      value: {{ include "platform.database.tls" .root }}
    {{- with include "platform.database.caBundleEnv" .root }}{{ . | nindent 4 }}{{ end }}
    - name: PGCONNECT_TIMEOUT
      value: "5"
    - name: PGUSER
      value: temporal
    - name: PGDATABASE
      value: temporal
    - name: SCHEMA_VERSION
      value: {{ include "platform.image" (dict "root" .root "image" .root.Values.temporal.adminTools) }}
  resources:
    {{- include "platform.smallResources" .root | nindent 4 }}
  {{- with include "platform.caBundle.mount" (dict "root" .root "of" "database") }}
  volumeMounts:
    {{- . | nindent 4 }}
  {{- end }}
{{- end }}
