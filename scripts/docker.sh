# The image's tests; sourced by scripts/test for --docker.
# shellcheck shell=bash

docker_dir=$build/docker
base_image=debian:bookworm-slim
own_base=gatehouse-base:bookworm

docker_steps() {
  local reason
  if ! reason=$(engine_missing); then
    skip "docker" "$reason"
    return
  fi
  trap stop_engine EXIT
  if ! start_engine || ! find_base; then
    skip "docker" "$why"
    return
  fi
  command -v cargo >/dev/null || need_packages cargo-web rustc-web
  check "build context" make_context
  suite "t/ in the build image" image_tests
  check "server image" quiet docker-image docker build --network=host -t gatehouse \
    --build-arg "BASE=$base" "$docker_dir/context"
  suite "t/ on the server image" server_tests
  suite "the server image as it starts" quickstart
}

# Fails with the reason when there is neither a running engine nor a way to start one.
engine_missing() {
  ! command -v docker >/dev/null || ! docker info >/dev/null 2>&1 || return 0
  [ "$(id -u)" = 0 ] || { echo "no Docker engine answers, and only root can start one"; return 1; }
  command -v apt-get >/dev/null || { echo "no Docker engine answers, and this is no Debian"; return 1; }
}

# Uses the engine that runs, else starts one of our own with its data and sockets in build/docker.
start_engine() {
  ! docker info >/dev/null 2>&1 || return 0
  why="docker.io cannot be installed"
  (need_packages docker.io) || return 1
  mkdir -p "$docker_dir"
  rm -f "$docker_dir/dockerd.pid"
  export DOCKER_HOST=unix://$docker_dir/docker.sock
  dockerd --data-root "$docker_dir/data" --exec-root "$docker_dir/exec" -H "$DOCKER_HOST" \
    -p "$docker_dir/dockerd.pid" --storage-driver=overlay2 --iptables=false --ip6tables=false \
    --bridge=none --ip-forward=false --ip-masq=false >"$docker_dir/dockerd.log" 2>&1 </dev/null &
  engine=$!
  local tries
  for ((tries = 0; tries < 100; tries++)); do
    ! docker info >/dev/null 2>&1 || return 0
    kill -0 "$engine" 2>/dev/null || break
    sleep 0.2
  done
  why="dockerd does not start: $(tail -n 1 "$docker_dir/dockerd.log")"
  return 1
}

stop_engine() {
  [ -n "${engine:-}" ] || return 0
  kill "$engine" 2>/dev/null || true
  wait "$engine" 2>/dev/null || true
  umount "$docker_dir/exec/netns/default" 2>/dev/null || true
}

# Sets base: Debian's image when it is there or can be pulled, else one made of Debian's packages.
find_base() {
  for base in "$base_image" "$own_base"; do
    ! docker image inspect "$base" >/dev/null 2>&1 || return 0
  done
  base=$base_image
  ! quiet docker-pull docker pull "$base" 2>/dev/null || return 0
  base=$own_base
  why="$base_image cannot be pulled, and only root can make a base image"
  [ "$(id -u)" = 0 ] || return 1
  why="debootstrap cannot be installed"
  (need_packages debootstrap) || return 1
  note "making the base image $base"
  rm -rf "$docker_dir/rootfs"
  why="debootstrap failed (see build/log/debootstrap.log)"
  quiet debootstrap debootstrap --variant=minbase bookworm "$docker_dir/rootfs" \
    "$(debian_mirror)" || return 1
  tar -C "$docker_dir/rootfs" -c . | docker import - "$base" >/dev/null
  rm -rf "$docker_dir/rootfs"
}

# The tree and every crate it needs: a build inside reaches no registry. Readable by the user the
# server image runs as.
make_context() {
  local dir=$docker_dir/context
  mkdir -p "$build/log"
  rm -rf "$dir"
  mkdir -p "$dir/.cargo"
  tar -c --exclude-vcs --exclude=./build --exclude=./target --exclude=./fuzz/target . |
    tar -C "$dir" -x &&
    cargo vendor --locked --versioned-dirs --sync scripts/nginx-source/Cargo.toml \
      "$dir/vendor" >"$dir/.cargo/config.toml" 2>"$build/log/cargo-vendor.log" &&
    sed -i 's|^directory = .*|directory = "/gatehouse/vendor"|' "$dir/.cargo/config.toml" &&
    chmod -R a+rX "$dir"
}

# The suite's lines are shown; of its sums only the last counts.
image_tests() {
  local log=$build/log/docker-test.log status=0
  docker build --network=host --target test -t gatehouse-test --build-arg "BASE=$base" \
    "$docker_dir/context" >"$log" 2>&1 || status=$?
  grep -E '^(#[0-9]+ [0-9.]+ )?(not ok|FAILED|Bail out|scripts/)' "$log" || true
  [ $status = 0 ] || tail -n 40 "$log"
  sed -E 's/^#[0-9]+ [0-9.]+ //' "$log" | grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' |
    tail -n 1
  return $status
}

# The suite again, against what the server image holds, as the user it runs as; the runner comes
# from the image that compiled it.
server_tests() {
  local tools=$docker_dir/tools
  rm -rf "$tools"
  mkdir -p "$tools"
  docker run --rm --network=none gatehouse-test cat /gatehouse/target/debug/scenarios \
    >"$tools/scenarios" || return
  chmod 755 "$tools/scenarios"
  # shellcheck disable=SC2016 # to be expanded inside
  docker run --rm --network=host -v "$tools:/tools:ro" -v "$docker_dir/context:/gatehouse:ro" \
    -w /gatehouse -e "MODULE=$module" gatehouse bash -c '
      mapfile -t files < <(grep -L "^# requires:.*hooks" t/*.t)
      /tools/scenarios --nginx /usr/local/sbin/nginx \
        --module "/srv/gatehouse/modules/$MODULE.so" --live examples satisfy "${files[@]}"'
}

# The image as a user starts it, alone in a network of its own.
quickstart() {
  local container status=0
  container=$(docker run --detach --rm --network=none gatehouse) || return
  docker exec --interactive "$container" bash -s <"$root/scripts/docker-quickstart.sh" || status=$?
  [ $status = 0 ] || docker logs "$container"
  docker stop "$container" >/dev/null
  return $status
}
