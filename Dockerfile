# syntax=docker/dockerfile:1
# One image for every service: `slugline up` alone, or one service each in docker-compose.yml.

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_INPUT=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY constraints.txt deploy/install-torch.sh ./
# cpu, default (CUDA on x86-64), or the https:// address of an index: see deploy/install-torch.sh.
ARG SLUGLINE_TORCH=cpu
RUN python -m venv /opt/slugline \
    && /opt/slugline/bin/pip install --no-cache-dir -c constraints.txt --upgrade pip \
    && SLUGLINE_TORCH="$SLUGLINE_TORCH" sh install-torch.sh /opt/slugline/bin/python constraints.txt
# What the project depends on, in a layer that a change of its code does not touch.
COPY pyproject.toml ./
RUN /opt/slugline/bin/python -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb"))["project"]; print(*p["dependencies"], *p["optional-dependencies"]["traces"], sep="\n")' >requirements.txt \
    && /opt/slugline/bin/pip install --no-cache-dir -c constraints.txt -r requirements.txt
COPY README.md LICENSE ./
COPY seeds seeds
COPY pipeline pipeline
COPY workers workers
RUN /opt/slugline/bin/pip install --no-cache-dir --no-deps . \
    && /opt/slugline/bin/slugline --help >/dev/null

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="Slugline" \
      org.opencontainers.image.description="Streaming news ingestion: feeds in, living storylines and events out" \
      org.opencontainers.image.licenses="MIT"
# A fixed number, so that a volume keeps its owner when the image is built anew.
RUN groupadd --system --gid 10001 slugline \
    && useradd --system --uid 10001 --gid slugline --no-create-home --home-dir /var/lib/slugline --shell /usr/sbin/nologin slugline \
    && install --directory --owner slugline --group slugline --mode 0750 /var/lib/slugline
COPY --from=build /opt/slugline /opt/slugline
COPY --chmod=0755 deploy/healthcheck.py /usr/local/bin/slugline-healthcheck
ENV PATH=/opt/slugline/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    SLUGLINE_DATA_DIR=/var/lib/slugline \
    SLUGLINE_LOG_FORMAT=json
USER 10001:10001
# Also where a .env or slugline.toml is looked for.
WORKDIR /var/lib/slugline
VOLUME /var/lib/slugline
EXPOSE 8400
HEALTHCHECK --interval=30s --timeout=10s --start-period=90s --retries=3 \
    CMD ["/opt/slugline/bin/python", "/usr/local/bin/slugline-healthcheck", "web"]
ENTRYPOINT ["slugline"]
# Bound beyond loopback (as a container must be), the web service asks for SLUGLINE_API_TOKEN.
CMD ["up", "--host", "0.0.0.0"]
