# The command line alone: no shell, no library, no other program, and a user who owns nothing.
# It takes the static program of an archive of `.ci/release`; `.ci/release --image NAME` does it all.
FROM scratch
ARG VERSION=0.0.0
LABEL org.opencontainers.image.title="lifecycle" \
      org.opencontainers.image.description="One file says how a service stops: check, generate, draw" \
      org.opencontainers.image.source="https://github.com/lifecycle-rs/lifecycle" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="$VERSION"
COPY lifecycle LICENSE-APACHE LICENSE-MIT /
# By its number: there is no file of users here.
USER 65532:65532
WORKDIR /work
# In exec form: there is no shell, and the signal is the program's.
ENTRYPOINT ["/lifecycle"]
CMD ["--help"]
