#!/usr/bin/env bash
# Several hosts on this one machine, to test what starts over ssh: as root, in namespaces of their own. Hosts
# h1..hN share files and cores; each has its own network, host name, shared memory and sshd. The machine's own
# network is left alone. Exit code 77: namespaces cannot be made here, nothing was done.
set -euo pipefail
umask 022
usage="usage: scripts/testbed.sh COMMAND
  up N             make the hosts h1..hN (at most 99) anew
  down             kill all that runs on the hosts and remove every trace
  exec HOST CMD... run a command on a host, in this folder and environment; its ssh knows the hosts
  cut HOST         pull the network cable of a host
  join HOST        plug it in again
  kill HOST        kill every process on a host at once, except its sshd"
state=/run/fedmpi-testbed
subnet=10.77.0
hub=fedmpi-hub
may_run_as_root=(OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    PRTE_ALLOW_RUN_AS_ROOT=1 PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1)
die() { echo "$*" >&2; exit 1; }
skip() { echo "testbed: skipped: $*" >&2; exit 77; }

need_programs() {
    command -v ip >/dev/null && command -v ssh >/dev/null && [ -x /usr/sbin/sshd ] && return
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends openssh-server openssh-client iproute2; } \
        >/dev/null 2>&1 || skip "ip, ssh or sshd is missing and cannot be installed"
}

# A bridge in a namespace to itself: the switch of the hosts.
make_hub() {
    ip netns add "$hub" 2>/dev/null || skip "ip netns does not work here"
    ip -n "$hub" link add bridge up type bridge 2>/dev/null || { down; skip "this kernel has no bridge"; }
}

write_settings() {
    local ssh
    ssh=$(command -v ssh)
    mkdir -p "$state/bin" /run/sshd
    ssh-keygen -q -t ed25519 -N '' -f "$state/key"
    ssh-keygen -q -t ed25519 -N '' -f "$state/host_key"
    { echo "127.0.0.1 localhost" && for n in $(seq "$1"); do echo "$subnet.$n h$n"; done; } >"$state/hosts"
    printf '%s\n' "User root" "IdentityFile $state/key" "IdentitiesOnly yes" "StrictHostKeyChecking no" \
        "UserKnownHostsFile /dev/null" "LogLevel ERROR" "ConnectTimeout 5" >"$state/ssh_config"
    printf '%s\n' "#!/bin/sh" "exec $ssh -F $state/ssh_config \"\$@\"" >"$state/bin/ssh"
    chmod +x "$state/bin/ssh"
}

make_host() {
    local host=h$1 address=$subnet.$1
    # First the folder, by which `down` finds what there is.
    mkdir "$state/$host"
    ip netns add "$host"
    ip -n "$hub" link add "$host" up master bridge type veth peer name eth0 netns "$host"
    ip -n "$host" address add "$address/24" dev eth0
    ip -n "$host" link set lo up
    ip -n "$host" link set eth0 up
    printf '%s\n' "ListenAddress $address" "HostKey $state/host_key" "PidFile $state/$host/pid" \
        "AuthorizedKeysFile $state/key.pub" "AuthenticationMethods publickey" "UsePAM no" \
        "SetEnv PATH=$state/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin ${may_run_as_root[*]}" \
        >"$state/$host/sshd_config"
    ip netns exec "$host" unshare --uts --ipc --mount bash -euc "
        hostname $host
        mount --bind $state/hosts /etc/hosts
        mount -t tmpfs tmpfs /dev/shm
        /usr/sbin/sshd -f $state/$host/sshd_config -E $state/$host/log"
    for _ in $(seq 50); do
        [ -s "$state/$host/pid" ] && return
        sleep 0.1
    done
    die "testbed: the sshd of $host does not start: $(tail -n 3 "$state/$host/log")"
}

up() {
    [[ $1 =~ ^[1-9][0-9]?$ ]] || die "$usage"
    need_programs
    down
    make_hub
    write_settings "$1"
    for n in $(seq "$1"); do make_host "$n"; done
}

down() {
    local folder host
    for folder in "$state"/h[1-9] "$state"/h[1-9][0-9]; do
        host=${folder##*/}
        [ -d "$folder" ] || continue
        while [ -n "$(ip netns pids "$host" 2>/dev/null)" ]; do kill_on "$host"; done
        ip netns delete "$host" 2>/dev/null || true
    done
    ip netns delete "$hub" 2>/dev/null || true
    rm -rf "$state"
    # ip leaves its mount behind; others may have namespaces in it.
    [ -n "$(ip netns list)" ] || { umount /run/netns && rmdir /run/netns; } 2>/dev/null || true
}

# usage: kill_on HOST [PID TO SPARE]
kill_on() { ip netns pids "$1" | grep -vx "${2:-0}" | xargs -r kill -9 2>/dev/null || true; }

# The sshd of a host stands for its namespaces. A number left over from before a reboot is a stranger's.
sshd_of() {
    local pid
    pid=$(cat "$state/$1/pid" 2>/dev/null) && [ "$(ip netns identify "$pid" 2>/dev/null)" = "$1" ] ||
        die "testbed: host $1 is not up (hint: scripts/testbed.sh up N)"
    echo "$pid"
}

[[ "${1:-} $#" =~ ^(up 2|down 1|(cut|join|kill) 2|exec ([3-9]|[1-9][0-9]+))$ ]] || die "$usage"
[ "$(id -u)" = 0 ] || skip "this needs root"
case "$1" in
up | down) "$@"; exit ;;
esac
pid=$(sshd_of "$2")
case "$1" in
exec) exec nsenter --target "$pid" --net --uts --ipc --mount \
    env -C "$PWD" PATH="$state/bin:$PATH" "${may_run_as_root[@]}" "${@:3}" ;;
cut) ip -n "$hub" link set "$2" down ;;
join) ip -n "$hub" link set "$2" up ;;
kill) kill_on "$2" "$pid" ;;
esac
