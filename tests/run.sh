#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test.
#
#   tests/run.sh [options] [STAGE...]
#
#   --quick       the inner loop: dev build, unit tests, fuzz corpora, lint, format
#   --tidy        also clang-tidy over every source, without a time cap (takes an hour on two cores)
#   --no-install  do not look for missing packages
#   --build-only  build what tsan, fuzz and docker need and run none of them
#
# Stages, in this order unless named: format unit integration deploy tsan fuzz docker
#   format       clang-format over the sources, shellcheck over the scripts
#   unit         unit tests, fuzz corpora and lint under ASan and UBSan
#   integration  the real processes under ASan and UBSan
#   deploy       deploy/local.sh with those
#   tsan         the state machines of bus and router under TSan
#   fuzz         each fuzz target on its corpus and then for FUZZ_SECONDS (5)
#   docker       images and Compose against a real engine, where there can be one
# Only when named:
#   tidy         clang-tidy, parsers first, for as long as TIDY_SECONDS (300) reach
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

quick=0 tidy_all=0 install=1 build_only=0 stages=()
for argument; do
  case $argument in
    --quick) quick=1 ;;
    --tidy) tidy_all=1 ;;
    --no-install) install=0 ;;
    --build-only) build_only=1 ;;
    format | unit | integration | deploy | tsan | fuzz | tidy | docker) stages+=("$argument") ;;
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    *) echo "run.sh: unknown argument $argument (see --help)" >&2; exit 2 ;;
  esac
done
preset=asan
((!quick)) || preset=dev
if ((${#stages[@]} == 0)); then
  stages=(format unit integration deploy tsan fuzz docker)
  ((!tidy_all)) || stages+=(tidy)
  ((!quick)) || stages=(format unit)
fi

jobs=$(nproc)
logs=build/test-logs
mkdir -p "$logs"
passed=0 failed=0 summary=()

export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1${ASAN_OPTIONS:+:$ASAN_OPTIONS}
export UBSAN_OPTIONS=print_stacktrace=1${UBSAN_OPTIONS:+:$UBSAN_OPTIONS}
# Debian's gRPC and Abseil are not instrumented; races in our own code are found all the same.
export TSAN_OPTIONS=ignore_noninstrumented_modules=1:second_deadlock_stack=1${TSAN_OPTIONS:+:$TSAN_OPTIONS}
for symbolizer in /usr/bin/llvm-symbolizer-16 /usr/lib/llvm-16/bin/llvm-symbolizer; do
  [[ -x $symbolizer ]] && export ASAN_SYMBOLIZER_PATH=$symbolizer
done
export CTEST_OUTPUT_ON_FAILURE=1 PYTHONDONTWRITEBYTECODE=1

# count PASSED FAILED: of the stage that runs.
count() {
  passed=$((passed + $1))
  failed=$((failed + $2))
}

# build PRESET [TARGET...]
build() {
  local name=$1
  shift
  cmake --preset "$name" >"$logs/configure-$name.log" 2>&1 || { cat "$logs/configure-$name.log"; return 1; }
  local quiet=(--quiet)
  [[ -t 1 ]] && quiet=()
  ninja -C "build/$name" "${quiet[@]}" "$@"
}

# run_ctest PRESET ARGUMENT...: counts what ctest says.
run_ctest() {
  local dir=build/$1 log=$logs/ctest-$1.log status said
  shift
  ctest --test-dir "$dir" --no-tests=error "$@" 2>&1 | tee "$log"
  status=${PIPESTATUS[0]}
  if said=$(grep -oE '[0-9]+ tests failed out of [0-9]+' "$log"); then
    local bad=${said%% *} all=${said##* }
    count $((all - bad)) "$bad"
  else
    count 0 1
  fi
  return "$status"
}

# tests_of PRESET ARGUMENT...: names of tests, which are names of targets too.
tests_of() {
  local dir=build/$1
  shift
  ctest --test-dir "$dir" --show-only=json-v1 "$@" | jq -r '.tests[].name'
}

sources() { git ls-files --cached --others --exclude-standard -- '*.cc' '*.h'; }

# --- stages ------------------------------------------------------------------------------------------------

stage_format() {
  local status=0 scripts
  if sources | xargs -P "$jobs" -n 40 clang-format-16 --dry-run -Werror; then count 1 0; else count 0 1; status=1; fi
  mapfile -t scripts < <(git ls-files --cached --others --exclude-standard -- '*.sh' .ci/run)
  if shellcheck --severity=warning "${scripts[@]}"; then count 1 0; else count 0 1; status=1; fi
  return "$status"
}

stage_unit() {
  build "$preset" || { count 0 1; return 1; }
  run_ctest "$preset" -L 'unit|fuzz|lint' -j "$jobs"
}

# The players and the browser's driver, as package-lock.json has them: fetched when that has changed.
install_npm() {
  local folder=tests/browser log=$logs/npm.log
  local have=$folder/node_modules/.installed-lock.json
  cmp -s "$folder/package-lock.json" "$have" && return
  (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund) >"$log" 2>&1 || { cat "$log"; return 1; }
  cp "$folder/package-lock.json" "$have"
}

# One at a time: they watch the clock, and each starts a cluster.
stage_integration() {
  if ((install)); then install_npm || { count 0 1; return 1; }; fi
  build "$preset" || { count 0 1; return 1; }
  run_ctest "$preset" -L integration
}

stage_deploy() {
  build "$preset" || { count 0 1; return 1; }
  if tests/deploy/check.sh "build/$preset/bin"; then count 1 0; else count 0 1; return 1; fi
}

# Only these: the rest of the tree has no threads that share, or is not ours to instrument.
build_tsan() {
  local targets
  cmake --preset tsan >"$logs/configure-tsan.log" 2>&1 || { cat "$logs/configure-tsan.log"; return 1; }
  mapfile -t targets < <(tests_of tsan -L unit -R '^(bus|router)_')
  build tsan "${targets[@]}"
}

stage_tsan() {
  build_tsan || { count 0 1; return 1; }
  run_ctest tsan -L unit -R '^(bus|router)_' -j "$jobs"
}

# fuzz_one TARGET: a failing input is left in build/fuzz/artifacts.
fuzz_one() {
  local target=$1 found log=$logs/fuzz-$1.log corpus=tests/fuzz/corpus/$1
  found=$(mktemp -d)
  if "build/fuzz/fuzz/$target" -max_total_time="${FUZZ_SECONDS:-5}" -timeout=10 -rss_limit_mb=4096 \
    -artifact_prefix="build/fuzz/artifacts/$target-" "$found" "$corpus" >"$log" 2>&1; then
    echo "ok     $target: $(grep -oE '^Done [0-9]+ runs' "$log")"
  else
    echo "FAILED $target"
    tail -n 60 "$log"
  fi
  rm -rf "$found"
}

build_fuzz() {
  local targets
  cmake --preset fuzz >"$logs/configure-fuzz.log" 2>&1 || { cat "$logs/configure-fuzz.log"; return 1; }
  mapfile -t targets < <(tests_of fuzz -L fuzz)
  ((${#targets[@]})) || { echo "there are no fuzz targets"; return 1; }
  build fuzz "${targets[@]}"
}

stage_fuzz() {
  local targets bad said
  build_fuzz || { count 0 1; return 1; }
  mapfile -t targets < <(tests_of fuzz -L fuzz)
  mkdir -p build/fuzz/artifacts
  export -f fuzz_one
  export logs
  said=$(printf '%s\n' "${targets[@]}" | xargs -P "$jobs" -I{} bash -c 'fuzz_one {}')
  echo "$said"
  bad=$(grep -c '^FAILED' <<<"$said")
  count $((${#targets[@]} - bad)) "$bad"
  return $((bad > 0))
}

# Where time is short, the code that reads what strangers send goes first.
stage_tidy() {
  local limit=${TIDY_SECONDS:-300} status
  local -a files
  mapfile -t files < <(sources | grep -E '\.cc$' | grep -vE '^tests/' |
    awk '{ print ($0 ~ /^media\/|\/protocol\//) ? 0 : 1, $0 }' | sort | cut -d' ' -f2)
  ((tidy_all)) && limit=0
  build "$preset" millrace_proto millrace_proto_grpc || { count 0 1; return 1; }
  # shellcheck disable=SC2016  # expanded by the inner shell
  printf '%s\n' "${files[@]}" |
    timeout "$limit" xargs -P "$jobs" -I{} bash -c \
      'clang-tidy-16 -p "$1" --quiet "$2" 2>/dev/null && echo "tidy $2"' tidy "build/$preset" {} >"$logs/tidy.log"
  status=$?
  grep -v '^tidy ' "$logs/tidy.log"
  echo "clang-tidy: $(grep -c '^tidy ' "$logs/tidy.log") of ${#files[@]} files are clean"
  if ((status == 124)); then
    echo "clang-tidy: $limit s were over before the rest (tests/run.sh --tidy looks at all)"
    grep -qE ': (warning|error):' "$logs/tidy.log" && { count 0 1; return 1; }
    status=0
  fi
  if ((status == 0)); then count 1 0; else count 0 1; fi
  return $((status != 0))
}

stage_docker() {
  local status
  tests/docker/check.sh ${engine_data:+--keep-data "$engine_data"} 2>&1 | tee "$logs/docker.log"
  status=${PIPESTATUS[0]}
  if ((status != 0)); then
    count 0 1
  elif ! grep -q '^SKIPPED' "$logs/docker.log"; then
    count 1 0
  fi
  return "$status"
}

# --- ahead of time -----------------------------------------------------------------------------------------

# Integration tests mostly wait for the clock. Meanwhile, at the lowest priority, what the stages behind need is built;
# what goes wrong here shows up there.
# ENGINE_DATA: the engine's folder, of the run that this one builds for.
ahead=0 engine_data=${ENGINE_DATA:-}

wanted() { [[ " ${stages[*]} " == *" $1 "* ]]; }

build_stages() {
  if wanted tsan; then build_tsan; fi
  if wanted fuzz; then build_fuzz; fi
  if wanted docker; then tests/docker/check.sh ${engine_data:+--keep-data "$engine_data"} --images-only; fi
}

# In a session of its own, since the kernel shares the processors out among sessions first (sched(7), autogroup): there a
# process's own niceness counts for nothing against those of others, as the browser is.
begin_ahead() {
  if wanted docker; then engine_data=$(mktemp -d /tmp/millrace-engine.XXXXXX); fi
  # shellcheck disable=SC2016  # expanded by the inner shell
  ENGINE_DATA=$engine_data setsid bash -c '
    renice -n 19 "$$"
    if [[ -e /proc/self/autogroup ]]; then echo 19 >"/proc/$$/autogroup"; fi
    exec tests/run.sh --no-install --build-only "$@"' ahead "${stages[@]}" >"$logs/ahead.log" 2>&1 </dev/null &
  ahead=$!
}

await_ahead() {
  ((ahead)) || return 0
  wait "$ahead"
  ahead=0
}

clean_up() {
  local status=$?
  trap - EXIT
  if ((ahead)); then kill -TERM -- "-$ahead" 2>/dev/null; fi
  await_ahead
  if [[ -n $engine_data ]]; then rm -rf --one-file-system "$engine_data"; fi
  exit "$status"
}

if ((build_only)); then
  build_stages
  exit
fi
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

# -----------------------------------------------------------------------------------------------------------

if ((install)); then
  deploy/install-deps.sh --build --test || { echo "run.sh: packages are missing"; exit 1; }
fi
for stage in "${stages[@]}"; do
  printf '\n=== %s ===\n' "$stage"
  began=$SECONDS
  case $stage in
    integration) begin_ahead ;;
    tsan | fuzz | docker) await_ahead ;;
  esac
  if "stage_$stage" </dev/null; then result=ok; else result=FAILED; fi
  summary+=("$(printf '%-12s %-7s %5d s' "$stage" "$result" $((SECONDS - began)))")
done
printf '\n=== summary (%d s) ===\n' "$SECONDS"
printf '%s\n' "${summary[@]}"
for line in "${summary[@]}"; do
  # A stage that failed before it could count anything has failed all the same.
  [[ $line == *FAILED* ]] && ((failed == 0)) && failed=1
done
echo "$passed passed, $failed failed"
((failed == 0 && passed > 0))
