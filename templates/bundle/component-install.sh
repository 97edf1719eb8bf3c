#!/usr/bin/env bash
# Installs {{ c.name }} alone. deploy.sh of the bundle does the same, in order and with retries.
set -euo pipefail

BUNDLE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck disable=SC2034  # not every component has something to wait for
WAIT=(--wait --timeout 10m)
{%- set text = install | join("\n") %}

retry() { "$@"; }
{%- if "ensure_namespace" in text %}

ensure_namespace() {
  kubectl create namespace "$1" --dry-run=client -o yaml | kubectl apply -f -
}
{%- endif %}
{%- if "apply_early" in text %}

# Kinds that the chart brings may still be unknown; what fails for another reason fails again below.
apply_early() {
  kubectl apply "$@" || echo "some manifests wait for the chart" >&2
}
{%- endif %}
{%- if "apply_kustomization" in text %}

apply_kustomization() {
  kustomize build "$1" | kubectl apply -n "$2" -f -
}
{%- endif %}
{%- if after %}

restart_daemonset() {
  kubectl rollout restart daemonset "$2" -n "$1" \
    && kubectl rollout status daemonset "$2" -n "$1" --timeout 120s
}
{%- endif %}

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
cd "$WORK"
{% for line in install %}
{{ line }}
{%- endfor %}
{%- if after %}
{{ after }} || echo "warning: could not restart it" >&2
{%- endif %}
