{% from "templates/bundle/_options.sh" import options -%}
#!/usr/bin/env bash
# Deploys this bundle, component by component, in order. Made by aicr; see README.md.
set -euo pipefail

BUNDLE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
RETRIES=5
BEST_EFFORT=false
WAIT=(--wait --timeout 10m)
FAILED=()
OWN_GROUPS='{{ crd_groups }}'
NAMESPACES=" {{ namespaces | join(" ") }} "

usage() {
  echo "usage: deploy.sh [--no-wait] [--best-effort] [--retries N]"
}

{{ options([("--no-wait", "WAIT=()"), ("--best-effort", "BEST_EFFORT=true")], "--retries", "RETRIES", "a number that is not negative") }}

# A chart is looked for in the working directory first: be where there is none.
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
cd "$WORK"

# retry COMMAND...: again after 5, 20, 45, 80, 120, 120 … seconds, RETRIES times.
retry() {
  local attempt=0 pause
  until "$@"; do
    attempt=$((attempt + 1))
    ((attempt <= RETRIES)) || return 1
    pause=$((attempt * attempt * 5))
    ((pause <= 120)) || pause=120
    echo "attempt $attempt of $RETRIES failed, again in $pause s: $*" >&2
    sleep "$pause"
  done
}

# deploy NAME FUNCTION: run it; on failure stop, or remember it with --best-effort.
deploy() {
  echo "==> $1"
  if "$2"; then
    return 0
  fi
  echo "deploying $1 failed" >&2
  if [[ $BEST_EFFORT == true ]]; then
    FAILED+=("$1")
    return 0
  fi
  exit 1
}

ensure_namespace() {
  kubectl create namespace "$1" --dry-run=client -o yaml | kubectl apply -f -
}

# Before the chart: kinds that the chart itself brings may still be unknown, nothing else may fail.
apply_early() {
  local output
  if output=$(kubectl apply "$@" 2>&1); then
    echo "$output"
    return 0
  fi
  echo "$output" >&2
  [[ $output == *"no matches for kind"* ]] || return 1
  ! grep -i "error" <<<"$output" \
    | grep -qv -e "no matches for kind" -e "ensure CRDs are installed first"
}

apply_kustomization() {
  kustomize build "$1" | kubectl apply -n "$2" -f -
}

restart_daemonset() {
  kubectl rollout restart daemonset "$2" -n "$1" \
    && kubectl rollout status daemonset "$2" -n "$1" --timeout 120s \
    || echo "warning: could not restart $2; restart it once the driver is ready" >&2
}

preflight() {
  local tool
  for tool in {{ tools | join(" ") }}; do
    if ! command -v "$tool" >/dev/null; then
      echo "$tool is not installed" >&2
      exit 1
    fi
  done
  echo "cluster: $(kubectl config current-context 2>/dev/null || echo "(no current context)")"
  check_namespaces
  if ! command -v jq >/dev/null; then
    echo "jq is not installed: webhooks of earlier installations are not checked" >&2
    return 0
  fi
  check_webhooks
  check_leftovers
}

check_namespaces() {
  local namespace phase
  for namespace in $NAMESPACES; do
    phase=$(kubectl get namespace "$namespace" -o "jsonpath={.status.phase}" 2>/dev/null || true)
    if [[ $phase == Terminating ]]; then
      echo "namespace $namespace is being deleted; wait until it is gone" >&2
      exit 1
    fi
  done
}

# A webhook whose service is gone answers nothing, and so blocks whatever it should judge.
check_webhooks() {
  local name namespace service
  while IFS=$'\t' read -r name namespace service; do
    [[ -n $service ]] || continue
    case $NAMESPACES in *" $namespace "*) ;; *) continue ;; esac
    if [[ $(kubectl get service "$service" -n "$namespace" 2>&1) == *NotFound* ]]; then
      echo "webhook $name calls $namespace/$service, which does not exist; delete the webhook" >&2
      exit 1
    fi
  done < <(
    kubectl get mutatingwebhookconfigurations,validatingwebhookconfigurations -o json 2>/dev/null \
      | jq -r '.items[]? | .metadata.name as $name | .webhooks[]?.clientConfig.service
          | select(.) | [$name, .namespace, .name] | @tsv' 2>/dev/null || true
  )
}

check_leftovers() {
  local services crds
  services=$(kubectl get apiservices -o json 2>/dev/null \
    | jq -r '.items[]? | select(any(.status.conditions[]?;
        .type == "Available" and .status == "False")) | .metadata.name' 2>/dev/null || true)
  [[ -z $services ]] || echo "warning: unavailable API services: $services" >&2
  crds=$(kubectl get crds -o name 2>/dev/null \
    | grep -E "$OWN_GROUPS" || true)
  [[ -z $crds ]] || echo "warning: CRDs of an earlier installation: $crds" >&2
}
{% for c in components %}
{{ c.function }}() {
{%- for line in c.install %}
  {{ line }}{{ " &&" if not loop.last else "" }}
{%- endfor %}
}
{% endfor %}
preflight
{% for c in components %}
deploy {{ c.name | sh }} {{ c.function }}
{%- if c.after %}
{{ c.after }}
{%- endif %}
{%- endfor %}

if [[ -n ${FAILED[*]-} ]]; then
  echo "deployed, except: ${FAILED[*]}" >&2
else
  echo "deployed"
fi
