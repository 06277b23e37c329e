# Shared by the scripts beside it; to be sourced by bash.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/build
me=scripts/$(basename "$0")
target_base=${CARGO_TARGET_DIR:-$root/target}
module=ngx_http_gatehouse_module

note() { printf '%s: %s\n' "$me" "$*" >&2; }
die() { note "$*"; exit 1; }

# usage TEXT: the words of --help are the comment at a script's head.
usage() { sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"; }

# quiet LOG COMMAND…: its output goes to build/log/LOG.log; the end of it is shown when it fails.
quiet() {
  local log=$build/log/$1.log
  shift
  mkdir -p "$build/log"
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 25 "$log" >&2
    return 1
  fi
}

# need_packages NAME…: Debian packages; installed when root, else named in one line. Systems
# without dpkg bring their own.
need_packages() {
  command -v dpkg-query >/dev/null || return 0
  local name missing=() installed
  # shellcheck disable=SC2016 # the format is dpkg's
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)
  for name in "$@"; do
    grep -qx "installed $name" <<<"$installed" || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" = 0 ] || die "missing packages: ${missing[*]} (apt-get install ${missing[*]})"
  note "installing ${missing[*]}"
  install_packages "${missing[@]}" || die "cannot install packages: ${missing[*]}"
}

# A package that brings a daemon (nginx, docker.io) must not start it: policy-rc.d says so
# while we install, and is removed after unless it was there before. A fresh machine often installs its
# updates in its first minutes: that is waited for.
install_packages() {
  local policy=/usr/sbin/policy-rc.d ours=0 rc=0
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
    ours=1
  fi
  export DEBIAN_FRONTEND=noninteractive
  { quiet apt-update apt-get update &&
    quiet apt-install apt-get -o DPkg::Lock::Timeout=600 install -y --no-install-recommends "$@"; } || rc=1
  [ $ours = 0 ] || rm -f $policy
  return $rc
}

# need_build_packages [NAME…]: what compiling takes, and more. Where there is no cargo at all, the
# newest toolchain Debian has serves (packaged there to build browsers).
need_build_packages() {
  local packages=(ca-certificates gcc libc6-dev libclang-dev libpcre2-dev libssl-dev make
    pkg-config zlib1g-dev)
  command -v cargo >/dev/null || packages+=(cargo-web rustc-web)
  need_packages "${packages[@]}" "$@"
  command -v cargo >/dev/null || die "no cargo (https://rustup.rs)"
}

# The mirror apt uses for Debian, without a slash at its end.
debian_mirror() {
  local url
  # shellcheck disable=SC2016 # the format is apt's
  url=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' \
    2>/dev/null | grep -v security | head -n 1) || true
  [ -n "$url" ] || die "apt knows no mirror of Debian"
  echo "${url%/}"
}

# nginx_version DIR: the version a source tree says it has.
nginx_version() {
  sed -n 's/^#define NGINX_VERSION *"\(.*\)"/\1/p' "$1/src/core/nginx.h"
}

# with_lock NAME COMMAND…: two scripts may want the same thing built at the same time.
with_lock() {
  local lock=$build/.lock-$1
  shift
  mkdir -p "$build" && [ -w "$build" ] || die "cannot write to $build"
  (flock 9 && "$@") 9>"$lock"
}
