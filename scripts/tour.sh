# The tour of scripts/run; sourced by it.
# shellcheck shell=bash

failed=0

# The companion program, and the test runner for its backends.
tools() {
  cargo build --locked --release -p gatehouse-cli --target-dir "$target_base/nginx-1.28.3" || return
  [ -n "${NGINX_PROVE:-}" ] || cargo build --locked -p nginx-prove
}

# Two servers that answer with their name and the request they got, and echo WebSocket messages.
# They choose free ports and say them in a file.
start_backends() {
  "$prove" backend one two >"$prefix/ports" 2>"$prefix/backends.log" </dev/null &
  backends=$!
  wait_for backends_ready || die "the backends do not start: $(cat "$prefix/backends.log")"
  port_one=$(awk '$1 == "one" {print $2}' "$prefix/ports")
  port_two=$(awk '$1 == "two" {print $2}' "$prefix/ports")
}

backends_ready() { [ "$(wc -l <"$prefix/ports")" = 2 ]; }

# What an operator would have in /etc/nginx: the configuration, a key, a table, a database.
prepare() {
  local conf=$prefix/conf
  mkdir -p "$prefix/logs" "$conf/keys"
  ln -s "$nginx_dir/modules" "$prefix/modules"
  port=$(free_port)
  sed "s/listen 8080;/listen 127.0.0.1:$port;/" nginx-conf/quickstart.conf >"$conf/quickstart.conf"
  routes "$port_one" "$port_two"
  (umask 077 && head -c 32 /dev/urandom | base64 >"$conf/keys/video.key")
  "$gatehouse" geoip make nginx-conf/countries.csv "$conf/country.mmdb"
}

# routes PORT_OF_ONE PORT_OF_TWO: the table, replaced in one step as an editor does.
routes() {
  sed "s/:3001/:$1/; s/:3002/:$2/" nginx-conf/apps.json >"$prefix/conf/apps.json.new"
  mv "$prefix/conf/apps.json.new" "$prefix/conf/apps.json"
}

# 8080, or the next port on which nobody listens.
free_port() {
  local port
  for ((port = 8080; port < 8180; port++)); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
  die "no free port from 8080 to 8179"
}

start_nginx() {
  local globals='daemon off;'
  # The workers read the table again: as another user they may not reach this directory.
  [ "$(id -u)" != 0 ] || globals+=' user root;'
  "$nginx_dir/sbin/nginx" -p "$prefix" -c conf/quickstart.conf -e logs/error.log -g "$globals" \
    >"$prefix/logs/start.log" 2>&1 </dev/null &
  master=$!
  wait_for listening || die "nginx does not start: $(cat "$prefix/logs/start.log")"
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }

# Ends what this script has started, and only that.
stop() {
  [ -z "$master" ] || { kill -QUIT "$master" 2>/dev/null && wait "$master"; } || true
  [ -z "$backends" ] || { kill "$backends" 2>/dev/null && wait "$backends" 2>/dev/null; } || true
  rm -rf "$prefix"
}

# wait_for COMMAND…: asks again until it succeeds, for five seconds.
wait_for() {
  local tries
  for ((tries = 0; tries < 100; tries++)); do
    ! "$@" || return 0
    sleep 0.05
  done
  return 1
}

# get URL HEADER…: the status and, of a 200, the first line: the backend's name.
get() {
  local url=$1 args=() header answer
  shift
  for header in "$@"; do args+=(-H "$header"); done
  answer=$(curl -s -m 5 -w '\n%{http_code}' "${args[@]}" "http://127.0.0.1:$port$url") || true
  case $answer in
    *$'\n'200) echo "200 ${answer%%$'\n'*}" ;;
    *) echo "${answer##*$'\n'}" ;;
  esac
}

# header NAME URL: what the backend got in that header.
header() {
  curl -s -m 5 -H 'Host: one.test' "http://127.0.0.1:$port$2" | tr -d '\r' | sed -n "s/^$1: //p"
}

# websocket HOST TEXT: the status of the handshake and what came back. One masked frame (the mask is
# zero) and a close; RFC 6455 section 5.2.
websocket() {
  local text=$2 size
  exec 3<>"/dev/tcp/127.0.0.1/$port"
  printf 'GET /chat HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' "$1" >&3
  printf 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: Z2F0ZWhvdXNlLWdhdGVob3U=\r\n\r\n' >&3
  size=$(printf '%02x' $((128 + ${#text})))
  printf '\x81\x'"$size"'\0\0\0\0%s\x88\x80\0\0\0\0' "$text" >&3
  # The status, and the text of the first frame behind the head.
  timeout 5 cat <&3 | LC_ALL=C sed -n '1s/^HTTP.1.1 \([0-9]*\).*/\1/p; $s/^\x81.\([a-z]*\).*/ \1/p' |
    tr -d '\n'
  exec 3<&-
}

# show WHAT EXPECTED ACTUAL
show() {
  printf '%-62s → %s\n' "$1" "$3"
  [ "$2" = "$3" ] && return
  printf '%-62s   expected: %s\n' '' "$2"
  failed=1
}

served_by() { [ "$(get / "Host: $1")" = "200 name=$2" ]; }

tour() {
  local link=/video/a.mp4 in_france='X-Forwarded-For: 192.0.2.1' in_us='X-Forwarded-For: 198.51.100.1'
  local one='Host: one.test' signed started seconds
  signed=$("$gatehouse" token sign --format scalesimple --key-file "$prefix/conf/keys/video.key" \
    --expires "$(($(date +%s) + 60))" --url "$link")

  printf '\nnginx-conf/quickstart.conf on http://127.0.0.1:%s\n\n' "$port"
  show "one.test, a host in the table" "200 name=one" "$(get / "$one")"
  show "two.test, another" "200 name=two" "$(get / 'Host: two.test')"
  show "unknown.test, in no route" "404" "$(get / 'Host: unknown.test')"
  show "one.test$link without a token" "403" "$(get "$link" "$one" "$in_france")"
  show "  with the link that \"gatehouse token sign\" makes" "200 name=one" \
    "$(get "$signed" "$one" "$in_france")"
  show "  the same link for another film" "403" "$(get "${signed/a.mp4/b.mp4}" "$one" "$in_france")"
  show "  the same link from a country without a licence (US)" "403" \
    "$(get "$signed" "$one" "$in_us")"
  show "?user=u7&item=i42&size=xl, the backend gets X-MD5" \
    "$(printf %s u7:i42:xl | md5sum | cut -d' ' -f1)" \
    "$(header X-MD5 '/?user=u7&item=i42&size=xl')"
  show "a WebSocket to one.test that says \"hello\"" "101 hello" "$(websocket one.test hello)"

  routes "$port_two" "$port_one"
  started=$(date +%s%N)
  wait_for served_by one.test two || true
  seconds=$(awk -v ns=$(($(date +%s%N) - started)) 'BEGIN {printf "%.1f", ns / 1e9}')
  show "apps.json edited: one.test after $seconds s, nothing reloaded" "200 name=two" "$(get / "$one")"
}
