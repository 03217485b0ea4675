# The image of web server, worker, beat and bootstrap. It carries the knowledge base and a model trained from it, so
# that a hospital without internet starts with both. Nothing in it runs as root; the development tools stay out.

FROM python:3.13-slim AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
COPY requirements/runtime.txt /tmp/runtime.txt
RUN /opt/venv/bin/pip install --require-hashes --no-deps -r /tmp/runtime.txt

FROM python:3.13-slim AS made
ENV PATH=/opt/venv/bin:$PATH ORT_DISABLE_TELEMETRY=1
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY ml ml
RUN python -m ml knowledge build --out /opt/hoofbeat/knowledge \
    && python -m ml train --knowledge /opt/hoofbeat/knowledge --out /opt/hoofbeat/model
COPY manage.py ./
COPY apps apps
COPY config config
COPY templates templates
COPY static static
COPY deploy/bootstrap.sh deploy/bootstrap.sh
# The settings refuse to load without their variables; nothing is connected to and nothing of this is kept.
RUN SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(50))')" \
    INDEX_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(50))')" \
    MODEL_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(50))')" \
    MASTER_KEYS="k1:$(python -c 'import base64, secrets; print(base64.b64encode(secrets.token_bytes(32)).decode())')" \
    DATABASE_URL=postgresql://nowhere/none BROKER_URL=redis://nowhere/0 CACHE_URL=redis://nowhere/1 \
    python manage.py collectstatic --no-input

FROM python:3.13-slim
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# ONNX Runtime reports to its maker unless told not to.
ENV ORT_DISABLE_TELEMETRY=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin hoofbeat \
    && install -d -o hoofbeat -g hoofbeat -m 0750 /var/lib/hoofbeat /var/lib/hoofbeat/models /var/lib/hoofbeat/datasets \
        /var/lib/hoofbeat-anchor /var/lib/hoofbeat-ledger
COPY --from=packages /opt/venv /opt/venv
COPY --from=made /opt/hoofbeat /opt/hoofbeat
COPY --from=made /app /app
WORKDIR /app
ENV MODEL_STORE=/var/lib/hoofbeat/models DATA_STORE=/var/lib/hoofbeat/datasets \
    AUDIT_ANCHOR=file:///var/lib/hoofbeat-anchor ERASURE_LEDGER=file:///var/lib/hoofbeat-ledger
VOLUME /var/lib/hoofbeat /var/lib/hoofbeat-anchor /var/lib/hoofbeat-ledger
USER hoofbeat
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/live', timeout=4)"]
CMD ["gunicorn", "--config", "python:config.gunicorn", "config.wsgi:application", "--bind", "0.0.0.0:8000", "--worker-tmp-dir", "/dev/shm"]
