{{- define "flagger.name" -}}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name (default .Chart.Name .Values.nameOverride) | trunc 63 | trimSuffix "-" }}{{ end -}}
{{- end -}}

{{- define "flagger.account" -}}
{{- if .Values.serviceAccount.create }}{{ default (include "flagger.name" .) .Values.serviceAccount.name }}
{{- else }}{{ required "serviceAccount.name: needed with serviceAccount.create: false" .Values.serviceAccount.name }}{{ end -}}
{{- end -}}

{{- define "flagger.labels" -}}
app.kubernetes.io/name: {{ include "flagger.name" . }}
{{- end -}}

{{- define "flagger.args" -}}
{{- $slackProxy := default .Values.slack.proxyUrl .Values.slack.proxy -}}
- flagger
- -mesh-provider={{ .Values.meshProvider }}
- -metrics-server={{ .Values.metricsServer }}
- -enable-leader-election={{ .Values.leaderElection.enabled }}
- -leader-election-namespace={{ .Release.Namespace }}
{{- if ne .Values.logLevel "info" }}
- -log-level={{ .Values.logLevel }}
{{- end }}
{{- if not .Values.configTracking.enabled }}
- -enable-config-tracking=false
{{- end }}
{{- if .Values.noCrossNamespaceRefs }}
- -no-cross-namespace-refs=true
{{- end }}
{{- $texts := list
  (list "namespace" .Values.namespace)
  (list "selector-labels" .Values.selectorLabels)
  (list "include-label-prefix" .Values.includeLabelPrefix)
  (list "ingress-annotations-prefix" .Values.ingressAnnotationsPrefix)
  (list "ingress-class" .Values.ingressClass)
  (list "slack-url" .Values.slack.url)
  (list "slack-token" .Values.slack.token)
  (list "slack-channel" .Values.slack.channel)
  (list "slack-proxy-url" $slackProxy)
  (list "msteams-url" .Values.msteams.url)
  (list "msteams-proxy-url" .Values.msteams.proxyUrl)
  (list "event-webhook" .Values.eventWebhook)
  (list "cluster-name" .Values.clusterName)
  (list "kubeconfig-qps" .Values.kubeconfigQPS)
  (list "kubeconfig-burst" .Values.kubeconfigBurst)
  (list "threadiness" .Values.threadiness)
  (list "analysis-variant" .Values.analysisVariant) }}
{{- if and .Values.slack.user (ne .Values.slack.user "flagger") }}
- {{ printf "-slack-user=%s" .Values.slack.user | quote }}
{{- end }}
{{- range $texts }}
{{- $text := last . | toString }}
{{- if and $text (ne $text "<nil>") }}
- {{ printf "-%s=%s" (first .) $text | quote }}
{{- end }}
{{- end }}
{{- end -}}
