# One image for the web process, the workers, beat and all commands; docker-compose.yml says which runs what.
# Wheels are made in the first stage, so that no compiler is in what runs.
FROM python:3.13-slim-trixie AS wheels
RUN apt-get update \
 && apt-get install --yes --no-install-recommends gcc libmariadb-dev pkg-config
COPY requirements.txt requirements-mysql.txt requirements-s3.txt requirements-observability.txt /wheels/
RUN pip wheel --no-cache-dir --wheel-dir /wheels \
    --requirement /wheels/requirements.txt \
    --requirement /wheels/requirements-mysql.txt \
    --requirement /wheels/requirements-s3.txt \
    --requirement /wheels/requirements-observability.txt

FROM python:3.13-slim-trixie
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libmariadb3 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin ouipost \
 && install --directory --owner=ouipost --mode=0700 /data /data/static
RUN --mount=type=bind,from=wheels,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links=/wheels \
    --requirement /wheels/requirements.txt \
    --requirement /wheels/requirements-mysql.txt \
    --requirement /wheels/requirements-s3.txt \
    --requirement /wheels/requirements-observability.txt
WORKDIR /app
COPY manage.py ./
COPY locale ./locale
COPY ouipost ./ouipost
COPY workspaces ./workspaces
COPY accounts ./accounts
COPY posts ./posts
COPY analytics ./analytics
COPY adminapi ./adminapi
COPY deploy/ready.py ./deploy/ready.py
# A checkout keeps others out where whoever made it has a umask of 027 or 077, and files are copied with their modes.
RUN chmod -R a+rX . && python -m compileall -q .
ENV ENVIRONMENT=production \
    OUIPOST_HOME=/data \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER ouipost
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "deploy/ready.py"]
CMD ["python", "manage.py", "web", "--host", "0.0.0.0"]
