#!/usr/bin/env bash
# Runs `docker-compose up` against a real Docker engine: publish, play, list, kick, scrape, scale, lose a gateway.
#
#   tests/docker/check.sh [--keep-data DIR] [--images-only]
#
# Uses the engine that answers; where none does and this is root, starts one of its own in a temporary folder (or DIR,
# so that the next run need not build again) and stops it in the end. Where that cannot be: says SKIPPED, and why.
# --images-only builds the images and goes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

data='' images_only=0
while (($#)); do
  case $1 in
    --keep-data) data=$(realpath -m "${2:?--keep-data needs a folder}"); shift 2 ;;
    --images-only) images_only=1; shift ;;
    *) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 2 ;;
  esac
done

work=$(mktemp -d /tmp/millrace-docker.XXXXXX)
engine=0 started=0 publisher=0 passed=0 failed=0
log=$work/log

skip() {
  echo "SKIPPED: dockerd cannot be started: $*"
  exit 0
}

say() { printf '%(%T)T docker: %s\n' -1 "$*"; }

# check DESCRIPTION COMMAND...: one line of the result.
check() {
  local what=$1
  shift
  if "$@" >"$log" 2>&1; then
    say "ok: $what"
    passed=$((passed + 1))
  else
    say "FAILED: $what"
    tail -n 40 "$log" | sed 's/^/    /'
    failed=$((failed + 1))
  fi
}

# await SECONDS COMMAND...: until the command succeeds.
await() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.2
  done
}

# --- the engine --------------------------------------------------------------------------------------------

start_engine() {
  ((EUID == 0)) || skip "not root, and no engine answers"
  command -v dockerd >/dev/null || skip "it is not installed"
  export DOCKER_HOST=unix://$work/docker.sock
  # Nothing of the host's network is changed: no firewall rules, no default bridge. The networks that Compose makes
  # are bridges of their own, published ports go through docker-proxy, and images are built with the host's network.
  setpriv --pdeathsig TERM dockerd --host "$DOCKER_HOST" --data-root "${data:-$work/data}" \
    --exec-root "$work/exec" --pidfile "$work/docker.pid" --bridge=none --iptables=false --ip6tables=false \
    --ip-masq=false --ip-forward=false >"$work/dockerd.log" 2>&1 </dev/null &
  engine=$!
  export MILLRACE_BUILD_NETWORK=host
  local deadline=$((SECONDS + 30))
  until docker info >/dev/null 2>&1; do
    if ! kill -0 "$engine" 2>/dev/null || ((SECONDS >= deadline)); then
      skip "$(grep -v level=info "$work/dockerd.log" | tail -n 1)"
    fi
    sleep 0.2
  done
  say "started an engine: $(docker info --format '{{.ServerVersion}}, {{.Driver}}')"
}

# The base image is made from Debian's packages, as the official one is: an engine of our own pulls nothing.
make_base_image() {
  ! docker image inspect debian:bookworm-slim >/dev/null 2>&1 || return 0
  local base=build/docker/bookworm-slim.tar
  if [[ ! -f $base ]]; then
    say "making debian:bookworm-slim"
    mkdir -p "${base%/*}"
    mmdebstrap --quiet --variant=minbase --dpkgopt='path-exclude=/usr/share/doc/*' \
      --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' bookworm "${base%.tar}.part.tar"
    mv "${base%.tar}.part.tar" "$base"
  fi
  docker import "$base" debian:bookworm-slim >/dev/null
}

clean_up() {
  local status=$?
  trap - EXIT
  ((publisher == 0)) || kill "$publisher" 2>/dev/null || true
  if ((started)); then
    ((failed == 0 && status == 0)) || compose logs --tail 40 --no-color || true
    compose down --volumes --timeout 15 >"$log" 2>&1 || cat "$log"
  fi
  if ((engine)); then
    kill -TERM "$engine" 2>/dev/null || true
    wait "$engine" 2>/dev/null || true
    umount "$work"/exec/netns/* 2>/dev/null || true
  fi
  rm -rf --one-file-system "$work" || true
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

compose() {
  if docker compose version >/dev/null 2>&1; then docker compose "$@"; else docker-compose "$@"; fi
}

deploy/install-deps.sh --docker || skip "its packages cannot be installed"
docker info >/dev/null 2>&1 || start_engine
((engine == 0)) || make_base_image

# --- the cluster -------------------------------------------------------------------------------------------

services=(control-plane router rtmp-gateway rtsp-gateway http-gateway edge prometheus)
export COMPOSE_PROJECT_NAME=millrace-check MILLRACE_TAG=check
# Free ports, all held at once so that they differ.
read -r MILLRACE_RTMP_PORT MILLRACE_RTSP_PORT MILLRACE_HTTP_PORT MILLRACE_GRPC_PORT MILLRACE_CONTROL_PLANE_METRICS_PORT \
  MILLRACE_PROMETHEUS_PORT < <(/usr/bin/python3 -c '
import socket
held = [socket.create_server(("", 0)) for _ in range(6)]
print(*[s.getsockname()[1] for s in held])')
export MILLRACE_RTMP_PORT MILLRACE_RTSP_PORT MILLRACE_HTTP_PORT MILLRACE_GRPC_PORT MILLRACE_CONTROL_PLANE_METRICS_PORT \
  MILLRACE_PROMETHEUS_PORT
rtmp=rtmp://127.0.0.1:$MILLRACE_RTMP_PORT http=http://127.0.0.1:$MILLRACE_HTTP_PORT
stream=live/check

declare -A id=()  # of each service's container
cli() { docker exec "${id[control-plane]}" millrace "$@"; }
healthy() { [[ $(docker inspect --format '{{.State.Health.Status}}' "${id[$1]}") == healthy ]]; }
not_root() { [[ $(docker exec "${id[$1]}" id -u) != 0 ]]; }
one_process() { (($(docker top "${id[$1]}" -o pid | tail -n +2 | wc -l) == 1)); }

publish() {
  ffmpeg -hide_banner -loglevel warning -nostdin -re -f lavfi -i testsrc2=size=640x360:rate=25 \
    -f lavfi -i sine=frequency=440:sample_rate=48000 -t 120 -c:v libx264 -preset ultrafast -bf 2 -g 25 \
    -pix_fmt yuv420p -b:v 500k -c:a aac -b:a 96k -f flv "$rtmp/$stream" >"$work/publisher.log" 2>&1 &
  publisher=$!
}

# Decoded frames of 4 seconds, at least 60 of them.
plays() {
  timeout 30 ffmpeg -hide_banner -v error -nostdin -i "$1" -map 0:v -map 0:a -t 4 -f framemd5 "$work/frames" -y &&
    (($(grep -c '^0,' "$work/frames") >= 60 && $(grep -c '^1,' "$work/frames") >= 60))
}

listed() { cli streams list --json | grep -F "\"$stream\""; }
nodes_listed() {
  cli nodes list --json >"$work/nodes" && cat "$work/nodes" &&
    grep -q router "$work/nodes" && grep -q rtmp-gateway "$work/nodes" &&
      grep -q rtsp-gateway "$work/nodes" && grep -q http-gateway "$work/nodes"
}
session_listed() { cli sessions list --json | grep -F "\"$stream\""; }
ban_listed() { cli bans list --json | grep -F "$stream"; }
refused() {
  ! timeout 10 ffmpeg -v error -nostdin -f lavfi -i testsrc2=size=320x180:rate=25 -t 3 -c:v libx264 \
    -f flv "$rtmp/$stream"
}
gone() { ! kill -0 "$publisher" 2>/dev/null; }

# Five processes, each scraped without an error, and what they say is there.
scraped() {
  local api=http://127.0.0.1:$MILLRACE_PROMETHEUS_PORT/api/v1
  curl -fsS "$api/targets?state=active" | jq -e \
    '.data.activeTargets | map("\(.labels.job) \(.scrapeUrl) \(.health) \(.lastError)") | .[]' &&
    curl -fsS "$api/targets?state=active" | jq -e \
      '.data.activeTargets | (map(.scrapeUrl) | unique | length) >= 5 and all(.health == "up")' &&
    curl -fsS "$api/query" --data-urlencode 'query=sum(millrace_ingest_frames_total) > 0' |
    jq -e '.data.result | length == 1'
}

if ((images_only)); then
  say "building the images"
  compose build
  exit
fi
say "building the images and starting the cluster"
started=1
build_log=$work/build.log
began=$SECONDS
if ! compose up --detach --build >"$build_log" 2>&1; then
  tail -n 60 "$build_log"
  say "FAILED: compose up"
  exit 1
fi
say "compose up took $((SECONDS - began)) s"

for service in "${services[@]}"; do id[$service]=$(compose ps -q "$service"); done
for service in "${services[@]}"; do check "$service is healthy" await 60 healthy "$service"; done
for service in "${services[@]}"; do
  check "$service does not run as root" not_root "$service"
  check "$service is one process" one_process "$service"
done
publish
check "the stream is listed" await 10 listed
check "RTMP plays" plays "$rtmp/$stream"
check "RTSP plays" plays "rtsp://127.0.0.1:$MILLRACE_RTSP_PORT/$stream"
check "HTTP-FLV plays" plays "$http/$stream.flv"
check "four nodes are listed" nodes_listed
check "the publisher's session is listed" session_listed
check "Prometheus scrapes every process" await 60 scraped
check "the stream is kicked and banned" cli streams kick "$stream" --reason 'docker check' --ban 1m
check "its publisher is gone within a second or two" await 2 gone
check "the ban is listed" ban_listed
check "the banned publisher cannot come back" refused
cli bans remove stream "$stream" >"$log" 2>&1 || true

# --- several gateways behind the edge ----------------------------------------------------------------------

address_of() { docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$1"; }
edge_started=$(docker inspect --format '{{.State.StartedAt}}' "${id[edge]}")
network_gateway=$(docker inspect --format '{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}' "${id[edge]}")

scale() { compose up --detach --no-recreate --scale http-gateway=3 --scale rtmp-gateway=2; }
edge_knows() {
  docker exec "${id[edge]}" bash -c 'exec 3<>/dev/tcp/127.0.0.1/8404
    printf "GET /metrics HTTP/1.0\r\n\r\n" >&3; cat <&3' >"$work/edge" &&
    grep -E 'haproxy_backend_active_servers\{proxy="(http|rtmp)-gateways"' "$work/edge" | tee "$log.edge" &&
    grep -q 'proxy="http-gateways"} 3$' "$log.edge" && grep -q 'proxy="rtmp-gateways"} 2$' "$log.edge"
}
same_edge() { [[ $(docker inspect --format '{{.State.StartedAt}}' "${id[edge]}") == "$edge_started" ]]; }
# A client with an address of its own, and a forged one: Prometheus' container plays, without knowing it.
play_from_another_address() {
  docker exec --detach "${id[prometheus]}" bash -c 'exec 3<>/dev/tcp/edge/8080
    printf "GET /%s.flv HTTP/1.1\r\nHost: edge\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n" "$0" >&3
    timeout 20 cat <&3 >/dev/null' "$stream"
}
real_address_listed() {
  cli sessions list --stream "$stream" --role viewer --json |
    jq -e --arg address "$(address_of "${id[prometheus]}")" '.sessions[] | select(.address == $address)'
}
urls_printed() { cli streams urls "$stream" | grep -F "http://localhost:$MILLRACE_HTTP_PORT/$stream.flv"; }
# The checking tools of the live tests, built where they are not there yet.
edge_check() {
  local tools=${MILLRACE_TOOLS:-build/asan/tests}
  if [[ ! -x $tools/stream-check || ! -x $tools/stream-source ]]; then
    tools=build/dev/tests
    cmake --preset dev >"$log.build" && ninja -C build/dev stream-check stream-source >>"$log.build" || return 1
  fi
  MILLRACE_TOOLS=$tools timeout 400 /usr/bin/python3 tests/docker/edge_check.py "$rtmp" "$http" "${id[control-plane]}" \
    "$network_gateway" | tee "$work/edge-check"
}

check "the URLs that are printed lead through the edge" urls_printed
check "three http-gateways and two rtmp-gateways start" scale
check "the edge finds them" await 60 edge_knows
check "… without a restart" same_edge
publish
check "the stream is listed again" await 20 listed
check "a viewer in another container asks for it" play_from_another_address
check "its session has its address, not the edge's nor a forged one" await 10 real_address_listed
kill "$publisher" 2>/dev/null || true
if edge_check; then lost=0; else lost=1; fi
passed=$((passed + $(grep -c ' ok: ' "$work/edge-check" || true)))
failed=$((failed + $(grep -c ' FAILED: ' "$work/edge-check" || true)))
if ((lost)) && ! grep -q ' FAILED: ' "$work/edge-check"; then failed=$((failed + 1)); fi
check "the edge is the same after all of it" same_edge

say "$passed passed, $failed failed"
((failed == 0))
