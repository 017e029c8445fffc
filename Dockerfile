# docker build -t pgcourier . ; docker run --env-file pgcourier.env -p 8080:8080 --stop-timeout 40 pgcourier
# What is in flight is finished within 30 s; Docker by itself kills after 10.
FROM debian:bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends make
WORKDIR /src
COPY Makefile ./
COPY .ci .ci
RUN make deps-package
COPY . .
RUN make package

FROM debian:bookworm-slim
COPY --from=build /src/build/release/*.deb /tmp/
RUN apt-get update && apt-get install -y --no-install-recommends /tmp/*.deb && rm -rf /tmp/*.deb /var/lib/apt/lists/*
USER 65534:65534
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["pgcourier", "healthcheck"]
ENTRYPOINT ["pgcourier"]
CMD ["serve"]
