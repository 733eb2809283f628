#!/bin/sh
# Arguments are those of the command `netsiege`, passed on as they are. Without any, a hub serves the task
# mounted at /netsiege/task.yaml, or its default room if there is none; it makes its keys the first time.
#
# Every path ends in exec: the signal of `docker stop` must reach NetSiege itself, not a shell before it.
set -eu

if [ "$#" -gt 0 ]; then
    exec netsiege "$@"
fi

refuse() {
    printf 'netsiege: %s\n' "$1" >&2
    exit 2
}

home=${NETSIEGE_HOME:-/netsiege}
keys=${NETSIEGE_KEYS:-$home/keys}
task=$home/task.yaml

# Loopback inside a container is reached by nobody, so this hub listens on every address of the container, and
# its keys decide who may come in.
set -- hub --bind tcp://0.0.0.0:9100 --workers-bind tcp://0.0.0.0:9101 --keys "$keys"

if [ -d "$task" ]; then
    refuse "$task is a folder: Docker makes one if the file on the left of -v does not exist"
elif [ -e "$task" ]; then
    [ -r "$task" ] || refuse "user $(id -u) may not read $task: chmod a+r the file, or docker run --user"
    set -- "$@" --task "$task"
fi

netsiege-issue-keys
printf '%s\n' "netsiege: to let somebody play: docker exec CONTAINER netsiege keys invite NAME" >&2
exec netsiege "$@"
