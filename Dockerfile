# One image for every command: docker run … ringfence COMMAND. Two stages, so that pip and its caches stay behind.
FROM python:3.11-slim-bookworm AS build

COPY requirements.txt /tmp/requirements.txt
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --requirement /tmp/requirements.txt


FROM python:3.11-slim-bookworm

# XGBoost and scikit-learn need the OpenMP runtime.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home --shell /usr/sbin/nologin ringfence \
    && install --directory --owner ringfence --group ringfence --mode 0700 /var/lib/ringfence

COPY --from=build /opt/venv /opt/venv
COPY . /opt/ringfence

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MPLCONFIGDIR=/var/lib/ringfence/matplotlib \
    RINGFENCE_HOME=/var/lib/ringfence \
    RINGFENCE_KERNEL_CACHE=/var/lib/ringfence/kernels

WORKDIR /opt/ringfence
USER ringfence
VOLUME /var/lib/ringfence
EXPOSE 8050
ENTRYPOINT ["python", "-m", "fraud"]
CMD ["--help"]
