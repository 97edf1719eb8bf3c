#!/usr/bin/env bash
# Removes {{ c.name }} alone.
set -euo pipefail

{% set text = remove | join("\n") -%}
{% if "$BUNDLE" in text -%}
BUNDLE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
{% endif %}
{%- if "delete_manifests" in text %}
delete_manifests() { kubectl delete "$@" --ignore-not-found; }
{%- endif %}
{%- if "delete_kustomization" in text %}
delete_kustomization() { kustomize build "$1" | kubectl delete -n "$2" --ignore-not-found -f -; }
{%- endif %}
{%- if "delete_kustomize_dir" in text %}
delete_kustomize_dir() { kubectl delete -k "$1" --ignore-not-found; }
{%- endif %}
{%- if "uninstall " in text %}
uninstall() { helm uninstall "$1" ${2:+-n "$2"} --ignore-not-found; }
{%- endif %}
{% for line in remove %}
{{ line }}
{%- else %}
echo "nothing to remove"
{%- endfor %}
