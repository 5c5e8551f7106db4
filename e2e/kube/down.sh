#!/bin/bash
# Stops what up.sh started, by the process ids it wrote down. usage: down.sh DIR
DIR=${1:?usage: down.sh DIR}
[ -f "$DIR/pids" ] || { echo "nothing to stop: no $DIR/pids"; exit 0; }
DIR=$(cd "$DIR" && pwd)
for name in scheduler kcm apiserver etcd; do
  pid=$(awk -v n=$name '$1 == n {print $2}' "$DIR/pids")
  # A number may have been given to somebody else meanwhile: each of ours runs in DIR.
  [ -n "$pid" ] && [ "$(readlink "/proc/$pid/cwd")" = "$DIR" ] || continue
  kill "$pid" 2> /dev/null
  for i in $(seq 1 50); do
    [ -d "/proc/$pid" ] || break
    sleep 0.1
    [ "$i" = 30 ] && kill -9 "$pid" 2> /dev/null
  done
done
rm -f "$DIR/pids"
echo "down: $DIR"
