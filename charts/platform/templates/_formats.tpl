{{/*
Checks strings against files/formats.yaml. These checks are not patterns in values.schema.json because Helm's message would show
nothing but the pattern.
*/}}

{{/* Takes the root context. */}}
{{- define "platform.checkFormats" }}
{{- range $format := .Files.Get "files/formats.yaml" | fromYaml }}
{{- range $format.keys }}
{{- include "platform.checkFormat" (dict "format" $format "value" $.Values "keys" (splitList "." .) "path" list) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Checks the strings at `keys` below a value. Takes: format, value, keys (`*` is each), path (the keys that led to value). */}}
{{- define "platform.checkFormat" }}
{{- if not .keys }}
{{- if kindIs "string" .value }}
{{- include "platform.checkString" . }}
{{- end }}
{{- else if eq (first .keys) "*" }}
{{- range $key, $value := .value }}
{{- include "platform.checkFormat" (dict "format" $.format "value" $value "keys" (rest $.keys) "path" (append $.path $key)) }}
{{- end }}
{{- else if and (kindIs "map" .value) (hasKey .value (first .keys)) }}
{{- $key := first .keys }}
{{- include "platform.checkFormat" (dict "format" .format "value" (get .value $key) "keys" (rest .keys) "path" (append .path $key)) }}
{{- end }}
{{- end }}

{{/* Takes: format, value, path. */}}
{{- define "platform.checkString" }}
{{- $pattern := .format.pattern | default (printf "^(%s)$" (join "|" .format.values)) }}
{{- if or (not (regexMatch $pattern .value)) (and .format.not (regexMatch .format.not .value)) }}
{{- include "platform.fail" (dict
  "cause" (printf "%s is %q." (join "." .path) .value)
  "allowed" (printf "%s." (.format.allowed | default (join ", " .format.values) | replace "`" ""))
  "fix" .format.fix
) }}
{{- end }}
{{- end }}
