{{/*
Autoscaler, disruption budget, shutdown delay and spreading of the components that scale.
*/}}

{{/* Takes: root, name, values (the component's). */}}
{{- define "platform.autoscaler" -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  {{- include "platform.metadata" . | nindent 2 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ .name }}
  minReplicas: {{ .values.autoscaling.minReplicas }}
  maxReplicas: {{ .values.autoscaling.maxReplicas }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: {{ .values.autoscaling.cpuPercent }}
{{- end }}

{{/* Takes: root, name. */}}
{{- define "platform.disruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "platform.metadata" . | nindent 2 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow # a pod that never becomes ready must not block its node's drain
  selector:
    matchLabels:
      app: {{ .name }}
{{- end }}

{{/* Delays shutdown until the Service has stopped routing to the pod. */}}
{{- define "platform.drain" -}}
preStop:
  sleep: {seconds: 5}
{{- end }}

{{/* Spreads replicas over nodes if possible. Takes: the component's name. */}}
{{- define "platform.spread" -}}
- maxSkew: 1
  topologyKey: kubernetes.io/hostname
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      app: {{ . }}
{{- end }}
