{{/* Of an httpGet probe the pod's events show the status alone; of this one, also what is missing. */}}
{{- define "platform.backend.readiness" -}}
exec:
  command:
    - bash
    - -c
    - |
      exec 3<>/dev/tcp/127.0.0.1/8000
      printf 'GET /readyz/once HTTP/1.0\r\n\r\n' >&3
      read -r _ status _ <&3
      if [ "$status" != 204 ]; then sed '1,/^\r$/d' <&3; exit 1; fi
{{- end }}
