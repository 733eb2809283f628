"""The image and the compose file: what can be known about them without a container engine.

Every command that they or their README name is parsed by the real command line.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from shutil import copy2, copytree, ignore_patterns

import pytest

from tests.deploy.files import (
    COMPOSE,
    DEPLOY,
    ROOT,
    SERVICES,
    copied_sources,
    instructions,
    joined_lines,
    option,
    pairs,
    parse,
    readme_blocks,
    readme_container_arguments,
    setup_cfg,
)

# -- the compose file -------------------------------------------------------------------------------------


NETSIEGE_SERVICES = sorted(set(SERVICES) - {"keys"})


@pytest.mark.parametrize("service", NETSIEGE_SERVICES)
def test_compose_command_is_accepted_by_the_cli(service: str) -> None:
    parse(SERVICES[service]["command"])


def test_compose_health_check_asks_the_hub_where_it_listens() -> None:
    kind, program, *arguments = SERVICES["hub"]["healthcheck"]["test"]
    assert (kind, program) == ("CMD", "netsiege")
    parse(arguments)
    port = option("hub", "--bind").rpartition(":")[2]
    assert f"tcp://127.0.0.1:{port}" in arguments


@pytest.mark.parametrize("service", ["attacker", "defender"])
def test_compose_agents_are_registered_ones(service: str) -> None:
    registered = pairs(setup_cfg()["options.entry_points"]["netsiege.agents"])
    assert SERVICES[service]["command"][2] in registered


@pytest.mark.parametrize(
    ("service", "bound"), [("worker", "--workers-bind"), ("attacker", "--bind"), ("defender", "--bind")]
)
def test_compose_service_finds_the_hub_where_it_listens(service: str, bound: str) -> None:
    port = option("hub", bound).rpartition(":")[2]
    assert option(service, "--hub") == f"tcp://hub:{port}"
    assert set(SERVICES[service]["networks"]) & set(SERVICES["hub"]["networks"])


def test_compose_publishes_only_to_loopback() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(str(port).startswith("127.0.0.1:") for port in published)


def test_compose_workers_port_is_not_published() -> None:
    workers_port = option("hub", "--workers-bind").rpartition(":")[2]
    assert not [port for port in SERVICES["hub"]["ports"] if port.endswith(f":{workers_port}")]


def test_compose_networks_let_only_the_hub_out() -> None:
    internal = {name for name, network in COMPOSE["networks"].items() if (network or {}).get("internal")}
    assert SERVICES["keys"]["network_mode"] == "none"
    outside = {name for name in NETSIEGE_SERVICES if set(SERVICES[name]["networks"]) - internal}
    assert outside == {"hub"}


def test_compose_worker_can_be_scaled() -> None:
    assert not {"container_name", "hostname", "ports"} & set(SERVICES["worker"])


@pytest.mark.parametrize("service", SERVICES)
def test_compose_service_has_no_more_rights_than_it_needs(service: str) -> None:
    settings = SERVICES[service]
    assert settings["read_only"] is True
    assert settings["cap_drop"] == ["ALL"]
    assert settings["security_opt"] == ["no-new-privileges:true"]
    assert settings["pids_limit"] > 0
    assert settings["mem_limit"]
    assert not {"user", "cap_add", "privileged", "pid", "ipc", "devices"} & set(settings)


@pytest.mark.parametrize("service", SERVICES)
def test_compose_image_is_built_from_this_tree(service: str) -> None:
    assert SERVICES[service]["pull_policy"] == "build"
    build = SERVICES[service]["build"]
    context = (DEPLOY / build["context"]).resolve()
    assert context == ROOT
    assert (context / build["dockerfile"]).is_file()


# -- the image --------------------------------------------------------------------------------------------


def test_dockerfile_sources_exist_and_enter_the_context() -> None:
    ignore = joined_lines((DEPLOY / "Dockerfile.dockerignore").read_text())
    sources = copied_sources()
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert ignore[0] == "*"
    assert {line[1:] for line in ignore if line.startswith("!")} == set(sources)


def test_dockerfile_copies_the_folder_of_every_package() -> None:
    folders = {folder.split("/")[0] for folder in pairs(setup_cfg()["options"]["package_dir"]).values()}
    assert folders <= set(copied_sources())


def test_dockerfile_installs_only_what_is_locked() -> None:
    pip = [part for line in instructions("RUN") for part in line.split("&&") if "pip" in part.split()]
    installs = [part.split() for part in pip if {"install", "wheel"} & set(part.split())]
    assert len(installs) == 4
    assert all("--require-hashes" in words or "--no-index" in words for words in installs)
    assert all("--only-binary" in words for words in installs if "--require-hashes" in words)
    locks = {words[-1].removeprefix("/lock/") for words in installs if "--require-hashes" in words}
    assert {f"deploy/lock/{name}" for name in locks} < set(copied_sources())


def test_dockerfile_ends_as_a_fixed_user_without_rights() -> None:
    user = instructions("USER")[-1]
    number = user.partition(":")[0]
    assert int(number) > 0
    assert f"--uid {number} " in " ".join(instructions("RUN"))


def package_files(packages: Sequence[str]) -> list[Path]:
    """Modules and data of the packages in the tree, as paths in a folder of installed packages."""
    folders = [ROOT / "src" / package.replace(".", "/") for package in packages]
    found = {file for folder in folders for kind in ("*.py", "*.yaml") for file in folder.rglob(kind)}
    return sorted(file.relative_to(ROOT / "src") for file in found)


@pytest.mark.soak
def test_image_from_the_copied_sources_is_complete(tmp_path: Path) -> None:
    """The steps of the image's first stage, with this interpreter; what they install comes from the index."""
    source, wheels, empty = (tmp_path / name for name in ("source", "wheels", "empty"))
    for folder in (source, empty):
        folder.mkdir()
    for name in copied_sources():
        if (ROOT / name).is_dir():
            copytree(ROOT / name, source / name, symlinks=True, ignore=ignore_patterns("__pycache__"))
        else:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            copy2(ROOT / name, source / name)

    def run(*words: str | Path) -> str:
        return subprocess.run(words, cwd=source, check=True, capture_output=True, text=True).stdout

    run(sys.executable, "-m", "venv", tmp_path / "build")
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "product")
    pip, python = tmp_path / "build" / "bin" / "pip", tmp_path / "product" / "bin" / "python"
    locked = ["install", "--require-hashes", "--only-binary", ":all:", "--requirement"]
    run(pip, *locked, "deploy/lock/build.txt")
    run(pip, "--python", python, *locked, "deploy/lock/image.txt")
    run(pip, "wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels, ".")
    run(pip, "--python", python, "install", "--no-index", "--no-deps", *wheels.iterdir())
    run(pip, "--python", python, "check")

    packages = setup_cfg()["options"]["packages"].split()
    run(python.parent / "netsiege", "--help")
    script = f"import os, {', '.join(packages)}; os.chdir({str(empty)!r}); print(netsiege.__file__)"
    site = Path(run(python, "-I", "-c", script).strip()).parents[1]
    assert site.is_relative_to(tmp_path / "product")
    assert [file for file in package_files(packages) if not (site / file).is_file()] == []


# -- the README -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", readme_container_arguments(), ids=" ".join)
def test_readme_docker_run_is_accepted_by_the_cli(arguments: list[str]) -> None:
    if arguments:
        parse(arguments)


@pytest.mark.parametrize(
    "name", ["README.md", "compose.yaml", "Dockerfile", "entrypoint.sh", "issue-keys.sh"]
)
def test_deploy_files_never_do_without_keys(name: str) -> None:
    assert "--insecure" not in (DEPLOY / name).read_text()


def test_readme_publishes_only_to_loopback() -> None:
    published = re.findall(r"(?:-p|--publish) (\S+)", readme_blocks())
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
