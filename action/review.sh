#!/usr/bin/env bash
# Reviews the pull request of a workflow run. Everything that others may have written comes in by the environment.
set -uo pipefail

if [ -z "${PULLMILL_BASE:-}" ]; then
  echo "::error title=Pullmill::no base: set the input \`base\`, or run on pull_request" >&2
  exit 64
fi
arguments=(review --base "$PULLMILL_BASE" --format github)
if [ -n "${PULLMILL_FAIL_ON:-}" ]; then
  arguments+=(--fail-on "$PULLMILL_FAIL_ON")
fi
if [ -n "${PULLMILL_SARIF_IN:-}" ]; then
  # One file a line.
  while IFS= read -r file; do
    [ -n "$file" ] && arguments+=(--sarif-in "$file")
  done <<<"$PULLMILL_SARIF_IN"
fi
pullmill "${arguments[@]}"
status=$?
if [ -n "${GITHUB_STEP_SUMMARY:-}" ] && [ "$status" -le 2 ]; then
  arguments[4]=markdown
  pullmill "${arguments[@]}" >>"$GITHUB_STEP_SUMMARY"
fi
if [ -n "${PULLMILL_SARIF:-}" ] && [ "$status" -le 2 ]; then
  arguments[4]=sarif
  pullmill "${arguments[@]}" >"$PULLMILL_SARIF"
fi
if [ "$status" -eq 2 ] && [ "${PULLMILL_INCONCLUSIVE:-fail}" = pass ]; then
  exit 0
fi
exit "$status"
