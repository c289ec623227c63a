#!/usr/bin/env bash
# Installs the Debian packages that Millrace needs. Quick and silent when they are all there.
#
#   deploy/install-deps.sh [--compile | --build | --runtime | --test | --docker | --demo | --edge | --prometheus]...
#
# --compile     compiler, build tools and libraries for the programs
# --build       the same and what the tests and linters are built with (the default)
# --runtime     only what ready-made programs need
# --test        clients, peers and Python modules of the tests
# --docker      engine, Compose and what makes a base image
# --demo        ffmpeg
# --edge        the balancer in front of gateways
# --prometheus  the monitoring server
set -euo pipefail

compile=(
  clang-16 lld-16 ccache cmake ninja-build pkg-config
  libboost1.81-dev libboost-url1.81-dev libboost-json1.81-dev
  libprotobuf-dev protobuf-compiler libgrpc++-dev protobuf-compiler-grpc libabsl-dev
  cppzmq-dev libzmq3-dev libssl-dev libspdlog-dev libfmt-dev libyaml-cpp-dev libsqlite3-dev
  nlohmann-json3-dev prometheus-cpp-dev libavcodec-dev libavutil-dev libswresample-dev
)
build=(
  "${compile[@]}" clang-tidy-16 clang-format-16 libclang-rt-16-dev llvm-16 git ca-certificates
  libgtest-dev libgmock-dev libbenchmark-dev
)
runtime=(
  libabsl20220623 libboost-json1.81.0 libboost-url1.81.0 libfmt9 libgrpc++1.51 libprometheus-cpp-core1.0
  libprometheus-cpp-pull1.0 libprotobuf32 libspdlog1.10 libsqlite3-0 libssl3 libyaml-cpp0.7 libzmq5
  libavcodec59 libavutil57 libswresample4
)
test=(
  ffmpeg rtmpdump libnginx-mod-rtmp nginx-light
  gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
  gstreamer1.0-plugins-ugly gstreamer1.0-libav gstreamer1.0-rtsp vlc-bin vlc-plugin-base mpv motion nmap
  python3 python3-pytest python3-grpcio python3-protobuf python3-zmq
  prometheus jq curl shellcheck procps openssl chromium
)
# Other builds of Node bring an npm of their own, and refuse Debian's.
command -v npm >/dev/null || test+=(nodejs npm)
docker=(docker.io docker-compose mmdebstrap iptables ffmpeg curl jq procps python3)
demo=(ffmpeg)
edge=(haproxy)
prometheus=(prometheus)

wanted=()
for option in "${@:---build}"; do
  case $option in
    --compile) wanted+=("${compile[@]}") ;;
    --build) wanted+=("${build[@]}") ;;
    --runtime) wanted+=("${runtime[@]}") ;;
    --test) wanted+=("${test[@]}") ;;
    --docker) wanted+=("${docker[@]}") ;;
    --demo) wanted+=("${demo[@]}") ;;
    --edge) wanted+=("${edge[@]}") ;;
    --prometheus) wanted+=("${prometheus[@]}") ;;
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    *) echo "install-deps.sh: unknown option $option (see --help)" >&2; exit 2 ;;
  esac
done

missing=()
declare -A installed=()
while read -r status package; do
  [[ $status == installed ]] && installed[${package%%:*}]=1
done < <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null || true)
for package in "${wanted[@]}"; do
  [[ ${installed[$package]:-} ]] || missing+=("$package")
done
((${#missing[@]})) || exit 0

echo "Installing ${#missing[@]} package(s): ${missing[*]}"
root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null || { echo "install-deps.sh: not root, and there is no sudo" >&2; exit 1; }
  root=(sudo)
fi

# Some of these (nginx, prometheus, docker) start a service when they are installed, which would take ports
# that nobody offered. A policy-rc.d forbids it for as long as this script runs; one that is there already
# is the machine's own and stays.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
  restore() { "${root[@]}" rm -f "$policy"; }
  trap restore EXIT
  printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee "$policy" >/dev/null
  "${root[@]}" chmod 755 "$policy"
fi

apt=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300
  -o APT::Keep-Downloaded-Packages=false)
"${apt[@]}" update
"${apt[@]}" install -y --no-install-recommends "${missing[@]}"

# Nor shall they start with the next boot, where there is one.
if [[ -d /run/systemd/system ]]; then
  for package in "${missing[@]}"; do
    case $package in
      nginx-light) "${root[@]}" systemctl disable --quiet nginx || true ;;
      prometheus) "${root[@]}" systemctl disable --quiet prometheus || true ;;
    esac
  done
fi
