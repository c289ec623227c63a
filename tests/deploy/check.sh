#!/usr/bin/env bash
# Runs deploy/local.sh with the programs of a build: start, play the demo, kill, restart, stop.
#
#   tests/deploy/check.sh [BIN]      (default build/asan/bin)
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

bin=${1:-build/asan/bin}
MILLRACE_HOME=$(mktemp -d /tmp/millrace-local.XXXXXX)
export MILLRACE_HOME
# Free ports, all held at once so that they differ.
read -r MILLRACE_RTMP_PORT MILLRACE_RTSP_PORT MILLRACE_HTTP_PORT MILLRACE_GRPC_PORT MILLRACE_BUS_PORT MILLRACE_CONTROL_PLANE_METRICS_PORT \
  MILLRACE_ROUTER_METRICS_PORT MILLRACE_RTMP_GATEWAY_METRICS_PORT MILLRACE_RTSP_GATEWAY_METRICS_PORT \
  MILLRACE_HTTP_GATEWAY_METRICS_PORT < <(
    /usr/bin/python3 -c '
import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(10)]
print(*[s.getsockname()[1] for s in held])')
export MILLRACE_RTMP_PORT MILLRACE_RTSP_PORT MILLRACE_HTTP_PORT MILLRACE_GRPC_PORT MILLRACE_BUS_PORT MILLRACE_CONTROL_PLANE_METRICS_PORT \
  MILLRACE_ROUTER_METRICS_PORT MILLRACE_RTMP_GATEWAY_METRICS_PORT MILLRACE_RTSP_GATEWAY_METRICS_PORT \
  MILLRACE_HTTP_GATEWAY_METRICS_PORT

failed=0 log=$MILLRACE_HOME/check.log
local_sh() { deploy/local.sh "$@"; }

clean_up() {
  local_sh stop >/dev/null 2>&1
  if ((failed)); then tail -n 40 "$MILLRACE_HOME"/logs/*.log; fi
  rm -rf "$MILLRACE_HOME"
}
trap clean_up EXIT

check() {
  local what=$1
  shift
  if "$@" >"$log" 2>&1; then
    echo "ok: $what"
  else
    echo "FAILED: $what"
    sed 's/^/    /' "$log"
    failed=1
  fi
}

await() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.02
  done
}

pid() { cat "$MILLRACE_HOME/run/$1.pid"; }
other_pid() { [[ $(pid router) != "$1" ]] && kill -0 "$(pid router)"; }
all_ready() { local_sh status >/dev/null; }
nothing_left() { ! pgrep -f "state[-_]dir=$MILLRACE_HOME|store=$MILLRACE_HOME|supervise.sh $MILLRACE_HOME" >/dev/null; }
refused() { ! "$@"; }
says_where_obs_publishes() {
  grep -F "Server rtmp://localhost:$MILLRACE_RTMP_PORT/live   Stream Key cam1" "$MILLRACE_HOME/said"
}
demo_frames() { timeout 20 ffmpeg -v error -nostdin -i "$1" -map 0:v -t 2 -f framemd5 - | grep -c '^0,' | grep -qE '^[3-9][0-9]$'; }

printf 'public:\n  host: localhost\n' >"$MILLRACE_HOME/public.yaml"
check "it starts, and says when it is ready" local_sh --bin "$bin" --demo --detach --config "$MILLRACE_HOME/public.yaml"
cp "$log" "$MILLRACE_HOME/said"
check "it prints the URLs that the configuration asks for" \
  grep -F "http://localhost:$MILLRACE_HTTP_PORT/live/demo.flv" "$MILLRACE_HOME/said"
check "… and where OBS publishes" says_where_obs_publishes
check "all are ready" all_ready
check "a second start says that it is running" refused local_sh --bin "$bin"
check "the demo plays over RTMP" await 10 demo_frames "rtmp://127.0.0.1:$MILLRACE_RTMP_PORT/live/demo"
check "the demo plays over RTSP" demo_frames "rtsp://127.0.0.1:$MILLRACE_RTSP_PORT/live/demo"
check "the demo plays over HTTP-FLV" demo_frames "http://127.0.0.1:$MILLRACE_HTTP_PORT/live/demo.flv"

router=$(pid router)
kill -KILL "$router"
began=${EPOCHREALTIME/[.,]/}
check "a killed router is started again" await 5 other_pid "$router"
took_ms=$(((${EPOCHREALTIME/[.,]/} - began) / 1000))
check "… at once ($took_ms ms)" test "$took_ms" -lt 1000
check "all are ready again" await 20 all_ready
check "the demo still plays" await 20 demo_frames "http://127.0.0.1:$MILLRACE_HTTP_PORT/live/demo.flv"

check "it stops" local_sh stop
check "nothing is left over" await 5 nothing_left
check "status says so" refused local_sh status

printf 'defaults:\n  no_such_setting: 1\n' >"$MILLRACE_HOME/bad.yaml"
check "a mistake in the configuration is refused" refused local_sh --bin "$bin" --config "$MILLRACE_HOME/bad.yaml" --detach
exit "$failed"
