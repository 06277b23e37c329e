# nginx with Gatehouse, from source.
#
#   docker build -t gatehouse .                  the server
#   docker build --target test .                 the test suite, run inside
#
# BASE is any Debian from 12 on, NGINX_VERSION one that scripts/build knows.

ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
ARG NGINX_VERSION=1.28.3
RUN apt-get update && apt-get install -y --no-install-recommends \
        ca-certificates cargo-web gcc libc6-dev libclang-dev libpcre2-dev libssl-dev make \
        pkg-config rustc-web zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /gatehouse
COPY . .
# The program is static: any image can take it with COPY --from.
RUN scripts/build --nginx "${NGINX_VERSION}" \
    && host=$(rustc -vV | sed -n 's/^host: //p') \
    && RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked -p gatehouse-cli \
        --target "$host" --target-dir target/program \
    && ln -s "nginx-${NGINX_VERSION}" build/image \
    && ln -s "$host/release" target/program/image \
    && target/program/image/gatehouse geoip make nginx-conf/countries.csv build/country.mmdb

FROM build AS test
ARG NGINX_VERSION=1.28.3
RUN scripts/test --nginx "${NGINX_VERSION}"

FROM ${BASE}
# openssl stands for the libssl nginx was linked with, whatever this Debian calls it.
RUN apt-get update && apt-get install -y --no-install-recommends \
        ca-certificates libpcre2-8-0 openssl zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --home-dir /srv/gatehouse --create-home gatehouse
COPY --from=build /gatehouse/build/image/sbin/nginx /usr/local/sbin/nginx
COPY --from=build /gatehouse/target/program/image/gatehouse /usr/local/bin/gatehouse
WORKDIR /srv/gatehouse
COPY --from=build /gatehouse/build/image/modules modules
COPY --from=build /gatehouse/build/image/conf/mime.types conf/mime.types
COPY nginx-conf conf
COPY snippets conf/snippets
# What the quickstart wants beside it; its key is no secret. The access log goes to the output.
COPY --from=build /gatehouse/build/country.mmdb conf/country.mmdb
RUN mkdir -p logs conf/keys && printf example > conf/keys/video.key && chmod 600 conf/keys/video.key \
    && ln -s /dev/stdout logs/access.log && chown -R gatehouse: .
USER gatehouse
EXPOSE 8080
STOPSIGNAL SIGQUIT
CMD ["nginx", "-p", "/srv/gatehouse", "-c", "conf/quickstart.conf", "-e", "stderr", "-g", "daemon off;"]
