#!/usr/bin/env bash
# Checks manifests, plans them, and shows the plan on the pull request; see action.yml. Needs bash,
# curl and jq. Exits 0 with or without changes, otherwise as aicr does.
set -euo pipefail

temp=${RUNNER_TEMP:?}
plan=$temp/aicr-plan.json
said=$temp/aicr-plan.txt
comment=$temp/aicr-comment.md
name=${INPUT_NAME:-$INPUT_PATH${INPUT_FOR:+ for $INPUT_FOR}}
marker="<!-- aicr plan of $name -->"
# What GitHub takes in a comment is 65536 characters.
limit=60000

manifests=(-f "$INPUT_PATH")
if [ -n "${INPUT_FOR:-}" ]; then manifests+=(--for "$INPUT_FOR"); fi
place=()
if [ -n "${INPUT_SERVER:-}" ]; then place+=(--server "$INPUT_SERVER"); fi
if [ -z "${AICR_STATE:-}" ]; then unset AICR_STATE; fi
if [ -z "${AICR_TOKEN:-}" ]; then unset AICR_TOKEN; fi

# The ring of the state, private from its first byte; aicr and its children have it as a file only.
ring=${INPUT_KEY_RING:-}
unset INPUT_KEY_RING
if [ -n "$ring" ]; then
  rm -f "$AICR_HOME/keys/ring.json"
  (umask 077 && mkdir -p "$AICR_HOME/keys" && printf '%s\n' "$ring" >"$AICR_HOME/keys/ring.json")
elif [ -n "${AICR_STATE:-}" ]; then
  echo "plan-action: state needs key-ring: the content of keys/ring.json of its AICR_HOME" >&2
  exit 2
fi
unset ring

main() {
  local code=0
  aicr check "${manifests[@]}" --format github || code=$?
  if [ "$code" != 0 ]; then
    # The findings stand at their lines already; the comment has them for reading.
    aicr check "${manifests[@]}" >"$said" 2>&1 || true
    tell "**The manifests are wrong.**"
    exit "$code"
  fi
  rm -f "$plan"
  aicr plan "${manifests[@]}" ${place[@]+"${place[@]}"} -o "$plan" --detailed-exitcode >"$said" 2>&1 || code=$?
  case $code in
    0)
      output changes=false
      tell "No changes."
      ;;
    2)
      output changes=true
      tell "**$(grep '^Plan:' "$said")**"
      ;;
    *)
      tell "**It cannot be planned.**"
      exit "$code"
      ;;
  esac
  output "plan=$plan"
}

# The headline and what aicr said: to the log, the summary of the job, and the pull request.
tell() {
  local off
  off=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  # What is printed between these is no command to the runner, whatever it looks like.
  printf '::stop-commands::%s\n' "$off"
  cat "$said"
  printf '::%s::\n' "$off"
  write_comment "$1" >"$comment"
  if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then cat "$comment" >>"$GITHUB_STEP_SUMMARY"; fi
  if [ "${INPUT_COMMENT:-true}" = true ]; then post; fi
}

write_comment() {
  local fence='```'
  # A fence that what it holds cannot end.
  while grep -qF -- "$fence" "$said"; do fence+='`'; done
  printf '%s\n### aicr plan: %s\n\n%s\n\n' "$marker" "$name" "$1"
  printf '<details open><summary>Plan</summary>\n\n%stext\n' "$fence"
  head -c "$limit" "$said"
  if [ "$(wc -c <"$said")" -gt "$limit" ]; then printf '\n… (the log of the job has all of it)\n'; fi
  printf '%s\n\n</details>\n' "$fence"
}

# One comment per pull request and name: the earlier one is updated.
post() {
  local number url id
  number=$(jq -r '.pull_request.number // empty' "${GITHUB_EVENT_PATH:-/dev/null}" 2>/dev/null || true)
  if [ -z "$number" ]; then return; fi
  url=$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/issues
  if ! id=$(earlier "$url/$number/comments"); then
    warning "the comments of the pull request cannot be read"
  elif [ -n "$id" ]; then
    send PATCH "$url/comments/$id" || warning "the comment cannot be updated"
  else
    send POST "$url/$number/comments" || warning "the comment cannot be written"
  fi
}

# The id of our comment, or nothing.
earlier() {
  local page=1 found
  while :; do
    found=$(api "$1?per_page=100&page=$page") || return 1
    jq -r --arg marker "$marker" --arg author "${INPUT_AUTHOR:-github-actions[bot]}" \
      '[.[] | select(.user.login == $author and (.body | startswith($marker))) | .id][0] // empty' \
      <<<"$found" | grep . && return
    if [ "$(jq length <<<"$found")" -lt 100 ]; then return 0; fi
    page=$((page + 1))
  done
}

send() {
  jq -n --rawfile body "$comment" '{body: $body}' >"$comment.json"
  api "$2" -X "$1" --data-binary "@$comment.json" >/dev/null
}

# The token goes by standard input: arguments can be seen by every process of the host.
api() {
  curl -sS --fail --max-time 30 --retry 2 -H @- -H 'Accept: application/vnd.github+json' \
    -H 'Content-Type: application/json' "$@" <<<"Authorization: Bearer $GITHUB_TOKEN"
}

warning() { printf '::warning title=aicr plan::%s\n' "$1"; }

output() { if [ -n "${GITHUB_OUTPUT:-}" ]; then printf '%s\n' "$1" >>"$GITHUB_OUTPUT"; fi; }

main
