# A service that answers from releases in a volume: no torch, no compiler, no root, nothing that changes in its image.
# Where builds are to be the same for ever, put the digest behind the tag in both places: `python:3.11-slim-bookworm@sha256:…`

FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /source
COPY requirements.lock requirements-build.lock ./
RUN ["python", "-m", "venv", "/opt/build"]
RUN ["python", "-m", "venv", "/opt/practices"]
RUN ["/opt/build/bin/pip", "install", "--only-binary=:all:", "--require-hashes", "--requirement=requirements-build.lock"]
RUN ["/opt/practices/bin/pip", "install", "--only-binary=:all:", "--require-hashes", "--requirement=requirements.lock"]
COPY pyproject.toml README.md LICENSE ./
COPY models/registry.toml models/
COPY data/catalogue data/catalogue
COPY data/qrels data/qrels
COPY indexer indexer
COPY service service
RUN ["/opt/build/bin/pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir=/opt/wheel", "."]
RUN ["/opt/practices/bin/pip", "install", "--no-index", "--no-deps", "--find-links=/opt/wheel", "practices"]

FROM python:3.11-slim-bookworm
COPY --from=build /opt/practices /opt/practices
RUN ["useradd", "--uid=10001", "--user-group", "--no-log-init", "--home-dir=/var/lib/practices", "--shell=/usr/sbin/nologin", "practices"]
RUN ["install", "-d", "-o", "practices", "-g", "practices", "-m", "0750", "/var/lib/practices", "/var/lib/practices/releases", "/var/lib/practices/state", "/var/lib/practices/cache"]
ENV PATH=/opt/practices/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PRACTICES_HOST=0.0.0.0 \
    PRACTICES_RELEASES=/var/lib/practices/releases \
    PRACTICES_STATE=/var/lib/practices/state \
    PRACTICES_CACHE=/var/lib/practices/cache
USER 10001:10001
WORKDIR /var/lib/practices
VOLUME ["/var/lib/practices/releases", "/var/lib/practices/state", "/var/lib/practices/cache"]
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/ready', timeout=4)"]
ENTRYPOINT ["practices"]
CMD ["serve"]
