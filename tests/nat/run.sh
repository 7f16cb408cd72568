#!/usr/bin/env bash
# Nodes behind NATs, in network namespaces: run.sh BUILD [unittest's arguments]. Needs root, and installs
# nftables and coturn when they are missing. Skips with a word where namespaces cannot be made.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$1
shift
skip() { echo "nat: skipped, $1" && exit 0; }
[ "$(id -u)" = 0 ] || skip "only root makes networks"
unshare -mn true 2>/dev/null || skip "namespaces cannot be made here"
missing=()
command -v nft >/dev/null || missing+=(nftables)
command -v turnserver >/dev/null || missing+=(coturn)
[ ${#missing[@]} = 0 ] || DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
	"${missing[@]}" >/dev/null || skip "cannot install ${missing[*]}"
unshare -n sh -c 'ip link add one type veth peer name other &&
	echo "table ip n { chain c { type nat hook postrouting priority 100; masquerade random; }; }" | nft -f -' ||
	skip "this kernel has no veth or no masquerade"
# Their names are in a folder that nobody else sees and that goes with the last process.
exec unshare -mn --propagation private sh -c '
	mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns && exec "$@"' sh \
	"${PYTHON:-python3}" tests/nat/nat_test.py "$build/bin" "$@"
