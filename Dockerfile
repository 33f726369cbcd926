# Two stages: wheels are installed with their hashes in the first, the second holds only the result.
# Runs without root and with a read-only root file system; all it writes is /var/lib/watcher:
#   docker run --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges --ulimit core=0 \
#     -v watcher-state:/var/lib/watcher -v ./config:/etc/watcher:ro -v ./secrets:/run/secrets:ro watcher
# The secrets belong to user 10001 and to nobody else (chmod 600). The same as a file to keep:
# config/docker-compose.yml

FROM python:3.12-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/watcher
COPY requirements.lock ./
RUN /opt/watcher/bin/pip install --require-hashes --only-binary :all: -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY watcher ./watcher
RUN /opt/watcher/bin/pip install --no-deps --no-build-isolation . \
 && /opt/watcher/bin/python -m compileall -q /opt/watcher/lib

FROM python:3.12-slim
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin watcher \
 && install --directory --owner=watcher --group=watcher --mode=0700 /var/lib/watcher
COPY --from=build /opt/watcher /opt/watcher
ENV PATH=/opt/watcher/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    STATE_DIRECTORY=/var/lib/watcher
USER 10001:10001
WORKDIR /var/lib/watcher
VOLUME ["/var/lib/watcher"]
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=60s --timeout=10s --start-period=90s --retries=3 CMD ["watcher", "health", "--config", "/etc/watcher/watcher.toml"]
ENTRYPOINT ["watcher"]
CMD ["run", "--config", "/etc/watcher/watcher.toml"]
