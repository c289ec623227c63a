#!/usr/bin/env bash
# The whole cluster on this machine.
#
#   deploy/local.sh [start] [options]   install what is missing, build, start, print the URLs; Ctrl-C stops it
#   deploy/local.sh status              what runs; exit code 0: all ready, 1: not all, 3: not running
#   deploy/local.sh stop                stop it, wherever it was started from
#
#   --demo          also publish a test pattern with a tone to live/demo
#   --detach        return once it is ready
#   --no-build      neither install nor build: run what build/release/bin has
#   --bin DIR       run the programs in DIR (implies --no-build)
#   --config FILE   the cluster's configuration (default: none, every setting has a default)
#   --host ADDR     address the media ports listen on (default 127.0.0.1; 0.0.0.0 opens them to the network)
#
# A process that dies is started again (deploy/supervise.sh). State, process ids and logs live in .millrace;
# the environment's MILLRACE_HOME puts them elsewhere, and with the ports below lets several clusters run side
# by side. MILLRACE_<PROCESS>_FLAGS adds flags to a process (MILLRACE_ROUTER_FLAGS="--log-level=debug").
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
home=${MILLRACE_HOME:-$root/.millrace}
rtmp_port=${MILLRACE_RTMP_PORT:-1935}
rtsp_port=${MILLRACE_RTSP_PORT:-8554}
http_port=${MILLRACE_HTTP_PORT:-8080}
rtmps_port=${MILLRACE_RTMPS_PORT:-1936}
rtsps_port=${MILLRACE_RTSPS_PORT:-8322}
https_port=${MILLRACE_HTTPS_PORT:-8443}
grpc_port=${MILLRACE_GRPC_PORT:-50051}
bus_port=${MILLRACE_BUS_PORT:-5555}
declare -A metrics_port=(
  [control-plane]=${MILLRACE_CONTROL_PLANE_METRICS_PORT:-9101}
  [router]=${MILLRACE_ROUTER_METRICS_PORT:-9102}
  [rtmp-gateway]=${MILLRACE_RTMP_GATEWAY_METRICS_PORT:-9103}
  [rtsp-gateway]=${MILLRACE_RTSP_GATEWAY_METRICS_PORT:-9104}
  [http-gateway]=${MILLRACE_HTTP_GATEWAY_METRICS_PORT:-9105}
)
drain=${MILLRACE_DRAIN:-2s}
start_timeout=${MILLRACE_START_TIMEOUT:-60}
processes=(control-plane router rtmp-gateway rtsp-gateway http-gateway)

action=start build=1 demo=0 detach=0 host=127.0.0.1 config='' bin=$root/build/release/bin

die() {
  echo "local.sh: $*" >&2
  exit 1
}

parse() {
  while (($#)); do
    case $1 in
      start | status | stop) action=$1 ;;
      --demo) demo=1 ;;
      --detach) detach=1 ;;
      --no-build) build=0 ;;
      --bin | --config | --host)
        (($# > 1)) || die "$1 needs a value"
        case $1 in
          --bin) bin=$2 build=0 ;;
          --config) config=$2 ;;
          --host) host=$2 ;;
        esac
        shift
        ;;
      --bin=* | --config=* | --host=*)
        local option=${1%%=*} value=${1#*=}
        shift
        set -- unused "$option" "$value" "$@"
        ;;
      -h | --help)
        sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
        exit 0
        ;;
      *) die "unknown argument $1 (see --help)" ;;
    esac
    shift
  done
}

# --- what runs ---------------------------------------------------------------------------------------------

# Every keeper holds the lock as long as it lives, so a lock that can be had means that nothing runs.
running() { [[ -e $home/lock ]] && ! flock --nonblock "$home/lock" true; }

# The process id in run/NAME.(keeper|pid), where it is alive.
pid_of() {
  local pid
  pid=$(cat "$home/run/$1" 2>/dev/null) && [[ $pid ]] && kill -0 "$pid" 2>/dev/null && echo "$pid"
}

keeper_of() {
  local pid
  pid=$(pid_of "$1.keeper") && grep -qz supervise.sh "/proc/$pid/cmdline" 2>/dev/null && echo "$pid"
}

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

ready() {
  local line
  line=$(exec 2>/dev/null 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
    printf 'GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
    read -r -t 2 line <&3 && echo "$line") 2>/dev/null && [[ $line == *' 200'* ]]
}

age_of() {
  local began
  began=$(stat -c %Y "/proc/$1" 2>/dev/null) && echo "$(($(date +%s) - began)) s"
}

status() {
  running || { echo "Millrace is not running (state: $home)."; return 3; }
  local name pid state all=0
  printf '%-14s %8s %10s %9s  %s\n' PROCESS PID UP RESTARTS STATE
  for name in "${processes[@]}" demo; do
    if ! keeper_of "$name" >/dev/null; then
      [[ $name == demo ]] && continue
      pid=- state='not supervised: stop and start again' all=1
    elif pid=$(pid_of "$name.pid"); then
      state=running
      if [[ $name != demo ]]; then
        if ready "${metrics_port[$name]}"; then state=ready; else state='not ready' all=1; fi
      fi
    else
      pid=- state='waiting to restart' all=1
    fi
    printf '%-14s %8s %10s %9s  %s\n' "$name" "$pid" "$(age_of "$pid")" \
      "$(cat "$home/run/$name.restarts" 2>/dev/null)" "$state"
  done
  return "$all"
}

# Ends these processes together: SIGTERM lets them drain; who has not gone by then is killed.
stop_together() {
  local name keeper pid deadline=$((SECONDS + 12)) waiting=1
  for name; do
    if keeper=$(keeper_of "$name"); then kill -TERM "$keeper" 2>/dev/null || true; fi
  done
  while ((waiting)); do
    waiting=0
    for name; do
      keeper=$(keeper_of "$name") || continue
      waiting=1
      ((SECONDS < deadline)) && continue
      echo "  $name did not end in time: killed" >&2
      if pid=$(pid_of "$name.pid"); then kill -KILL "$pid" 2>/dev/null || true; fi
      kill -KILL "$keeper" 2>/dev/null || true
      rm -f "$home/run/$name.keeper" "$home/run/$name.pid"
    done
    ((waiting)) && sleep 0.05
  done
  return 0
}

# Against the current: viewers and publishers are told first, who they report to goes last.
stop() {
  stop_together demo
  stop_together rtmp-gateway rtsp-gateway http-gateway
  stop_together router
  stop_together control-plane
}

# --- start -------------------------------------------------------------------------------------------------

install_and_build() {
  "$root/deploy/install-deps.sh" --build
  (
    cd "$root"
    [[ -f build/release/build.ninja ]] || cmake --preset release
    NINJA_STATUS='[%f/%t %es] ' cmake --build --preset release
  )
}

# keep NAME COMMAND...: starts a keeper that outlives this script.
keep() {
  local name=$1 log=$home/logs/$1.log
  shift
  [[ ! -s $log ]] || mv -f "$log" "$log.1"
  setsid "$root/deploy/supervise.sh" "$home/run" "$log" "$name" "$@" &
}

# keep_program NAME FLAG...: one of ours, with the flags that all have.
keep_program() {
  local name=$1 extra=${1^^}_FLAGS
  extra=MILLRACE_${extra//-/_}
  shift
  local -a flags=("$@" "--log-format=${MILLRACE_LOG_FORMAT:-text}" "--drain=$drain")
  read -ra extra <<<"${!extra:-}"
  keep "$name" "$bin/millrace-$name" "${flags[@]}" "${extra[@]}"
}

start_processes() {
  local listen=$host name port secure
  [[ $host == *:* ]] && listen="[$host]"
  mkdir -p "$home"/{run,logs,state/{control-plane,router,rtmp-gateway,rtsp-gateway,http-gateway}}
  exec 9>"$home/lock"
  flock --nonblock 9 || die "it is running already (deploy/local.sh status, deploy/local.sh stop)"
  rm -f "$home"/run/*
  for port in "$rtmp_port" "$rtsp_port" "$http_port" "$grpc_port" "$bus_port" "${metrics_port[@]}"; do
    ! answers "$port" || die "port $port is in use (each port can be set by environment: see deploy/README.md)"
  done

  keep_program control-plane --listen="127.0.0.1:$grpc_port" \
    --http="127.0.0.1:${metrics_port[control-plane]}" \
    --store="$home/state/control-plane/store.sqlite" ${config:+"--config=$config"} \
    --public-host="$(public_host)" --public-rtmp-port="$rtmp_port" --public-rtsp-port="$rtsp_port" \
    --public-http-port="$http_port"
  keep_program router --control-plane="127.0.0.1:$grpc_port" --listen="tcp://127.0.0.1:$bus_port" \
    --advertise="tcp://127.0.0.1:$bus_port" --metrics="127.0.0.1:${metrics_port[router]}" \
    --state-dir="$home/state/router"
  for name in rtmp-gateway rtsp-gateway http-gateway; do
    case $name in
      rtmp-gateway) port=$rtmp_port secure=--rtmps-listen=$listen:$rtmps_port ;;
      rtsp-gateway) port=$rtsp_port secure=--rtsps-listen=$listen:$rtsps_port ;;
      http-gateway) port=$http_port secure=--https-listen=$listen:$https_port ;;
    esac
    keep_program "$name" --control-plane="127.0.0.1:$grpc_port" --listen="$listen:$port" "$secure" \
      --metrics="127.0.0.1:${metrics_port[$name]}" --state-dir="$home/state/$name"
  done
  exec 9>&-
}

start_demo() {
  local to=$host
  [[ $host == 0.0.0.0 || $host == :: ]] && to=127.0.0.1
  keep demo ffmpeg -hide_banner -loglevel warning -nostdin -re \
    -f lavfi -i testsrc2=size=1280x720:rate=25 -f lavfi -i sine=frequency=440:sample_rate=48000 \
    -c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt yuv420p -b:v 2M -maxrate 2M -bufsize 2M -g 50 \
    -c:a aac -b:a 128k -ac 2 -f flv "rtmp://$to:$rtmp_port/live/demo"
}

# A process that has been restarted so often before it was ready will not make it.
wait_until_ready() {
  local name deadline=$((SECONDS + start_timeout))
  for name in "${processes[@]}"; do
    until ready "${metrics_port[$name]}"; do
      ((!ended)) || return 1
      if ((SECONDS >= deadline)) || (($(cat "$home/run/$name.restarts" 2>/dev/null || echo 0) >= 4)); then
        echo "local.sh: $name does not get ready; the end of $home/logs/$name.log:" >&2
        tail -n 15 "$home/logs/$name.log" >&2
        return 1
      fi
      sleep 0.05
    done
  done
}

# By what clients reach the media ports, unless the configuration's `public` says otherwise.
public_host() {
  local to=$host
  if [[ $host == 0.0.0.0 || $host == :: ]]; then
    to=$(hostname -I 2>/dev/null | cut -d' ' -f1)
  fi
  echo "${to:-127.0.0.1}"
}

# urls STREAM WORD: what the control plane tells clients: "publish" or "play", one a line.
urls() {
  "$bin/millrace" --server "127.0.0.1:$grpc_port" streams urls "$1" | awk -v word="$2" '$1 == word { print $2 }' || true
}

print_urls() {
  local publish rtsp_publish stream=live/cam1 rtmp rtsp http
  { read -r publish && read -r rtsp_publish; } < <(urls "$stream" publish) || true
  ((demo)) && stream=live/demo
  { read -r rtmp && read -r rtsp && read -r http; } < <(urls "$stream" play) || true
  cat <<URLS

Millrace is ready.

  publish   OBS        Settings > Stream > Custom: Server ${publish%/*}   Stream Key ${publish##*/}
            ffmpeg     ffmpeg -re -i FILE -c copy -f flv $publish
            RTSP       ffmpeg -re -i FILE -c copy -f rtsp -rtsp_transport tcp $rtsp_publish
  play      RTMP       ffplay $rtmp
            RTSP       ffplay $rtsp
            HTTP-FLV   ffplay $http
  operate   CLI        $bin/millrace --server 127.0.0.1:$grpc_port streams list
            gRPC       127.0.0.1:$grpc_port
            metrics    http://127.0.0.1:${metrics_port[control-plane]}/metrics (router ${metrics_port[router]},\
 rtmp-gateway ${metrics_port[rtmp-gateway]}, rtsp-gateway ${metrics_port[rtsp-gateway]},\
 http-gateway ${metrics_port[http-gateway]})
            logs       $home/logs
URLS
}

start() {
  running && die "it is running already (deploy/local.sh status, deploy/local.sh stop)"
  ((build)) && install_and_build
  ((demo)) && ! command -v ffmpeg >/dev/null && "$root/deploy/install-deps.sh" --demo
  local name
  [[ -d $bin ]] || die "$bin does not exist: build first (deploy/local.sh without --no-build)"
  bin=$(cd "$bin" && pwd)
  for name in "${processes[@]/#/-}" ''; do
    [[ -x $bin/millrace$name ]] || die "$bin/millrace$name is missing: build first"
  done
  if [[ $config ]]; then
    config=$(realpath -e "$config") || die "there is no such configuration file"
    "$bin/millrace" config check "$config" || exit 1
  fi

  start_processes
  local ended=0
  trap 'ended=1' INT TERM HUP
  if ! wait_until_ready; then
    stop
    exit 1
  fi
  ((demo)) && start_demo
  print_urls
  if ((detach)); then
    echo "  stop      deploy/local.sh stop"
    exit 0
  fi
  echo "  stop      Ctrl-C"
  while ((!ended)) && running; do
    sleep 0.3 &
    wait $! || true
  done
  ((ended)) && echo && echo "Stopping …"
  stop
}

parse "$@"
mkdir -p "$home"
home=$(cd "$home" && pwd)
case $action in
  start) start ;;
  status) status ;;
  stop)
    running || { echo "Millrace is not running (state: $home)."; exit 0; }
    stop
    echo "Millrace is stopped."
    ;;
esac
