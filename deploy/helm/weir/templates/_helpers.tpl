{{- define "weir.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 49 characters: the longest suffix of ours is 14 long, and a label holds 63. Without dots: a Service may have none, a release may. */}}
{{- define "weir.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | replace "." "-" | trunc 49 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | replace "." "-" | trunc 49 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | replace "." "-" | trunc 49 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "weir.selector" -}}
app.kubernetes.io/name: {{ include "weir.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* The pods that serve, apart from those of jobs and tests. */}}
{{- define "weir.gatewaySelector" -}}
{{ include "weir.selector" . }}
app.kubernetes.io/component: gateway
{{- end -}}

{{- define "weir.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "weir.selector" . }}
app.kubernetes.io/version: {{ default .Chart.AppVersion .Values.image.tag | regexFind "^[^@]*" | replace "+" "_" | trunc 63 | trimAll "-_." | quote }}
app.kubernetes.io/part-of: weir
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "weir.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{- define "weir.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "weir.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* How many replicas without an autoscaler. */}}
{{- define "weir.replicas" -}}
{{- if kindIs "invalid" .Values.replicaCount -}}
{{- ternary 1 2 (eq .Values.storage.type "sqlite") -}}
{{- else -}}
{{- int .Values.replicaCount -}}
{{- end -}}
{{- end -}}

{{/* Seconds from the word to end until the kubelet loses its patience. */}}
{{- define "weir.gracePeriod" -}}
{{- with .Values.shutdown -}}
{{- $needed := add (int .stopDelaySeconds) (int .drainTimeoutSeconds) (int .preStopSleepSeconds) -}}
{{- if kindIs "invalid" .terminationGracePeriodSeconds -}}
{{- add $needed 20 -}}
{{- else -}}
{{- if le (int .terminationGracePeriodSeconds) (int $needed) -}}
{{- fail (printf "shutdown.terminationGracePeriodSeconds (%d) must be above %d, which stopDelaySeconds, drainTimeoutSeconds and preStopSleepSeconds take together: else running answers are cut off." (int .terminationGracePeriodSeconds) (int $needed)) -}}
{{- end -}}
{{- int .terminationGracePeriodSeconds -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What Weir finds in its environment; every secret by reference. */}}
{{- define "weir.env" -}}
- name: WEIR_CONFIG
  value: /etc/weir/weir.yaml
- name: WEIR_DATA
  value: /data
# Large sorts of SQLite need room.
- name: TMPDIR
  value: /data
# Above the file, and above what an image says.
- name: WEIR_HOST
  value: {{ ternary "::" "0.0.0.0" (eq .Values.ipFamily "IPv6") | quote }}
- name: WEIR_PORT
  value: '9347'
- name: POD_IP
  valueFrom: { fieldRef: { fieldPath: status.podIP } }
{{- if eq .Values.storage.type "postgres" }}
- name: WEIR_DATABASE_URL
  valueFrom:
    secretKeyRef: { name: {{ .Values.storage.postgres.existingSecret | quote }}, key: {{ .Values.storage.postgres.urlKey | quote }} }
{{- end }}
{{- if .Values.masterKey.existingSecret }}
- name: WEIR_MASTER_KEY
  valueFrom:
    secretKeyRef: { name: {{ .Values.masterKey.existingSecret | quote }}, key: {{ .Values.masterKey.key | quote }} }
{{- end }}
{{- if .Values.redis.existingSecret }}
- name: WEIR_REDIS_URL
  valueFrom:
    secretKeyRef: { name: {{ .Values.redis.existingSecret | quote }}, key: {{ .Values.redis.urlKey | quote }} }
{{- end }}
{{- if .Values.metrics.existingSecret }}
- name: WEIR_METRICS_KEY
  valueFrom:
    secretKeyRef: { name: {{ .Values.metrics.existingSecret | quote }}, key: {{ .Values.metrics.key | quote }} }
{{- end }}
{{- range .Values.secretEnv }}
- name: {{ .name }}
  valueFrom:
    secretKeyRef: { name: {{ .secretName | quote }}, key: {{ .key | quote }} }
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "weir.envFrom" -}}
{{- with .Values.secretEnvFrom }}
envFrom:
  {{- range . }}
  - secretRef: { name: {{ . | quote }} }
  {{- end }}
{{- end }}
{{- end -}}

{{- define "weir.volumeMounts" -}}
- { name: config, mountPath: /etc/weir, readOnly: true }
- { name: data, mountPath: /data }
- { name: tmp, mountPath: /tmp }
{{- if include "weir.hasCa" . }}
- { name: ca, mountPath: /etc/weir-ca, readOnly: true }
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Volumes beside that of the data; the dictionary names the ConfigMap. */}}
{{- define "weir.volumes" -}}
- name: config
  configMap: { name: {{ .configMap }} }
- name: tmp
  emptyDir: { sizeLimit: 256Mi }
{{- with .root.Values.extraCaCerts }}
{{- if .configMap }}
- name: ca
  configMap: { name: {{ .configMap | quote }} }
{{- else if .secret }}
- name: ca
  secret: { secretName: {{ .secret | quote }} }
{{- end }}
{{- end }}
{{- with .root.Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "weir.hasCa" -}}
{{- if or .Values.extraCaCerts.configMap .Values.extraCaCerts.secret -}}yes{{- end -}}
{{- end -}}

{{- define "weir.hasSeveral" -}}
{{- if .Values.autoscaling.enabled -}}
{{- if gt (int .Values.autoscaling.maxReplicas) 1 -}}yes{{- end -}}
{{- else if gt (int (include "weir.replicas" .)) 1 -}}yes{{- end -}}
{{- end -}}
