{{/* weir.yaml: what `config` says, and what the chart knows better. */}}
{{- define "weir.config" -}}
{{- $v := .Values -}}
{{- $config := deepCopy $v.config -}}
{{- $full := include "weir.fullname" . -}}
{{- $server := default (dict) (get $config "server") -}}
{{- $own := list $full (printf "%s.%s" $full .Release.Namespace) (printf "%s.%s.svc" $full .Release.Namespace) (printf "%s.%s.svc.%s" $full .Release.Namespace $v.clusterDomain) "${POD_IP}" -}}
{{- $public := "" -}}
{{- if and $v.ingress.enabled $v.ingress.hosts -}}
{{- $own = concat $own $v.ingress.hosts -}}
{{- $public = printf "%s://%s" (ternary "https" "http" (ne $v.ingress.tlsSecret "")) (first $v.ingress.hosts) -}}
{{- end -}}
{{- if and $v.httpRoute.enabled $v.httpRoute.hostnames -}}
{{- $own = concat $own $v.httpRoute.hostnames -}}
{{- if not $public -}}{{- $public = printf "https://%s" (first $v.httpRoute.hostnames) -}}{{- end -}}
{{- end -}}
{{- $_ := set $server "allowed_hosts" (concat $own (default (list) (get $server "allowed_hosts")) | uniq) -}}
{{- if and $public (not (contains "*" $public)) (not (hasKey $server "public_url")) -}}{{- $_ := set $server "public_url" $public -}}{{- end -}}
{{- $_ := set $server "host" (ternary "::" "0.0.0.0" (eq $v.ipFamily "IPv6")) -}}
{{- $_ := set $server "port" 9347 -}}
{{- $_ := set $server "stop_delay" (printf "%ds" (int $v.shutdown.stopDelaySeconds)) -}}
{{- $_ := set $server "drain_timeout" (printf "%ds" (int $v.shutdown.drainTimeoutSeconds)) -}}
{{- $_ := set $config "server" $server -}}
{{- if eq $v.storage.type "postgres" -}}
{{- $storage := dict "url" "${WEIR_DATABASE_URL}" "connections" (int $v.storage.postgres.connections) -}}
{{- if include "weir.hasCa" . -}}{{- $_ := set $storage "ca_file" (printf "/etc/weir-ca/%s" $v.extraCaCerts.key) -}}{{- end -}}
{{- $_ := set $config "storage" $storage -}}
{{- end -}}
{{- if $v.masterKey.existingSecret -}}
{{- $_ := set $config "secrets" (mergeOverwrite (default (dict) (get $config "secrets")) (dict "master_key" "${WEIR_MASTER_KEY}")) -}}
{{- end -}}
{{- if $v.redis.existingSecret -}}{{- $_ := set $config "redis" (dict "url" "${WEIR_REDIS_URL}") -}}{{- end -}}
{{- if include "weir.hasCa" . -}}
{{- $_ := set $config "network" (merge (default (dict) (get $config "network")) (dict "ca_file" (printf "/etc/weir-ca/%s" $v.extraCaCerts.key))) -}}
{{- end -}}
{{- if not (hasKey (default (dict) (get $config "auth")) "anonymous") -}}
{{- $_ := set $config "auth" (merge (default (dict) (get $config "auth")) (dict "anonymous" "never")) -}}
{{- end -}}
{{- if not (hasKey (default (dict) (get $config "discovery")) "local") -}}
{{- $_ := set $config "discovery" (merge (default (dict) (get $config "discovery")) (dict "local" false)) -}}
{{- end -}}
{{- if $v.metrics.existingSecret -}}
{{- $key := dict "name" "prometheus" "key" "${WEIR_METRICS_KEY}" "actions" (list "metrics.read") -}}
{{- $_ := set $config "keys" (append (default (list) (get $config "keys")) $key) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}
