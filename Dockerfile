# syntax=docker/dockerfile:1
# rowtap in a small image. The binary needs glibc only: OpenSSL and zlib are linked into it.
#
#   docker build --tag rowtap .
#   docker run --rm --volume ./connectors:/connectors:ro --volume rowtap:/var/lib/rowtap \
#       rowtap run /connectors/mysql-to-kafka.toml

FROM rust:1.95-bookworm AS build
WORKDIR /rowtap
COPY . .
# The caches are not part of the image, so the binary is copied out of them in the same step.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/rowtap/target \
    cargo build --release --locked --features vendored --bin rowtap \
    && install -D --strip target/release/rowtap /out/rowtap

FROM debian:bookworm-slim
# The certificate authorities of the system: `tls` modes that verify fall back to them.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/rowtap /usr/local/bin/rowtap
# Checkpoints and files that rowtap writes; it wants its folders for itself, so it owns them.
RUN useradd --system --uid 10001 --home-dir /var/lib/rowtap --shell /usr/sbin/nologin rowtap \
    && install -d -m 0700 -o rowtap -g rowtap /var/lib/rowtap
USER rowtap
WORKDIR /var/lib/rowtap
VOLUME /var/lib/rowtap

# Ready means that every connector streams. The slim image has no curl; bash speaks enough HTTP.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9633 && printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [ \"$status\" = 200 ]"]

ENTRYPOINT ["rowtap"]
CMD ["--help"]
