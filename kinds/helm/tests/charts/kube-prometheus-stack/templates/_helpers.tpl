{{- define "kps.image" -}}
{{- $registry := .root.Values.global.imageRegistry | default .image.registry -}}
{{- printf "%s/%s:%s" $registry .image.repository (.image.tag | default .root.Chart.AppVersion) -}}
{{- if .image.sha }}@sha256:{{ .image.sha }}{{ end -}}
{{- end -}}
