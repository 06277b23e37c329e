# Other people's modules, to be measured beside ours; sourced by scripts/bench.
# shellcheck shell=bash

# What Debian 12 packages as source: module, version, sha256 of the upstream tarball.
peer_sources="
ndk 0.3.2 aa961eafb8317e0eb8da37eb6e2c9ff42267edd18b56947384e719b85188f58b
set-misc 0.33 cd5e2cc834bcfa30149e7511f2b5a2183baf0b70dc091af717a89a64e44a2985
geoip2 3.4 ad72fc23348d715a330994984531fab9b3606e160483236737f9a4a6957d9452
"

# unpack_peer NAME: downloads its tarball when it is not there, and leaves the tree in
# build/src/peer-NAME.
unpack_peer() {
  local version sum package=libnginx-mod-http-$1 dir=$build/src/peer-$1 file
  read -r version sum <<<"$(sed -n "s/^$1 //p" <<<"$peer_sources")"
  file=$build/src/$package-$version.tar.gz
  [ ! -e "$dir/config" ] || return 0
  mkdir -p "$build/src"
  quiet "peer-$1-download" /usr/lib/apt/apt-helper download-file \
    "$(debian_mirror)/pool/main/libn/$package/${package}_$version.orig.tar.gz" "$file" \
    "SHA256:$sum" || return 1
  rm -rf "$dir"
  mkdir "$dir"
  tar -C "$dir" --no-same-owner --strip-components=1 -xf "$file"
}

# build_peers VERSION: compiles them for the nginx in build/nginx-VERSION, with its own flags, into
# build/nginx-VERSION/peers. Says why when one is left out; the bench skips its rows.
build_peers() {
  local src=$build/src/nginx-$1 prefix=$build/nginx-$1 out=$build/nginx-$1/peers
  local stamp added=() args=()
  unpack_peer ndk && unpack_peer set-misc &&
    added+=("--add-dynamic-module=$build/src/peer-ndk" "--add-dynamic-module=$build/src/peer-set-misc") ||
    note "no set-misc: its source cannot be fetched"
  if ! pkg-config --exists libmaxminddb; then
    note "no geoip2: it needs libmaxminddb-dev"
  elif unpack_peer geoip2; then
    added+=("--add-dynamic-module=$build/src/peer-geoip2")
  else
    note "no geoip2: its source cannot be fetched"
  fi
  stamp="$(cat "$prefix/.stamp") ${added[*]}"
  [ "$(cat "$out/.stamp" 2>/dev/null)" != "$stamp" ] || return 0
  rm -rf "$out" "$src/objs-peers"
  mkdir "$out"
  [ ${#added[@]} -gt 0 ] || return 0
  eval "args=($("$prefix/sbin/nginx" -V 2>&1 | sed -n 's/^configure arguments: //p'))"
  (cd "$src" &&
    quiet peers-configure sh "$(configure_of .)" "${args[@]}" --builddir=objs-peers "${added[@]}" &&
    quiet peers-make make -f objs-peers/Makefile -j "$(nproc)" modules &&
    cp objs-peers/*.so "$out/") || { note "no peers: they do not compile (see build/log/)"; return 0; }
  echo "$stamp" >"$out/.stamp"
}
