{#- The loop over a script's options: switches that set something, and one that takes a number. -#}
{% macro options(switches, number, variable, what) -%}
while (($#)); do
  case $1 in
{%- for name, action in switches %}
    {{ name }}) {{ action }} ;;
{%- endfor %}
    {{ number }})
      if [[ ! ${2-} =~ ^[0-9]+$ ]]; then
        echo "{{ number }} needs {{ what }}, not '${2-}'" >&2
        exit 1
      fi
      {{ variable }}=$2
      shift
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      echo "unknown option: $1" >&2
      usage >&2
      exit 1
      ;;
  esac
  shift
done
{%- endmacro %}
