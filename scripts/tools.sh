# What some tests want besides nginx; sourced by scripts/test. Without it they say SKIP.
# shellcheck shell=bash

axe_version=4.14.1

# live_tools: a browser, a player of films, PHP for examples of the book, what judges whether a page can be read by everybody,
# Prometheus's own checker, the libraries with which vendors sign, and MaxMind's own reader of databases.
live_tools() {
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    (need_packages chromium chromium-driver) || note "no browser"
    (need_packages ffmpeg) || note "no player"
    (need_packages php-cli) || note "no PHP"
    (need_packages mmdb-bin python3) || note "no mmdblookup"
    promtool || note "no promtool"
  fi
  axe || note "no axe-core"
  signers || note "no libraries of signers"
}

# Of the package, which is a server with a web page, one program is wanted.
promtool() {
  local dir=$build/prometheus
  [ ! -x "$dir/usr/bin/promtool" ] || return 0
  mkdir -p "$dir" && chmod 755 "$dir" &&
    (cd "$dir" && quiet promtool-fetch apt-get download -q prometheus &&
      dpkg --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool && rm -f prometheus_*.deb)
}

signers() {
  local signer="@aws-sdk/cloudfront-signer"
  [ -e "$build/python/akamai" ] || { command -v python3 >/dev/null &&
    quiet signer-akamai python3 -m pip install --no-deps --target "$build/python" akamai-edgeauth==0.3.2; } || return
  # Each alone, so that where one cannot be had the others are still there.
  [ -e "$build/python/jwt" ] || { command -v python3 >/dev/null &&
    quiet signer-jwt python3 -m pip install --target "$build/python" "pyjwt[crypto]==2.15.1"; } || note "no PyJWT"
  [ -e "$build/python/cwt" ] || { command -v python3 >/dev/null &&
    quiet signer-cat python3 -m pip install --target "$build/python" cwt==3.3.0; } || note "no cwt"
  [ -e "$build/node/node_modules/$signer" ] || { command -v npm >/dev/null &&
    quiet signer-cloudfront npm install --prefix "$build/node" --ignore-scripts --no-audit --no-fund "$signer@3.1166.0"; }
}

axe() {
  [ ! -e "$build/axe/node_modules/axe-core/axe.min.js" ] || return 0
  command -v npm >/dev/null &&
    quiet axe npm install --prefix "$build/axe" --ignore-scripts --no-audit --no-fund "axe-core@$axe_version"
}
