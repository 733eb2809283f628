#!/bin/sh
# Arguments are those of the command `netsiege`, passed on as they are. Without any, a hub serves the task
# mounted at /netsiege/task.yaml, or its default room if there is none.
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

task=${NETSIEGE_HOME:-/netsiege}/task.yaml

# Loopback inside a container is reached by nobody, so this hub listens on every address of the container,
# and --insecure admits that there are no keys: who may connect is decided by which ports are published.
# A hub with a gateway for NetSecGame's agents gets `--nsg-port 9000` at the end of this line.
set -- hub --bind tcp://0.0.0.0:9100 --workers-bind tcp://0.0.0.0:9101 --insecure

if [ -d "$task" ]; then
    refuse "$task is a folder: Docker makes one if the file on the left of -v does not exist"
elif [ -e "$task" ]; then
    [ -r "$task" ] || refuse "user $(id -u) may not read $task: chmod a+r the file, or docker run --user"
    set -- "$@" --task "$task"
fi

printf '%s\n' "netsiege: a hub without keys: who reaches port 9100 may play, who reaches 9101 may decide matches;" \
    "netsiege: publish 9100 as 127.0.0.1:9100:9100, and 9101 not at all" >&2
exec netsiege "$@"
