{{/*
NetworkPolicies, rendered from one table of egress targets. Pods have a label `trainyard.dev/to-<target>` for each of their
targets; a component admits the pods with its target's label and reaches only its own targets. Everything else is denied in both
directions. docs/platform-network.md shows the rendered result.
*/}}

{{/* Egress targets of a component, comma-separated. The backend reaches itself: tier 1's trainings call back from its pod. Takes: component. */}}
{{- define "platform.egressTargets" -}}
{{- $targets := dict
  "backend"            "api-server,backend,database,mlflow,redis,store,sts,temporal,weights"
  "backend-migrate"    "database"
  "frontend"           "api"
  "grafana"            "prometheus"
  "minio-buckets"      "store"
  "mlflow"             "database,store"
  "prometheus"         "api-server,metrics"
  "serve"              "api,store"
  "temporal"           "database"
  "temporal-namespace" "temporal"
  "temporal-schema"    "database"
  "temporal-ui"        "temporal"
  "trainer"            "backend,store"
-}}
{{ get $targets (hasPrefix "serve-" .component | ternary "serve" .component) }}
{{- end }}

{{/*
A component's NetworkPolicy.
Takes: root, component, name (default: component), serves (target: port), outside (ports open to clients outside the cluster,
by node port), routed (ports open to the Ingress or Gateway controller).
*/}}
{{- define "platform.networkPolicy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "platform.metadata" (dict "root" .root "name" (.name | default .component) "component" .component) | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      app: {{ .component }}
  policyTypes: [Ingress, Egress]
  {{- range $direction := list "ingress" "egress" }}
  {{- with include (printf "platform.%sRules" $direction) $ | trim }}
  {{ $direction }}:
    {{- . | nindent 4 }}
  {{- else }}
  {{ $direction }}: []
  {{- end }}
  {{- end }}
{{- end }}

{{- define "platform.ingressRules" -}}
{{- $exposure := .root.Values.exposure -}}
{{- range $target, $port := .serves }}
- from:
    - podSelector:
        matchLabels:
          trainyard.dev/to-{{ $target }}: "true"
  ports:
    - {protocol: TCP, port: {{ $port }}}
{{- end }}
{{- if eq $exposure.mode "nodePort" }}
{{- range .outside }}
- from:
    - ipBlock:
        cidr: 0.0.0.0/0
        except: [{{ $.root.Values.networkPolicy.podCidr }}]
  ports:
    - {protocol: TCP, port: {{ . }}}
{{- end }}
{{- else if ne $exposure.mode "none" }}
{{- range .routed }}
- from:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ $exposure.controllerNamespace }}
    {{- range $exposure.controllerCidrs }}
    - ipBlock:
        cidr: {{ . }}
    {{- end }}
  ports:
    - {protocol: TCP, port: {{ . }}}
{{- end }}
{{- end }}
{{- end }}

{{- define "platform.egressRules" -}}
{{- range include "platform.egressTargets" . | splitList "," | compact }}
{{- with include (printf "platform.egress.%s" .) $.root }}
{{ . }}
{{- end }}
{{- end }}
{{- end }}

{{/* Egress rule to pods of this namespace. Takes: app, port. */}}
{{- define "platform.egress.pods" -}}
- to:
    - podSelector:
        matchLabels:
          app: {{ .app }}
  ports:
    - {protocol: TCP, port: {{ .port }}}
{{- end }}

{{/* `true` if an IPv4 network holds another or is the same, else `false`. Takes: a list of the two. */}}
{{- define "platform.cidr.holds" -}}
{{- $outer := splitList "/" (first .) }}
{{- $inner := splitList "/" (last .) }}
{{- $size := 1 }}
{{- range until (sub 32 (last $outer | int) | int) }}{{ $size = mul $size 2 }}{{ end }}
{{- $blocks := list }}
{{- range list (first $outer) (first $inner) }}
{{- $address := 0 }}
{{- range splitList "." . }}{{ $address = add (mul $address 256) (int .) }}{{ end }}
{{- $blocks = append $blocks (div $address $size) }}
{{- end }}
{{- and (le (last $outer | int) (last $inner | int)) (eq (first $blocks) (last $blocks)) }}
{{- end }}

{{/*
Egress rule to addresses outside the cluster; "anywhere" leaves out where clouds hand out a node's credentials.
Takes: cidr, port, cluster (its pods' and nodes' addresses, which are left out; "anywhere" is then every public address alone).
*/}}
{{- define "platform.egress.addresses" -}}
{{- $except := list (get (dict "0.0.0.0/0" "169.254.0.0/16" "::/0" "fd00:ec2::254/128") .cidr) | compact }}
{{- if and $except .cluster }}
{{- $except = concat $except (list "10.0.0.0/8" "100.64.0.0/10" "172.16.0.0/12" "192.168.0.0/16") }}
{{- end }}
{{- range .cluster }}
{{- if and (eq (include "platform.cidr.holds" (list $.cidr .)) "true") (eq (include "platform.cidr.holds" (list . $.cidr)) "false") }}
{{- $except = append $except . | uniq }}
{{- end }}
{{- end -}}
- to:
    - ipBlock:
        cidr: {{ .cidr }}
        {{- with $except }}
        except: [{{ range $i, $one := . }}{{ if $i }}, {{ end }}{{ quote $one }}{{ end }}]
        {{- end }}
  ports:
    - {protocol: TCP, port: {{ .port }}}
{{- end }}

{{- define "platform.egress.api" }}{{ include "platform.egress.pods" (dict "app" "backend" "port" 8080) }}{{ end }}
{{- define "platform.egress.backend" }}{{ include "platform.egress.pods" (dict "app" "backend" "port" 8000) }}{{ end }}
{{- define "platform.egress.mlflow" }}{{ include "platform.egress.pods" (dict "app" "mlflow" "port" 5000) }}{{ end }}
{{- define "platform.egress.prometheus" }}{{ include "platform.egress.pods" (dict "app" "prometheus" "port" 9090) }}{{ end }}
{{- define "platform.egress.redis" }}{{ include "platform.egress.pods" (dict "app" "redis" "port" 6379) }}{{ end }}
{{- define "platform.egress.temporal" }}{{ include "platform.egress.pods" (dict "app" "temporal" "port" 7233) }}{{ end }}

{{- define "platform.egress.database" -}}
{{- if .Values.database.host }}
{{- include "platform.egress.addresses" (dict "cidr" .Values.database.cidr "port" .Values.database.port) }}
{{- else }}
{{- include "platform.egress.pods" (dict "app" "postgres" "port" .Values.database.port) }}
{{- end }}
{{- end }}

{{- define "platform.egress.store" -}}
{{- if .Values.objectStore.endpoint }}
{{- include "platform.egress.addresses" (dict
  "cidr" .Values.objectStore.cidr "port" .Values.objectStore.port
  "cluster" (prepend .Values.networkPolicy.nodeCidrs .Values.networkPolicy.podCidr)
) }}
{{- else }}
{{- include "platform.egress.pods" (dict "app" "minio" "port" 9000) }}
{{- end }}
{{- end }}

{{- define "platform.egress.sts" -}}
{{- with .Values.objectStore.sts.endpoint }}
{{- include "platform.egress.addresses" (dict "cidr" $.Values.objectStore.sts.cidr "port" (include "platform.urlPort" .)) }}
{{- end }}
{{- end }}

{{- define "platform.egress.weights" -}}
{{- with .Values.weights.download }}
{{- include "platform.egress.addresses" (dict "cidr" $.Values.weights.cidr "port" (include "platform.urlPort" .)) }}
{{- end }}
{{- end }}

{{- define "platform.egress.api-server" -}}
{{- include "platform.egress.addresses" (dict "cidr" .Values.networkPolicy.apiServerCidr "port" .Values.networkPolicy.apiServerPort) }}
{{- end }}

{{/* Prometheus scrapes the metrics ports of backend, grafana, mlflow, minio, temporal and served models. */}}
{{- define "platform.egress.metrics" -}}
- to:
    - podSelector: {}
  ports:
    - {protocol: TCP, port: 3000}
    - {protocol: TCP, port: 5000}
    - {protocol: TCP, port: 8000}
    - {protocol: TCP, port: 9000}
    - {protocol: TCP, port: 9090}
{{- end }}
