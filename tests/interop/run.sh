#!/usr/bin/env bash
# Our nodes against nodes of the original runtime (tests/interop/rust), through our signaling server.
# Needs cargo and protoc, and our programs in ${ACTR_BUILD:-build}. Nothing leaves the machine but
# the download of the crates. The Rust build is kept in ${ACTR_INTEROP_CACHE:-/var/tmp/actr-interop}.
# With words as arguments: only the checks whose names have one of them.
#
# A check prints one line. One that fails says what was expected, what was seen, and where the logs
# of all programs are.
set -euo pipefail

cd "$(dirname "$0")/../.."
build=${ACTR_BUILD:-build}
bin=$build/bin
c=$build/tests/interop/interop_peer
export CARGO_TARGET_DIR=${ACTR_INTEROP_CACHE:-/var/tmp/actr-interop}/target
rust=$CARGO_TARGET_DIR/release/actr-interop-peer

# Build outside, then run all of it in one namespace: webrtc-rs has no candidates on loopback.
if [ "${1-}" != --inside ]; then
	manifest=tests/interop/rust/Cargo.toml
	skip() { echo "interop: skipped, $1" && exit 0; }
	command -v cargo >/dev/null || skip "there is no cargo: https://rustup.rs installs it"
	if ! cargo build --release --quiet --manifest-path $manifest; then
		cargo fetch --quiet --manifest-path $manifest || skip "the crates cannot be had"
		exit 1
	fi
	exec tools/netns-run "tests/interop/$(basename "$0")" --inside "$@"
fi
shift
only=("$@")

export RUST_LOG=${RUST_LOG:-warn}
passed=0 failed=0
logs=$(mktemp -d /tmp/actr-interop.XXXXXX)
declare -A pid_of in_of out_of ready_of # of the programs in the background, by name
finish() {
	for name in "${!pid_of[@]}"; do kill -TERM "${pid_of[$name]}" 2>/dev/null || true; done
	wait
	[ "$failed" -gt 0 ] || rm -rf "$logs"
}
trap finish EXIT

# start NAME COMMAND...: run it in the background; ${ready_of[NAME]} is what follows "ready". What it
# prints can be read from the descriptor ${out_of[NAME]}, what it is to read is written to ${in_of[NAME]}.
start() {
	local name=$1 word rest
	shift
	rm -f "$logs/$name.out" "$logs/$name.in"
	mkfifo "$logs/$name.out" "$logs/$name.in"
	exec {in}<>"$logs/$name.in" # both ends: writing never waits for a reader
	in_of[$name]=$in
	"$@" <&"$in" >"$logs/$name.out" 2>>"$logs/$name.err" &
	pid_of[$name]=$!
	exec {out}<"$logs/$name.out" # stays open, so that the program may go on printing
	out_of[$name]=$out
	if ! read -r -t 20 word rest <&"$out" || [ "$word" != ready ]; then
		echo "interop: $name does not get ready: $word $rest"
		tail -n 20 "$logs/$name.err"
		failed=1
		exit 1
	fi
	ready_of[$name]=$rest
}

forget() {
	local in=${in_of[$1]} out=${out_of[$1]}
	exec {in}<&- {out}<&-
	unset "pid_of[$1]"
}

# stop NAME [SIGNAL]: end it; prints how it ended when that was not in peace.
stop() {
	local pid=${pid_of[$1]} signal=${2-TERM} status=0
	kill "-$signal" "$pid" 2>/dev/null || true
	{
		timeout 10 tail -s 0.05 --pid="$pid" -f /dev/null || kill -KILL "$pid"
		wait "$pid" || status=$?
	} 2>/dev/null
	forget "$1"
	[ "$signal" = KILL ] || [ "$status" -eq 0 ] || wrong "$1 ended with status $status"
}

# end NAME: stop it, after the checks that used it.
end() {
	complaints=() began_us=${EPOCHREALTIME/[.,]/}
	stop "$1"
	[ "${#complaints[@]}" -eq 0 ] || verdict "$1: ends in peace" ""
}

# lines NAME COUNT WORD: the rest of its next COUNT lines that begin with WORD, on one line.
lines() {
	local word rest seen=() out=${out_of[$1]}
	while [ "${#seen[@]}" -lt "$2" ] && read -r -t 20 word rest <&"$out"; do
		[ "$word" != "$3" ] || seen+=("$rest")
	done
	echo "${seen[*]}"
}

# config NAME TYPE [LINES]: write the Actr.toml of a node and print its path.
config() {
	cat >"$logs/$1.toml" <<-TOML
		edition = 1
		[package]
		name = "$1"
		manufacturer = "acme"
		type = "$2"
		[system.signaling]
		url = "${ready_of[actrd]}"
		[system.deployment]
		realm = 101
		${3-}
	TOML
	echo "$logs/$1.toml"
}

# wanted NAME: whether this check is to run; begins it.
wanted() {
	local word
	complaints=() fields='' began_us=${EPOCHREALTIME/[.,]/}
	for word in "${only[@]}"; do
		[[ $1 != *"$word"* ]] || return 0
	done
	[ "${#only[@]}" -eq 0 ]
}

wrong() { complaints+=("$1"); }

# expect WHAT EXPECTED SEEN
expect() { [ "$2" = "$3" ] || wrong "$1: expected \`$2\`, seen \`$3\`"; }

# client FIELD-FILE COMMAND...: run it to its end; its complaints become the check's. Prints nothing.
client() {
	local file=$1 status=0 line
	shift
	timeout -k 5 60 "$@" >"$file.json" 2>"$file.err" </dev/null || status=$?
	fields=$(tail -n 1 "$file.json")
	while IFS= read -r line; do wrong "${line#interop: }"; done < <(grep '^interop: ' "$file.err")
	[ "$status" -eq 0 ] || [ "${#complaints[@]}" -gt 0 ] ||
		wrong "ended with status $status: $(tail -n 1 "$file.err")"
}

# finish_client NAME: let a started client go on, and wait for its end.
finish_client() {
	local line
	echo go >&"${in_of[$1]}"
	if read -r -t 60 line <&"${out_of[$1]}"; then fields=$line; else wrong "$1 does not end"; fi
	while IFS= read -r line; do wrong "${line#interop: }"; done < <(grep '^interop: ' "$logs/$1.err")
	wait "${pid_of[$1]}" || [ "${#complaints[@]}" -gt 0 ] || wrong "$1 ended with status $?"
	forget "$1"
	mv "$logs/$1.err" "$logs/$((passed + failed + 1))-$1-$RANDOM.err"
}

# verdict NAME FIELDS
verdict() {
	local ms=$(((${EPOCHREALTIME/[.,]/} - began_us) / 1000))
	if [ "${#complaints[@]}" -eq 0 ]; then
		passed=$((passed + 1))
		echo "ok   $1  ($ms ms)  $2"
		return
	fi
	failed=$((failed + 1))
	echo "FAIL $1  ($ms ms)  $2"
	printf '     %s\n' "${complaints[@]:0:12}"
	echo "     logs: $logs/*.err"
}

# check NAME COMMAND...: a client that is a check of its own.
check() {
	local name=$1
	shift
	wanted "$name" || return 0
	client "$logs/$((passed + failed + 1))-${name//[^a-zA-Z0-9]/-}" "$@"
	verdict "$name" "$fields"
}

# rust_check NAME MODE [OPTIONS], c_check NAME MODE [OPTIONS]
rust_check() { check "Rust client, C service: $1" "$rust" client "$rust_client" --mode "${@:2}"; }
c_check() { check "C client, Rust service: $1" "$c" client "$c_client" --mode "${@:2}"; }

start actrd "$bin/actrd" --dev --listen 127.0.0.1:0
rust_client=$(config rust-client InteropClient)
c_client=$(config c-client InteropClient)
rust_service=$(config rust-service EchoService)
c_service=$(config c-service EchoService)
durable=$(config durable-service EchoService "[system.storage]
mailbox_path = \"$logs/mailbox.db\"")

start c-service "$c" service "$c_service"
rust_check "discovery and identity" discover --expect "${ready_of[c-service]}"
for load in 0:1000 64:1000 4096:1000 61440:200; do
	rust_check "calls of ${load%:*} B" call --count "${load#*:}" --size "${load%:*}" --concurrency 16
done
rust_check "tells" tell --count 1000
rust_check "no answer to a tell on the wire" raw-tell --count 1000
rust_check "chunks" stream --count 1000 --size 1000
rust_check "chunks on lanes 2 and 3, by the wire" raw-stream --count 1000 --size 1000
rust_check "largest messages" large
rust_check "errors come at once" fail
rust_check "copies of a request" raw-duplicate
rust_check "media" media --count 100 --size 1432
end c-service

start rust-service "$rust" service "$rust_service"
c_check "discovery and identity" discover --expect "${ready_of[rust-service]}"
for load in 0:1000 64:1000 4096:1000 61440:200; do
	check "C client, Rust service: calls of ${load%:*} B" "$bin/echo_client" "$c_client" \
		--count "${load#*:}" --size "${load%:*}" --concurrency 16 --json
done
c_check "calls on the signal lane" signal --count 20
c_check "tells, and their answers" tell --count 1000
c_check "chunks, lane 2" stream --lane 2 --count 1000 --size 1000
c_check "chunks, lane 3" stream --lane 3 --count 1000 --size 1000
c_check "largest messages" large
c_check "media" media --count 100 --size 1432
c_check "no answer ends at the deadline" fail
c_check "a late answer" late
end rust-service

# A service dies, others start it anew: whoever calls it finds the new one.
name="C client, Rust service: killed and started anew"
if wanted "$name"; then
	start rust-service "$rust" service "$rust_service"
	start c-client "$c" client "$c_client" --mode restart
	stop rust-service KILL
	start rust-service "$rust" service "$rust_service"
	finish_client c-client
	stop rust-service
	verdict "$name" "$fields"
fi
name="Rust client, C service: killed and started anew"
if wanted "$name"; then
	start c-service "$c" service "$c_service"
	start rust-client "$rust" client "$rust_client" --mode restart
	stop c-service KILL
	start c-service "$c" service "$c_service"
	finish_client rust-client
	stop c-service
	verdict "$name" "$fields"
fi

# Both make their first call to the other at the same time: one connection, both are answered.
name="both ways: first calls at the same time"
if wanted "$name"; then
	start c-service "$c" service "$c_service"
	took=()
	for round in 1 2 3 4 5 6 7 8; do
		start rust-client "$rust" client "$rust_client" --mode glare
		echo "${ready_of[rust-client]}" >&"${in_of[c-service]}"
		echo go >&"${in_of[rust-client]}"
		seen=$(lines c-service 1 called)
		expect "round $round, our call" "glare" "${seen#* }"
		lines rust-client 1 ready >/dev/null
		finish_client rust-client
		took+=("C ${seen%% *} $fields")
	done
	stop c-service
	verdict "$name" "${took[*]}"
fi

# Requests that were not settled when the service died come again, in order; their callers get the
# answers of the second run, from an actor that they never asked.
name="Rust client, C service with a file: requests of a killed service come again"
if wanted "$name"; then
	held=40
	start c-service "$c" service "$durable"
	"$rust" client "$rust_client" --mode hold --count $held >"$logs/hold.out" 2>"$logs/hold.err" &
	caller=$!
	first=$(lines c-service $held held)
	stop c-service KILL
	start c-service "$c" service "$durable"
	expect "numbers that came again, in their order" "$first" "$(lines c-service $held again)"
	wait "$caller" || wrong "the caller ended with status $?"
	while IFS= read -r line; do wrong "${line#interop: }"; done < <(grep '^interop: ' "$logs/hold.err")
	stop c-service
	verdict "$name" "$(cat "$logs/hold.out")"
fi

echo "interop: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
