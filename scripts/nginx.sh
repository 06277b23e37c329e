# Where nginx comes from and how it is compiled; sourced by scripts/build.
# shellcheck shell=bash

# Debian's upstream tarballs: version, sha256. The archive keeps what a suite ships:
# 1.22.1 bookworm, 1.26.3 trixie, 1.30.6 forky and sid at the time of writing.
debian_sources="
1.22.1 9ebb333a9e82b952acd3e2b4aeb1d4ff6406f72491bab6cd9fe69f0dea737f31
1.26.3 69ee2b237744036e61d24b836668aad3040dda461fe6f570f1787eab570c75aa
1.30.6 3cf46f5ed7504d460125866b7bea99fb357f31d887e2e63b35503310e9b8b6c8
"

# The source in the crate that scripts/nginx-source pins.
crate_version=1.28.3

# unpack_source VERSION SOURCE: leaves the tree in build/src/nginx-VERSION. SOURCE is empty, a
# directory or a tarball; a tree of the user's is taken again when it has changed.
unpack_source() {
  local version=$1 from=$2 dir=$build/src/nginx-$1 id=pinned
  [ -z "$from" ] || id="$from $(find "$from" -type f -printf '%T@\n' | sort -n | tail -n 1)"
  [ "$(cat "$dir/.source" 2>/dev/null)" != "$id" ] || return 0
  mkdir -p "$build/src"
  if [ -z "$from" ] && [ "$version" = $crate_version ]; then
    from=$(crate_source)
  elif [ -z "$from" ]; then
    from=$(debian_tarball "$version")
  fi
  rm -rf "$dir" "$dir.new"
  mkdir "$dir.new"
  if [ -d "$from" ]; then
    tar -C "$from" --exclude=./objs -c . | tar -C "$dir.new" --no-same-owner -x
  else
    tar -C "$dir.new" --no-same-owner --strip-components=1 -xf "$from"
  fi
  [ "$(nginx_version "$dir.new")" = "$version" ] || die "$from is not nginx $version"
  echo "$id" >"$dir.new/.source"
  mv "$dir.new" "$dir"
}

# The directory of the fetched crate's nginx tree; cargo verifies it against the lock file.
crate_source() {
  local manifest=$root/scripts/nginx-source/Cargo.toml target crate
  target=$(rustc -vV | sed -n 's/^host: //p')
  quiet nginx-source cargo fetch --locked --target "$target" --manifest-path "$manifest" ||
    die "cannot fetch the source of nginx $crate_version"
  crate=$(cargo metadata --locked --offline --format-version 1 --filter-platform "$target" \
    --manifest-path "$manifest" | grep -o '"manifest_path":"[^"]*/nginx-src[^"/]*/Cargo.toml"' |
    cut -d'"' -f4)
  [ -n "$crate" ] || die "cargo does not know where nginx-src is"
  echo "$(dirname "$crate")/nginx"
}

# Downloads Debian's tarball from the mirror apt uses, with apt's own settings, by checksum.
debian_tarball() {
  local version=$1 sum file=$build/src/nginx_$1.orig.tar.gz
  sum=$(sed -n "s/^$version //p" <<<"$debian_sources")
  [ -n "$sum" ] || die "no source known for nginx $version (use --source DIR|FILE)"
  quiet nginx-download /usr/lib/apt/apt-helper download-file \
    "$(debian_mirror)/pool/main/n/nginx/nginx_$version.orig.tar.gz" "$file" "SHA256:$sum" ||
    die "nginx $version is not in the archive any more, or has changed (use --source DIR|FILE)"
  echo "$file"
}

# up_to_date PREFIX STAMP OBJS: it was made in this way, and cargo finds the headers it made.
up_to_date() {
  [ "$(cat "$1/.stamp" 2>/dev/null)" = "$2" ] && [ -x "$1/sbin/nginx" ] &&
    [ -e "$3/ngx_auto_config.h" ]
}

# configure_of DIR: a release has it at the top, a checkout does not.
configure_of() { if [ -e "$1/configure" ]; then echo configure; else echo auto/configure; fi; }

# compile_nginx VERSION FLAVOUR: build/src/nginx-VERSION -> build/nginx-VERSION[-FLAVOUR].
compile_nginx() {
  local src=$build/src/nginx-$1 objs=objs${2:+-$2} prefix=$build/nginx-$1${2:+-$2}
  local cc_opt='-O2 -g -Wno-error' ld_opt='' args stamp
  case $2 in
    debug | stream) cc_opt='-O0 -g -Wno-error' ;;
    asan)
      cc_opt='-O1 -g -Wno-error -fno-omit-frame-pointer -fsanitize=address -DNGX_DEBUG_PALLOC=1'
      ld_opt='-fsanitize=address'
      ;;
  esac
  args=(
    "--prefix=$prefix" "--builddir=$objs" --with-compat
    "--with-cc-opt=$cc_opt" "--with-ld-opt=$ld_opt"
    --with-stream --with-stream_ssl_module --with-stream_ssl_preread_module
  )
  case $2 in
    stream) args+=(--without-http) ;;
    *)
      args+=(
        --with-http_ssl_module --with-http_v2_module --with-http_realip_module
        --with-http_auth_request_module --with-http_secure_link_module --with-http_sub_module
        --with-http_stub_status_module --with-http_slice_module
      )
      ;;
  esac
  [ "$2" != debug ] || args+=(--with-debug)
  stamp="$(cat "$src/.source") ${args[*]}"
  up_to_date "$prefix" "$stamp" "$src/$objs" && return
  note "compiling nginx $1${2:+ ($2)}"
  rm -f "$prefix/.stamp"
  # The leak checker would fail configure's own test programs.
  export ASAN_OPTIONS=detect_leaks=0
  (cd "$src" &&
    quiet "nginx-$1-configure" sh "$(configure_of .)" "${args[@]}" &&
    quiet "nginx-$1-make" make -f "$objs/Makefile" -j "$(nproc)" &&
    quiet "nginx-$1-install" make -f "$objs/Makefile" install) ||
    die "cannot compile nginx $1 (see build/log/)"
  echo "$stamp" >"$prefix/.stamp"
}

# Debian's own nginx: its headers and configure flags are in nginx-dev; only configure runs, in
# a copy, as nginx-sys wants the Makefile and ngx_auto_config.h.
prepare_system() {
  local headers=/usr/share/nginx/src src=$build/src/nginx-system prefix=$build/nginx-system stamp
  [ -x /usr/sbin/nginx ] && [ -e $headers/conf_flags ] ||
    die "no /usr/sbin/nginx with $headers (Debian's nginx and nginx-dev)"
  stamp=$(/usr/sbin/nginx -V 2>&1; stat -c %Y $headers/conf_flags)
  up_to_date "$prefix" "$stamp" "$src/objs" && return
  rm -rf "$src" "$prefix"
  mkdir -p "$src" "$prefix/sbin"
  tar -C $headers -c . | tar -C "$src" --no-same-owner -x
  (cd "$src" && quiet nginx-system-configure bash -c \
    'source ./conf_flags && sh ./configure "${NGX_CONF_FLAGS[@]}" --builddir=objs') ||
    die "cannot configure Debian's nginx sources (see build/log/)"
  ln -s /usr/sbin/nginx "$prefix/sbin/nginx"
  echo "$stamp" >"$prefix/.stamp"
}
