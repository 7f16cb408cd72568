#!/usr/bin/env bash
# Our nodes against nodes of the original runtime (tests/interop/rust), through our signaling server.
# Needs cargo and protoc, and our programs in ${ACTR_BUILD:-build}/bin. Nothing leaves the machine but
# the download of the crates. The Rust build is kept in ${ACTR_INTEROP_CACHE:-/var/tmp/actr-interop}.
set -euo pipefail

cd "$(dirname "$0")/../.."
bin=${ACTR_BUILD:-build}/bin
export CARGO_TARGET_DIR=${ACTR_INTEROP_CACHE:-/var/tmp/actr-interop}/target
rust=$CARGO_TARGET_DIR/release/actr-interop-peer

# Build outside, then run all of it in one namespace: webrtc-rs has no candidates on loopback.
if [ "${1-}" != --inside ]; then
	cargo build --release --quiet --manifest-path tests/interop/rust/Cargo.toml
	exec tools/netns-run "tests/interop/$(basename "$0")" --inside
fi

export RUST_LOG=${RUST_LOG:-warn}
calls=1000 at_once=16 passed=0 failed=0
tmp=$(mktemp -d)
running=()
finish() {
	for pid in "${running[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
	wait
	rm -rf "$tmp"
}
trap finish EXIT

# start NAME COMMAND...: run it in the background until stopped; $ready is what follows "ready".
start() {
	local name=$1 word
	shift
	mkfifo "$tmp/$name.out"
	timeout -k 5 600 "$@" >"$tmp/$name.out" 2>"$tmp/$name.err" &
	running+=($!)
	exec {out}<"$tmp/$name.out" # stays open, so that the program may go on printing
	if ! read -r -t 20 word ready <&"$out" || [ "$word" != ready ]; then
		echo "$name does not get ready"
		tail -n 20 "$tmp/$name.err"
		exit 1
	fi
}

# stop: end what was started last.
stop() {
	local pid=${running[-1]}
	unset 'running[-1]'
	kill -TERM "$pid" 2>/dev/null || true
	wait "$pid" || echo "the service ended with status $?"
}

# config NAME TYPE: write the Actr.toml of a node and print its path.
config() {
	cat >"$tmp/$1.toml" <<-TOML
		edition = 1
		[package]
		name = "$1"
		manufacturer = "acme"
		type = "$2"
		[system.signaling]
		url = "$url"
		[system.deployment]
		realm = 101
	TOML
	echo "$tmp/$1.toml"
}

# expect NAME COMMAND...: one case; passes when the command does and reports no errors.
expect() {
	local name=$1 line
	shift
	if line=$(timeout 60 "$@" 2>"$tmp/case.err") && [[ ! $line =~ \"errors\":\ *[1-9] ]]; then
		passed=$((passed + 1))
		echo "ok   $name  $line"
	else
		failed=$((failed + 1))
		echo "FAIL $name  $line"
		tail -n 20 "$tmp/case.err"
	fi
}

start actrd "$bin/actrd" --dev --listen 127.0.0.1:0
url=$ready

start c-service "$bin/echo_service" "$(config c-service EchoService)"
for size in 0 64 4096 61440; do
	expect "Rust client, C service, $size B" "$rust" client "$(config rust-client InteropClient)" \
		--count "$calls" --size "$size" --concurrency "$at_once"
done
stop

start rust-service "$rust" service "$(config rust-service EchoService)"
for size in 0 64 4096 61440; do
	expect "C client, Rust service, $size B" "$bin/echo_client" "$(config c-client InteropClient)" \
		--count "$calls" --size "$size" --concurrency "$at_once" --json
done
stop

echo "interop: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
