{{/*
Service of a component; in exposure mode nodePort it opens the ports that have a node port.
Takes: root, name, component (default: name), ports (list of name, port, nodePort (default: none)); a port's name is also the container port's.
*/}}
{{- define "platform.service" -}}
{{- $nodePorts := and (eq .root.Values.exposure.mode "nodePort") (hasKey (first .ports) "nodePort") -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "platform.metadata" . | nindent 2 }}
spec:
  type: {{ ternary "NodePort" "ClusterIP" $nodePorts }}
  selector:
    app: {{ .component | default .name }}
  ports:
    {{- range .ports }}
    - name: {{ .name }}
      port: {{ .port }}
      targetPort: {{ .name }}
      {{- if and $nodePorts .nodePort }}
      nodePort: {{ .nodePort }}
      {{- end }}
    {{- end }}
{{- end }}
