{% from "templates/bundle/_options.sh" import options -%}
#!/usr/bin/env bash
# Removes what deploy.sh installed, last component first. Made by aicr; see README.md.
set -euo pipefail

{% for c in components if "$BUNDLE" in c.remove | join(" ") -%}
{% if loop.first -%}
BUNDLE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
{% endif %}
{%- endfor -%}
KEEP_NAMESPACES=false
DELETE_PVCS=false
TIMEOUT=120
NAMESPACES=" {{ namespaces | join(" ") }} "
RELEASES="{{ releases | join(" ") }}"
REMOVED="{{ removable | join(" ") }}"
OWN_GROUPS='{{ crd_groups }}'
WEBHOOKS=mutatingwebhookconfigurations,validatingwebhookconfigurations
GRACE=60  # seconds for namespaces to go by themselves

usage() {
  echo "usage: undeploy.sh [--keep-namespaces] [--delete-pvcs] [--timeout SECONDS]"
}

{{ options([("--keep-namespaces", "KEEP_NAMESPACES=true"), ("--delete-pvcs", "DELETE_PVCS=true")], "--timeout", "TIMEOUT", "a number of seconds") }}

for tool in {{ tools | join(" ") }}; do
  if ! command -v "$tool" >/dev/null; then
    echo "$tool is not installed" >&2
    exit 1
  fi
done
FAILED=()

# Nothing here may stop the rest: what is left is reported at the end.
left_over() {
  FAILED+=("$1")
  echo "warning: not everything of $1 is gone" >&2
}

delete_manifests() {
  kubectl delete "$@" --ignore-not-found || left_over "$*"
}

delete_kustomization() {
  kustomize build "$1" | kubectl delete -n "$2" --ignore-not-found -f - \
    || left_over "$1"
}

delete_kustomize_dir() {
  kubectl delete -k "$1" --ignore-not-found || left_over "$1"
}

uninstall() {
  local where=()
  [[ -z $2 ]] || where=(-n "$2")
  helm uninstall "$1" ${where[@]+"${where[@]}"} --timeout "${TIMEOUT}s" --ignore-not-found \
    || helm uninstall "$1" ${where[@]+"${where[@]}"} --timeout "${TIMEOUT}s" --ignore-not-found --no-hooks \
    || left_over "$1"
}

# Cluster-wide objects that a release of this bundle made and its uninstallation left.
delete_leftovers() {
  local object
  command -v jq >/dev/null || return 0
  while read -r object; do
    [[ -z $object ]] || kubectl delete "$object" --ignore-not-found --wait=false || true
  done < <(
    kubectl get "$1" -o json 2>/dev/null \
      | jq -r --arg releases "$RELEASES" '($releases | split(" ")) as $ours | .items[]?
          | select(.metadata.annotations // {} | (.["meta.helm.sh/release-namespace"] // "") + "/"
              + (.["meta.helm.sh/release-name"] // "") | IN($ours[]))
          | (.kind | ascii_downcase) + "/" + .metadata.name' 2>/dev/null || true
  )
}

# Webhooks whose release is gone would block the API server for everybody.
delete_orphaned_webhooks() {
  local kind name namespace service
  command -v jq >/dev/null || return 0
  while IFS=$'\t' read -r kind name namespace service; do
    [[ -n $service ]] || continue
    case $NAMESPACES in *" $namespace "*) ;; *) continue ;; esac
    if [[ $(kubectl get service "$service" -n "$namespace" 2>&1) == *NotFound* ]]; then
      kubectl delete "$kind" "$name" --ignore-not-found || true
    fi
  done < <(
    kubectl get "$WEBHOOKS" -o json 2>/dev/null \
      | jq -r '.items[]? | .kind as $kind | .metadata.name as $name | .webhooks[]?.clientConfig.service
          | select(.) | [$kind, $name, .namespace, .name] | @tsv' 2>/dev/null || true
  )
}

delete_crds() {
  local crd
  while read -r crd; do
    [[ -z $crd ]] || kubectl delete "$crd" --ignore-not-found --wait=false || true
  done < <(kubectl get crds -o name 2>/dev/null | grep -E "$OWN_GROUPS" || true)
}
{% for c in components | reverse %}
echo "==> {{ c.name }}"
{%- for line in c.remove %}
{{ line }}
{%- endfor %}
{% endfor %}
delete_leftovers "$WEBHOOKS"
delete_leftovers customresourcedefinitions
delete_orphaned_webhooks
delete_crds

if [[ $DELETE_PVCS == true ]]; then
{%- for namespace in removable %}
  kubectl delete pvc --all -n {{ namespace }} --ignore-not-found || true
{%- else %}
  :
{%- endfor %}
fi

if [[ $KEEP_NAMESPACES == false ]]; then
{%- for namespace in removable %}
  kubectl delete namespace {{ namespace }} --ignore-not-found --wait=false || true
{%- else %}
  :
{%- endfor %}
fi

terminating() {
  local namespace phase
  for namespace in $REMOVED; do
    phase=$(kubectl get namespace "$namespace" -o "jsonpath={.status.phase}" 2>/dev/null || true)
    [[ $phase != Terminating ]] || echo "$namespace"
  done
}

# What still holds a namespace after that time is something whose operator is already gone.
clear_finalizers() {
  command -v jq >/dev/null || return 0
  echo "warning: namespace $1 does not go; taking its finalizers away" >&2
  kubectl get namespace "$1" -o json 2>/dev/null | jq '.spec.finalizers = []' \
    | kubectl replace --raw "/api/v1/namespaces/$1/finalize" -f - >/dev/null || true
}

if [[ $KEEP_NAMESPACES == false && -n $REMOVED ]]; then
  for ((waited = 0; waited < GRACE; waited += 5)); do
    [[ -n $(terminating) ]] || break
    sleep 5
  done
  for namespace in $(terminating); do
    clear_finalizers "$namespace"
  done
fi
# Operators that were still running may have made new ones.
delete_orphaned_webhooks

for namespace in $(terminating); do
  echo "warning: namespace $namespace is still being deleted" >&2
done
left=$(kubectl get crds -o name 2>/dev/null | grep -E "$OWN_GROUPS" || true)
[[ -z $left ]] || echo "warning: these CRDs are left: $left" >&2
if [[ -n ${FAILED[*]-} ]]; then
  echo "removed, except: ${FAILED[*]}" >&2
else
  echo "removed"
fi
