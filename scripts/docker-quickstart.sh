# Runs inside the server image beside its nginx: asks the quickstart over HTTP and WebSocket, with
# a backend of its own, and closes with "N passed, N failed, N skipped".
# shellcheck shell=bash
set -u

# The backend of one.test: names itself, and after an upgrade returns every byte.
perl -MIO::Socket::INET -e '
  my $listener = IO::Socket::INET->new(LocalAddr => "127.0.0.1:3001", Listen => 9, ReuseAddr => 1) or die;
  $SIG{CHLD} = "IGNORE";
  while (my $client = $listener->accept) {
    next if fork;
    my ($head, $bytes) = ("", "");
    until ($head =~ /\r\n\r\n/) {
      sysread $client, $head, 4096, length $head or exit;
    }
    if ($head =~ /^Upgrade: websocket/mi) {
      syswrite $client, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n";
      syswrite $client, $bytes while sysread $client, $bytes, 4096;
    } else {
      my ($md5) = $head =~ /^X-MD5: (\w+)/mi;
      my $body = "name=one md5=$md5\n";
      syswrite $client, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
    }
    exit;
  }' &
backend=$!
trap 'kill $backend' EXIT

passed=0 failed=0

# expect NAME WANTED GOT: WANTED is a pattern of the shell's.
expect() {
  # shellcheck disable=SC2053 # a pattern it is
  if [[ $3 == $2 ]]; then
    passed=$((passed + 1))
    echo "ok - $1"
  else
    failed=$((failed + 1))
    echo "not ok - $1: $3"
  fi
}

# ask HOST PATH [HEADER…]: the whole answer.
ask() {
  local host=$1 path=$2 header
  shift 2
  exec 3<>/dev/tcp/127.0.0.1/8080 || return
  {
    printf 'GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n' "$path" "$host"
    for header in "$@"; do printf '%s\r\n' "$header"; done
    printf '\r\n'
  } >&3
  timeout 5 cat <&3
  exec 3>&-
}

# websocket: upgrades, sends one masked text frame "hello" and reads it back.
websocket() {
  local line frame='\x81\x85\x01\x02\x03\x04\x69\x67\x6f\x68\x6e'
  exec 3<>/dev/tcp/127.0.0.1/8080 || return
  printf 'GET /chat HTTP/1.1\r\nHost: one.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n' >&3
  while IFS= read -r -t 5 line <&3 && [ "$line" != $'\r' ]; do printf '%s ' "${line%$'\r'}"; done
  # shellcheck disable=SC2059 # the escapes are meant
  printf "$frame" >&3
  timeout 5 head -c 11 <&3 | od -An -tx1 -v | tr -d '\n'
  exec 3>&-
}

for ((tries = 0; tries < 100; tries++)); do
  (exec 3<>/dev/tcp/127.0.0.1/8080 && exec 3<>/dev/tcp/127.0.0.1/3001) 2>/dev/null && break
  sleep 0.1
done

link='/video/a.mp4?ss_token=704e896a59f2ed1b3980289881c7e9de&ss_expiration=4000000000'
expect "a host in the table" '* 200 *name=one*' "$(ask one.test /)"
expect "an unknown host" '* 404 *' "$(ask unknown.test /)"
expect "the MD5 header" '*md5=55e656546b07e0c6a3c62b5832d59325*' \
  "$(ask one.test '/?user=u7&item=i42&size=xl')"
expect "no token" '* 403 *' "$(ask one.test /video/a.mp4 'X-Forwarded-For: 192.0.2.1')"
expect "a token" '* 200 *name=one*' "$(ask one.test "$link" 'X-Forwarded-For: 192.0.2.1')"
expect "another country" '* 403 *' "$(ask one.test "$link" 'X-Forwarded-For: 198.51.100.1')"
expect "a WebSocket" '* 101 * 81 85 01 02 03 04 69 67 6f 68 6e' "$(websocket)"
expect "not root" '[1-9]*' "$(id -u)"

echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
