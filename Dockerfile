# The image that the manifests name: the binary and the C library, no shell, no root.
#
#   docker build --tag serin:0.1.0 .
#   docker run --rm serin:0.1.0 controller --help
#
# The version of Rust is the one of rust-toolchain.toml; the tidy test of xtask compares them. Both stages are Debian 12:
# a binary runs on no older C library than it was built with.
FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /src
COPY . .
# The toolchain of the image is the one wanted: without this, rustup would fetch it again, with what only lints need.
ENV RUSTUP_TOOLCHAIN=1.95.0
RUN cargo build --locked --release --package serin --bin serin && cp target/release/serin /serin

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /serin /usr/local/bin/serin
# The user that the manifests name too: nonroot.
USER 65532:65532
EXPOSE 8090 8080
ENTRYPOINT ["/usr/local/bin/serin"]
CMD ["controller"]
