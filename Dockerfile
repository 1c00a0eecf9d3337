# The front-end packages' ready-made files; node itself stays behind in this stage.
FROM node:24-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci

FROM python:3.13-slim
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 \
    CRM_VAR=/data CRM_STATIC_ROOT=/app/staticfiles
WORKDIR /app
RUN useradd --create-home --uid 10001 crm && install --directory --owner crm /data
COPY requirements.lock ./
RUN pip install --require-hashes --requirement requirements.lock
COPY . .
# Collecting needs settings, and settings need a key and servers' addresses; none of them is kept or called.
RUN --mount=type=bind,from=packages,source=/app/node_modules,target=/app/node_modules \
    python -m crm_suite.catalogues \
 && SECRET_KEY=only-for-collecting-files CRM_VAR=/tmp/build python manage.py collectstatic --noinput --verbosity 0 \
 && python -m compileall -q . \
 && rm -rf /tmp/build
USER crm
VOLUME /data
EXPOSE 8000
HEALTHCHECK --start-period=60s CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/livez', timeout=4)"]
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--blocking-threads", "8", \
     "crm_suite.wsgi:application"]
