# Runs steps, counts what they say and closes with one line; sourced by scripts/test.
# shellcheck shell=bash

passed=0 failed=0 skipped=0

# begin NAME: also says how long the step before took.
begin() {
  end
  begun=$SECONDS
  printf '\n## %s\n' "$1"
}

end() { [ -z "${begun:-}" ] || printf '(%d s)\n' $((SECONDS - begun)); }

# check NAME COMMAND…: a step without a count of its own is one check.
check() {
  local name=$1
  shift
  begin "$name"
  if "$@" </dev/null; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'FAILED: %s\n' "$name"
  fi
}

# skip NAME REASON
skip() {
  begin "$1"
  skipped=$((skipped + 1))
  printf 'SKIP: %s\n' "$2"
}

# suite NAME COMMAND…: a step that says itself how many passed; that it did not say so, or that
# it failed without naming a failure, is a failure.
suite() {
  local name=$1 log=$build/log/test.out status=0 counts p f s
  shift
  begin "$name"
  mkdir -p "$build/log"
  { "$@" </dev/null 2>&1 || status=$?; echo "$status" >"$log.status"; } | tee "$log"
  status=$(cat "$log.status")
  counts=$(summaries "$log")
  read -r p f s lines <<<"$counts"
  if [ "$lines" = 0 ] || { [ "$status" != 0 ] && [ "$f" = 0 ]; }; then
    f=$((f + 1))
    printf 'FAILED: %s (exit status %s, %s summaries)\n' "$name" "$status" "$lines"
  fi
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

# summaries FILE: the sums of "N passed, N failed, N skipped" (nginx-prove) and of "test result:
# ok. N passed; N failed; N ignored; …" (cargo), and how many such lines there were.
summaries() {
  awk '
    /^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ { p += $1; f += $3; s += $5; n++ }
    /^test result: / {
      for (i = 1; i < NF; i++) {
        if ($(i + 1) ~ /^passed/) p += $i
        if ($(i + 1) ~ /^failed/) f += $i
        if ($(i + 1) ~ /^ignored/) s += $i
      }
      n++
    }
    END { printf "%d %d %d %d\n", p, f, s, n }
  ' "$1"
}

# The closing line; false when anything failed.
finish() {
  end
  printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
  [ "$failed" = 0 ]
}
