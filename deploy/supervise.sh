#!/usr/bin/env bash
# Keeps one process alive.
#
#   deploy/supervise.sh RUN_DIR LOG NAME COMMAND [ARGUMENT...]
#
# A process that dies is started again: at once the first time, then after 0.1 s, 0.2 s, … up to 5 s; a life of
# 10 s or more clears the debt. SIGTERM is passed on to the process and ends the supervision when it has exited.
# RUN_DIR/NAME.keeper and NAME.pid hold the process ids of the keeper and of the kept, NAME.restarts a count.
set -u
run=$1 log=$2 name=$3
shift 3
exec >>"$log" 2>&1 </dev/null

stopping=0 child=0
# Asking twice is passed on twice: the second signal ends a process that is draining.
stop() {
  stopping=1
  ((child == 0)) || kill -TERM "$child" 2>/dev/null
}
trap stop TERM
trap '' INT HUP

say() { printf '%(%FT%T%z)T supervisor: %s\n' -1 "$*"; }
now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }

echo $$ >"$run/$name.keeper"
echo 0 >"$run/$name.restarts"
restarts=0 debt_ms=0 status=0
while ((!stopping)); do
  started=$(now_ms)
  # The process must not outlive its keeper, nor hold the cluster's lock (descriptor 9).
  setpriv --pdeathsig TERM "$@" 9>&- &
  child=$!
  echo "$child" >"$run/$name.pid"
  ((stopping)) && kill -TERM "$child" 2>/dev/null
  while :; do
    wait "$child"
    status=$?
    kill -0 "$child" 2>/dev/null || break  # otherwise a signal ended the wait, not the process
  done
  child=0
  ((stopping)) && break
  lived_ms=$(($(now_ms) - started))
  ((lived_ms >= 10000)) && debt_ms=0
  restarts=$((restarts + 1))
  echo "$restarts" >"$run/$name.restarts"
  say "$name ended with status $status after $lived_ms ms; starting it again in $debt_ms ms"
  if ((debt_ms > 0)); then
    sleep "$((debt_ms / 1000)).$(printf %03d $((debt_ms % 1000)))" 9>&- &
    wait $!
  fi
  debt_ms=$((debt_ms == 0 ? 100 : debt_ms * 2 > 5000 ? 5000 : debt_ms * 2))
done
say "$name was stopped (status $status)"
rm -f "$run/$name.pid" "$run/$name.keeper"
