#!/usr/bin/env bash
# The steps of the action: check, compare, comment. Everything that they need comes as variables of the environment.
set -euo pipefail

fail() {
  # A line break would begin another command of the runner.
  printf '::error::%s\n' "${1//[$'\r\n']/ }"
  exit 1
}

check() {
  local arguments=(check "--table=$TABLE" "--snapshot=$SNAPSHOT")
  case $STRICT in
    true) arguments+=(--strict) ;;
    false) ;;
    *) fail "the input strict must be true or false" ;;
  esac
  "$ASSIGNCTL" "${arguments[@]}"
}

# Prints the table as it was before the change.
before() {
  local entry
  # A failure here must not look like a table that was not there.
  entry=$(git ls-tree "$BASE" -- "$TABLE")
  if [[ -n $entry ]]; then
    git show "$BASE:./$TABLE"
  else
    # The change begins the table.
    printf '{ "assignments": [] }\n'
  fi
}

compare() {
  local difference
  [[ $BASE =~ ^[0-9a-f]{40,64}$ ]] || fail "the input base must be the id of a commit; without a pull request, give one"
  git cat-file -e "$BASE^{commit}" 2>/dev/null \
    || fail "the commit $BASE is not here: let actions/checkout fetch it, with fetch-depth: 0"
  difference=$(mktemp "${RUNNER_TEMP:?}/difference.XXXXXX")
  before | "$ASSIGNCTL" plan "--table=$TABLE" --against=- "--snapshot=$SNAPSHOT" > "$difference"
  cat "$difference" >> "${GITHUB_STEP_SUMMARY:?}"
  printf 'difference=%s\n' "$difference" >> "${GITHUB_OUTPUT:?}"
}

# Prints the id of the first comment of an author that begins with a heading. The pages follow each other as lists.
FIRST='
import json, sys
heading, author = sys.argv[1:]
text, pages = sys.stdin.read().strip(), []
while text:
    page, end = json.JSONDecoder().raw_decode(text)
    pages, text = pages + page, text[end:].strip()
ours = [one["id"] for one in pages if one["user"]["login"] == author and one["body"].startswith(heading)]
print(*ours[:1])
'

comment() {
  local id heading
  [[ $NUMBER =~ ^[0-9]+$ ]] || fail "there is no pull request to comment on"
  local comments="repos/${GITHUB_REPOSITORY:?}/issues"
  # The first line names the table: each table has a comment of its own.
  IFS= read -r heading < "$DIFFERENCE"
  # Only a comment of the same author can be changed, and anybody can write one that begins like ours.
  id=$(gh api --paginate "$comments/$NUMBER/comments" | python3 -c "$FIRST" "$heading" "$AUTHOR")
  if [[ -n $id ]]; then
    gh api --silent --method PATCH "$comments/comments/$id" --field "body=@$DIFFERENCE"
  else
    gh api --silent --method POST "$comments/$NUMBER/comments" --field "body=@$DIFFERENCE"
  fi
}

case ${1:-} in
  check | compare | comment) "$1" ;;
  *) fail "there is no step ${1:-}" ;;
esac
