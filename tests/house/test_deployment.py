from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from prometheus_client import CollectorRegistry

from fraud.metrics import AlertMetrics, GraphMetrics, WorkerMetrics
from fraud.settings import Settings
from stream.api_edge import Metrics as ApiMetrics
from tests.conftest import UNDER_CI

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yml"
DEPLOY = ROOT / "docs" / "deploy"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "ringfence.json"
KUBERNETES = DEPLOY / "kubernetes"
KUBERNETES_VERSION = "1.31"
OURS = "ringfence:local"
SECRETS = {"RINGFENCE_TOKEN_KEY", "NEO4J_PASSWORD", "POSTGRES_PASSWORD", "GRAFANA_PASSWORD"}
BIN = Path(sys.executable).parent


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text())["services"]
    return found


def documents() -> Iterator[dict[str, Any]]:
    for file in sorted(KUBERNETES.glob("*.yaml")):
        if file.name != "kustomization.yaml":
            yield from yaml.safe_load_all(file.read_text())


def containers() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Pod and container of every workload."""
    for one in documents():
        if one["kind"] in {"Deployment", "StatefulSet"}:
            pod = one["spec"]["template"]["spec"]
            for container in [*pod.get("initContainers", ()), *pod["containers"]]:
                yield pod, container


def registries() -> list[CollectorRegistry]:
    return [AlertMetrics().registry, WorkerMetrics().registry, GraphMetrics().registry, ApiMetrics().registry]


def series() -> set[str]:
    """Names of all series that our processes may serve."""
    names = set()
    for registry in registries():
        for family in registry.collect():
            endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "info": ("_info",)}
            names |= {family.name + end for end in endings.get(family.type, ("",))}
    return names


# Compose


def test_compose_takes_every_secret_from_env_and_has_no_default() -> None:
    text = COMPOSE.read_text()
    assert set(re.findall(r"(?<!\$)\$\{(\w+)", text)) == SECRETS
    assert all(text.count("${" + name) == text.count("${" + name + ":?") for name in SECRETS)
    made = re.search(r"for name in ([A-Z0-9_ ]+);", (ROOT / "Makefile").read_text())
    assert made is not None
    assert set(made[1].split()) == SECRETS
    for service in services().values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|TOKEN_KEY|AUTH$|DATABASE_URL", name):
                assert "${" in value, name


@pytest.mark.parametrize("name", [name for name, one in services().items() if one["image"] == OURS])
def test_compose_settings_are_accepted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in services()[name]["environment"].items():
        monkeypatch.setenv(variable, re.sub(r"\$\{[^}]*\}", "0" * 64, value))
    settings = Settings.load()
    assert settings.environment == ("local" if name == "dashboard" else "production")
    assert settings.graph.password is not None


@pytest.mark.parametrize("name", services())
def test_compose_services_are_confined(name: str) -> None:
    service = services()[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"cpus", "memory"} <= service["deploy"]["resources"]["limits"].keys()
    assert service["networks"]
    assert "container_name" not in service
    assert "privileged" not in service
    # Kafka and Neo4j write their configuration into their own folders at the start.
    assert service.get("read_only") or name in {"broker", "graph"}
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


@pytest.mark.parametrize("name", services())
def test_compose_services_are_watched_and_come_back(name: str) -> None:
    service = services()[name]
    is_job = service["restart"] == "no"
    assert is_job or service["restart"] == "unless-stopped"
    if service["image"] == OURS:
        # The image asks HEALTH_URL; a job has none and is well while it runs.
        assert ("HEALTH_URL" in service["environment"]) != is_job
    else:
        assert service["healthcheck"]["test"]
        assert re.search(r":v?\d+\.\d+", service["image"]), "pinned to a release"


def test_compose_stores_are_out_of_reach() -> None:
    networks = yaml.safe_load(COMPOSE.read_text())["networks"]
    assert networks["back"]["internal"] is True
    for name in ("broker", "graph", "record", "worker", "graph-writer"):
        assert services()[name]["networks"] == ["back"]
        assert "ports" not in services()[name]


def test_compose_runs_the_releases_that_are_tested() -> None:
    pom = (ROOT / "fraud" / "services" / "pom.xml").read_text()
    for name, prefix in (("broker", "apache/kafka:"), ("graph", "neo4j:")):
        version = services()[name]["image"].removeprefix(prefix).removesuffix("-community")
        assert f">{version}<" in pom


def test_compose_client_accepts_the_file(tmp_path: Path) -> None:
    client = compose_client()
    if client is None:
        pytest.skip("no Docker Compose client here: docker-compose.yml is only parsed, not checked by it")
    env = tmp_path / "env"
    env.write_text("".join(f"{name}={'0' * 64}\n" for name in SECRETS))
    base = [*client, "--project-directory", str(ROOT), "--profile", "jobs"]
    good = subprocess.run(
        [*base, "--env-file", str(env), "config", "--quiet"], capture_output=True, text=True, check=False
    )
    assert (good.returncode, good.stdout, good.stderr) == (0, "", "")
    bare = subprocess.run(
        [*base, "--env-file", os.devnull, "config", "--quiet"], capture_output=True, text=True, check=False
    )
    assert bare.returncode != 0
    assert "run make stack-env first" in bare.stderr


def compose_client() -> list[str] | None:
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]):
            asked = subprocess.run([*command, "version"], capture_output=True, text=True, check=False)
            # The first line of the old one, in Python, is not a version of the specification in use here.
            if asked.returncode == 0 and not asked.stdout.startswith("docker-compose version 1"):
                return command
    return None


# Image


def test_image_does_not_run_as_root() -> None:
    stages = (ROOT / "Dockerfile").read_text().split("\nFROM ")
    for stage in stages[-2:]:
        assert re.search(r"^USER 10001:10001$", stage, re.MULTILINE)
    assert stages[-1].startswith("base AS cpu\n")


def test_image_gets_every_package_and_no_secret() -> None:
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = {line[1:] for line in lines if line.startswith("!")}
    assert "*" in lines
    assert let_in == {*packages, "requirements.txt", "LICENSE"}


def test_linters_of_image_and_yaml_have_nothing_to_say() -> None:
    for command in (
        [BIN / "hadolint", "Dockerfile"],
        [BIN / "yamllint", "--strict", "-c", DEPLOY / "yamllint.yml", DEPLOY, COMPOSE],
    ):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# Prometheus, Grafana


def test_rules_and_dashboard_ask_for_series_that_there_are() -> None:
    asked = set(re.findall(r"\bringfence_\w+", (DEPLOY / "rules.yml").read_text() + DASHBOARD.read_text()))
    assert asked
    assert asked - series() == set()


def test_dashboard_is_provisioned_with_its_source() -> None:
    source = yaml.safe_load((DEPLOY / "grafana" / "datasources" / "prometheus.yml").read_text())
    board = json.loads(DASHBOARD.read_text())
    uids = {target["datasource"]["uid"] for panel in board["panels"] for target in panel.get("targets", ())}
    assert uids == {source["datasources"][0]["uid"]}
    numbers = [panel["id"] for panel in board["panels"]]
    assert len(set(numbers)) == len(numbers)


def test_prometheus_asks_services_of_the_stack() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    targets = re.findall(r"[a-z-]+(?=:\d+)", json.dumps(config))
    names = [
        name
        for job in config["scrape_configs"]
        for one in job.get("dns_sd_configs", ())
        for name in one["names"]
    ]
    assert {*targets, *names} <= services().keys()


def test_promtool_accepts_configuration_and_rules() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        message = "no promtool here: sudo apt-get install prometheus"
        if UNDER_CI:
            pytest.fail(message)
        pytest.skip(message)
    for words in (["check", "rules", "rules.yml"], ["check", "config", "--syntax-only", "prometheus.yml"]):
        done = subprocess.run([promtool, *words], cwd=DEPLOY, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


# Kubernetes


def test_manifests_keep_to_their_schemas() -> None:
    found = list(documents())
    assert len(found) >= 10
    for one in found:
        kubernetes_validate.validate(one, KUBERNETES_VERSION, strict=True)


def test_kustomization_names_every_manifest() -> None:
    listed = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]
    there = {file.name for file in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(listed) == there


def test_pods_are_confined() -> None:
    for pod, container in containers():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert "memory" in container["resources"]["limits"]
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()


def test_pods_get_settings_that_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    given = next(one for one in documents() if one["kind"] == "ConfigMap")["data"]
    for pod, container in containers():
        # Kubernetes would else name its services to the pods in variables that begin with RINGFENCE_.
        assert pod["enableServiceLinks"] is False
        if "env" not in container:
            continue
        with monkeypatch.context() as patch:
            for name, value in given.items():
                patch.setenv(name, value)
            for one in container["env"]:
                secret = "postgresql+psycopg://u:p@h/d" if one["name"].endswith("URL") else "0" * 64
                patch.setenv(one["name"], one.get("value", secret))
            assert Settings.load().environment == "production"


def test_one_graph_writer_at_a_time() -> None:
    writer = next(
        one for one in documents() if one["kind"] == "Deployment" and "graph" in one["metadata"]["name"]
    )
    assert writer["spec"]["replicas"] == 1
    assert writer["spec"]["strategy"] == {"type": "Recreate"}
