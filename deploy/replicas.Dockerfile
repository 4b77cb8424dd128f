# The image of Dockerfile with what `practices pull` and `push` take, which no other machine needs:
# `docker build --tag practices-replica:0.1.0 --file deploy/replicas.Dockerfile deploy`
FROM practices:0.1.0
USER 0:0
COPY store.lock /opt/practices/
RUN ["/opt/practices/bin/pip", "install", "--no-cache-dir", "--disable-pip-version-check", "--only-binary=:all:", "--no-deps", "--require-hashes", "--requirement=/opt/practices/store.lock"]
USER 10001:10001
