{{/* What cannot work, told before anything is made. */}}
{{- define "weir.checks" -}}
{{- $v := .Values -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" (include "weir.fullname" .)) -}}
{{- fail (printf "%s is no name that a Service may have (a letter first, then a-z, 0-9 and -): set fullnameOverride." (include "weir.fullname" .)) -}}
{{- end -}}
{{- if eq $v.storage.type "postgres" -}}
{{- if not $v.storage.postgres.existingSecret -}}
{{- fail "storage.postgres.existingSecret is needed: the name of a Secret that holds the URL of the database (kubectl create secret generic weir-database --from-literal=url=postgres://…). To try Weir without a database: --set storage.type=sqlite" -}}
{{- end -}}
{{- if not $v.masterKey.existingSecret -}}
{{- fail "masterKey.existingSecret is needed: the name of a Secret with the key that stored secrets are encrypted with, the same for every replica (kubectl create secret generic weir-master-key --from-literal=master-key=\"$(openssl rand -base64 32)\"). Keep a copy of it outside of the cluster." -}}
{{- end -}}
{{- else -}}
{{- if $v.autoscaling.enabled -}}
{{- fail "autoscaling needs storage.type postgres: with SQLite there can be only one replica." -}}
{{- end -}}
{{- if gt (int (include "weir.replicas" .)) 1 -}}
{{- fail (printf "replicaCount is %d, but storage.type sqlite is a file of one process: use one replica, or Postgres." (int $v.replicaCount)) -}}
{{- end -}}
{{- if eq $v.migration.mode "job" -}}
{{- fail "migration.mode job needs storage.type postgres: the volume of SQLite is in use by the pod, which migrates at its start." -}}
{{- end -}}
{{- end -}}
{{- if and $v.autoscaling.enabled (gt (int $v.autoscaling.minReplicas) (int $v.autoscaling.maxReplicas)) -}}
{{- fail "autoscaling.minReplicas must not be above autoscaling.maxReplicas." -}}
{{- end -}}
{{- if and $v.autoscaling.enabled (kindIs "invalid" $v.autoscaling.cpu) (kindIs "invalid" $v.autoscaling.memory) (kindIs "invalid" $v.autoscaling.activeStreams) (not $v.autoscaling.metrics) -}}
{{- fail "autoscaling needs something to go by: cpu, memory, activeStreams or metrics." -}}
{{- end -}}
{{- if and $v.podDisruptionBudget.enabled (not (kindIs "invalid" $v.podDisruptionBudget.minAvailable)) (not (kindIs "invalid" $v.podDisruptionBudget.maxUnavailable)) -}}
{{- fail "podDisruptionBudget takes minAvailable or maxUnavailable, not both: set the other to null." -}}
{{- end -}}
{{- if and $v.podDisruptionBudget.enabled (kindIs "invalid" $v.podDisruptionBudget.minAvailable) (kindIs "invalid" $v.podDisruptionBudget.maxUnavailable) -}}
{{- fail "podDisruptionBudget needs minAvailable or maxUnavailable." -}}
{{- end -}}
{{- if and $v.ingress.enabled (not $v.ingress.hosts) -}}
{{- fail "ingress.hosts is needed: the host names that people reach Weir at." -}}
{{- end -}}
{{- if and $v.httpRoute.enabled (not $v.httpRoute.parentRefs) -}}
{{- fail "httpRoute.parentRefs is needed: the Gateway that the route belongs to." -}}
{{- end -}}
{{- if and $v.metrics.serviceMonitor.enabled (not $v.metrics.existingSecret) -}}
{{- fail "metrics.existingSecret is needed by the ServiceMonitor: the name of a Secret with a key for /metrics (kubectl create secret generic weir-metrics --from-literal=metrics-key=\"$(openssl rand -hex 32)\")." -}}
{{- end -}}
{{- if and $v.metrics.serviceMonitor.enabled $v.metrics.serviceMonitor.namespace (ne $v.metrics.serviceMonitor.namespace .Release.Namespace) -}}
{{- fail "metrics.serviceMonitor.namespace must be that of the release: a ServiceMonitor reads its Secret from its own namespace." -}}
{{- end -}}
{{- if and $v.extraCaCerts.configMap $v.extraCaCerts.secret -}}
{{- fail "extraCaCerts takes a configMap or a secret, not both." -}}
{{- end -}}
{{- if and (gt (int $v.shutdown.preStopSleepSeconds) 0) (semverCompare "<1.30-0" .Capabilities.KubeVersion.Version) -}}
{{- fail "shutdown.preStopSleepSeconds needs Kubernetes 1.30 or newer; stopDelaySeconds does the same without it." -}}
{{- end -}}
{{- range $v.extraEnv -}}
{{- if and (hasKey . "value") (regexMatch "(?i)(^|_)(key|secret|token|password|passwd|credentials?)$" .name) -}}
{{- fail (printf "extraEnv: %s looks like a secret. Put it into a Secret and name that in secretEnv." .name) -}}
{{- end -}}
{{- end -}}
{{- $own := list "WEIR_CONFIG" "WEIR_DATA" "WEIR_HOST" "WEIR_PORT" "TMPDIR" "POD_IP" "WEIR_DATABASE_URL" "WEIR_MASTER_KEY" "WEIR_REDIS_URL" "WEIR_METRICS_KEY" -}}
{{- range concat $v.secretEnv $v.extraEnv -}}
{{- if has .name $own -}}
{{- fail (printf "%s is there already: the chart sets it, or something else in secretEnv or extraEnv does." .name) -}}
{{- end -}}
{{- $own = append $own .name -}}
{{- end -}}
{{- include "weir.checkConfig" $v.config -}}
{{- end -}}

{{/* Of `config`: what the chart sets itself, and secrets in clear. */}}
{{- define "weir.checkConfig" -}}
{{- $server := default (dict) (get . "server") -}}
{{- range $name, $instead := dict "host" "ipFamily" "port" "service.port" "stop_delay" "shutdown.stopDelaySeconds" "drain_timeout" "shutdown.drainTimeoutSeconds" -}}
{{- if hasKey $server $name -}}
{{- fail (printf "config.server.%s is the chart's to set: use %s." $name $instead) -}}
{{- end -}}
{{- end -}}
{{- if hasKey . "storage" -}}{{- fail "config.storage is the chart's to set: use storage.*." -}}{{- end -}}
{{- if hasKey . "redis" -}}{{- fail "config.redis is the chart's to set: use redis.existingSecret." -}}{{- end -}}
{{- if hasKey (default (dict) (get . "secrets")) "master_key" -}}{{- fail "config.secrets.master_key is the chart's to set: use masterKey.existingSecret." -}}{{- end -}}
{{- include "weir.checkSecrets" (dict "path" "config" "name" "" "value" .) -}}
{{- end -}}

{{/* Fails at a text that is a secret by its name, or holds a password, and refers to nothing. The value is not repeated. */}}
{{- define "weir.checkSecrets" -}}
{{- $path := .path -}}
{{- $name := .name -}}
{{- if kindIs "map" .value -}}
{{- range $key, $value := .value -}}
{{- include "weir.checkSecrets" (dict "path" (printf "%s.%s" $path $key) "name" $key "value" $value) -}}
{{- end -}}
{{- else if kindIs "slice" .value -}}
{{- range $at, $value := .value -}}
{{- include "weir.checkSecrets" (dict "path" (printf "%s[%d]" $path $at) "name" $name "value" $value) -}}
{{- end -}}
{{- else if kindIs "string" .value -}}
{{- $isSecret := regexMatch "(?i)(^|[_-])(keys?|secret|token|password|passphrase|credentials?|authorization|webhook)$" $name -}}
{{- $isPublic := regexMatch "(?i)(^|_)(public|access)_key$" $name -}}
{{- $hasPassword := regexMatch "://[^/@\\s:]*:[^/@\\s$]+@" .value -}}
{{- if and (or (and $isSecret (not $isPublic)) $hasPassword) (ne .value "") (not (contains "${" .value)) -}}
{{- fail (printf "%s looks like a secret in clear. Put it into a Secret, name that in secretEnv and write ${NAME} here." $path) -}}
{{- end -}}
{{- end -}}
{{- end -}}
