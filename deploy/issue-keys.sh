#!/bin/sh
# Makes the keys of a hub, and one more for each kind of container that connects to it. Each kind finds its key
# in a folder of its own, so that no container needs to see the key of another:
#
#     issue-keys.sh worker:worker attacker:agent:Attacker
#
# makes NETSIEGE_HOME/issued/worker, whose key may run engines, and NETSIEGE_HOME/issued/attacker, whose key may
# play as an attacker. Besides, the key of an admin goes to the hub's own folder, for the health check and for
# people inside the hub's container: whoever is there can enter any key as an admin's anyway.
#
# What is there already stays, so that this may run before every start. A key that the hub's people have revoked
# is not let in again. A folder without a key, or with one for another hub, gets a new one, and an earlier key of
# its name is revoked: that is how a key is replaced.
set -eu
umask 077

home=${NETSIEGE_HOME:-/netsiege}
hub=${NETSIEGE_KEYS:-$home/keys}
said=$(mktemp)
trap 'rm -f "$said"' EXIT

# netsiege's advice on what to type next is for people; what went wrong is not to be lost
keys() {
    netsiege keys "$@" 2>"$said" || {
        code=$?
        cat "$said" >&2
        return "$code"
    }
}

# NAME FOLDER and the options of `keys authorize`. The hub to trust is written last: a folder that has it is done.
issue() {
    name=$1 folder=$2
    shift 2
    if [ -e "$folder/identity.key" ] && grep -qsxF "$hub_public" "$folder/hub.pub"; then
        return
    fi
    made=$folder/.new
    rm -rf "$made"
    public=$(keys new --keys "$made")
    if grep -qs "^ns-public-[^ ]* $name " "$hub/authorized_keys"; then
        keys revoke "$name" --keys "$hub" >/dev/null
    fi
    keys authorize "$public" "$name" "$@" --keys "$hub" >/dev/null
    mv "$made/identity.key" "$folder/identity.key"
    rmdir "$made"
    [ "$folder" = "$hub" ] || cp "$hub/hub.pub" "$folder/hub.pub"
    printf 'netsiege: a new key for %s in %s\n' "$name" "$folder" >&2
}

if [ ! -e "$hub/hub.key" ]; then
    keys new --hub --keys "$hub" >/dev/null
    printf 'netsiege: new keys for the hub in %s\n' "$hub" >&2
fi
hub_public=$(sed -n 's/^public //p' "$hub/hub.key")

issue operator "$hub" --right admin
for wanted in "$@"; do
    name=${wanted%%:*}
    folder=$home/issued/$name
    case $wanted in
        *:*:*)
            right=${wanted#*:}
            issue "$name" "$folder" --right "${right%%:*}" --role "${right#*:}"
            ;;
        *:*) issue "$name" "$folder" --right "${wanted#*:}" ;;
        *)
            printf 'netsiege: %s: write NAME:RIGHT or NAME:RIGHT:ROLE\n' "$wanted" >&2
            exit 2
            ;;
    esac
done
