# The service: `skinlesion serve` without torch. Build it with `make image`; compose.yaml runs it with its monitoring.
# The image by its digest, so that a build tomorrow starts from the same files. To renew it:
# docker buildx imagetools inspect python:3.12-slim
ARG PYTHON=python:3.12-slim@sha256:57cd7c3a7a273101a6485ba99423ee568157882804b1124b4dd04266317710de

FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1
WORKDIR /source
COPY deploy/serve.lock deploy/build.lock deploy/
RUN python -m venv /opt/build && /opt/build/bin/pip install --require-hashes -r deploy/build.lock \
    && python -m venv --without-pip /opt/skinlesion \
    && pip --python /opt/skinlesion/bin/python install --require-hashes -r deploy/serve.lock
COPY setup.py pyproject.toml settings.ini README.md LICENSE MANIFEST.in ./
COPY skinlesion skinlesion
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheel . \
    && pip --python /opt/skinlesion/bin/python install --no-deps --no-index /wheel/*.whl \
    && /opt/skinlesion/bin/python -m compileall -q /opt/skinlesion/lib

FROM ${PYTHON}
LABEL org.opencontainers.image.title="skinlesion" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/skinlesion/skinlesion"
RUN useradd --system --no-create-home --uid 10001 skinlesion
COPY --from=build /opt/skinlesion /opt/skinlesion
ENV PATH=/opt/skinlesion/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["python", "-c", \
    "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
STOPSIGNAL SIGTERM
# The bundle is mounted at /bundle, read-only; what is temporary goes to /tmp, the only place that is written
# `skinlesion serve` with what follows; SageMaker starts it with the one word `serve`
ENTRYPOINT ["python", "-m", "skinlesion.cloud.container"]
CMD ["/bundle", "--no-page", "--host", "0.0.0.0", "--port", "8080"]
