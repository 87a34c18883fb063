# syntax=docker/dockerfile:1
# One image for every command: docker run … ringfence COMMAND. pip and its caches stay behind in the build stages.
#
#   docker build --tag ringfence:local .                      # CPU, the default
#   docker build --tag ringfence:cuda --target cuda .         # with CUDA, for training on a GPU
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
SHELL ["/bin/bash", "-o", "pipefail", "-c"]


# PyPI's torch brings CUDA along, about 4 GB; PyTorch's own index has the same release without. Where that cannot be
# reached: --build-arg TORCH_INDEX=https://… names a mirror of it.
FROM build AS build-cpu
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY requirements.txt /tmp/requirements.txt
# NCCL is opened by XGBoost for training on several GPUs only.
RUN pip install --index-url "${TORCH_INDEX}" "$(grep --only-matching '^torch==[^ ]*' /tmp/requirements.txt)" \
    && pip install --requirement /tmp/requirements.txt \
    && pip uninstall --yes nvidia-nccl-cu12 nvidia-nccl-cu13


FROM build AS build-cuda
COPY requirements.txt /tmp/requirements.txt
RUN pip install --requirement /tmp/requirements.txt


FROM ${PYTHON_IMAGE} AS base
# XGBoost and scikit-learn need the OpenMP runtime; which of its builds is Debian's to say.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --create-home --shell /usr/sbin/nologin ringfence \
    && install --directory --owner ringfence --group ringfence --mode 0700 \
        /var/lib/ringfence /var/lib/ringfence-model /var/lib/ringfence-kernels /var/lib/ringfence-files \
    && install --directory --owner ringfence --group ringfence --mode 0750 /var/lib/ringfence-keys
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MPLCONFIGDIR=/tmp/matplotlib \
    RINGFENCE_HOME=/var/lib/ringfence \
    RINGFENCE_KERNEL_CACHE=/var/lib/ringfence-kernels
WORKDIR /opt/ringfence
# HEALTH_URL is set for whatever serves; a command that serves nothing is well while it runs.
HEALTHCHECK --interval=15s --timeout=5s --start-period=180s --retries=4 \
    CMD ["python", "-c", "import os, urllib.request as u; a = os.environ.get('HEALTH_URL'); a and u.urlopen(a, timeout=4).close()"]
ENTRYPOINT ["python", "-m", "fraud"]
CMD ["--help"]


FROM base AS cuda
COPY --from=build-cuda /opt/venv /opt/venv
COPY . /opt/ringfence
USER 10001:10001


# The last stage is what `docker build` makes when no target is named.
FROM base AS cpu
COPY --from=build-cpu /opt/venv /opt/venv
COPY . /opt/ringfence
USER 10001:10001
