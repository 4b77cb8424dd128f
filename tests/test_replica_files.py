"""What deploys replicas, held against program and image: manifests, compose file, proxy, and the page's commands."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from service.__main__ import app as command_line
from service.settings import Settings
from tests.test_operations import metrics, program, told  # noqa: F401  the first is a fixture
from tests.test_supply_chain import HASH, PROJECT, needed, pins

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
PAGE = (ROOT / "REPLICAS.md").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((DEPLOY / "replicas.compose.yaml").read_text(encoding="utf-8"))
OBJECTS = [
    one
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    for one in yaml.safe_load_all(path.read_text(encoding="utf-8"))
]
IMAGE = "practices-replica:0.1.0"
RELEASES = "/var/lib/practices/releases"


def kinds(kind: str) -> list[Any]:
    return [one for one in OBJECTS if one["kind"] == kind]


[DEPLOYMENT], [SERVICE], [AUTOSCALER] = map(kinds, ("Deployment", "Service", "HorizontalPodAutoscaler"))
POD = DEPLOYMENT["spec"]["template"]
CONTAINERS = {one["name"]: one for one in (*POD["spec"]["initContainers"], *POD["spec"]["containers"])}
[RULES] = [
    yaml.safe_load(one["data"]["config.yaml"])["rules"] for one in kinds("ConfigMap") if "config.yaml" in one["data"]
]
[CONFIGURED] = [one["data"] for one in kinds("ConfigMap") if "config.yaml" not in one["data"]]


def accepted(arguments: list[str]) -> None:
    """Parse the arguments of `practices` as it does; fails where there is no such command or option."""
    group = typer.main.get_command(command_line)
    name, *rest = arguments
    group.commands[name].make_context(name, rest)


def test_every_command_of_a_container_is_one_of_the_program() -> None:
    assert 'ENTRYPOINT ["practices"]' in DOCKERFILE
    assert [one["args"] for one in CONTAINERS.values()] == [
        ["pull", "$(STORE)"],
        ["serve"],
        ["pull", "$(STORE)", "--follow"],
    ]
    for one in CONTAINERS.values():
        assert "command" not in one
        accepted(one["args"])
    for service in COMPOSE["services"].values():
        accepted(service.get("command", ["serve"]))


def test_a_container_asks_only_for_what_the_image_and_the_release_have() -> None:
    [port] = CONTAINERS["practices"]["ports"]
    assert f"EXPOSE {port['containerPort']}" in DOCKERFILE
    assert POD["metadata"]["annotations"]["prometheus.io/port"] == str(port["containerPort"])
    [exposed] = SERVICE["spec"]["ports"]
    assert exposed["targetPort"] == port["name"]
    uid = POD["spec"]["securityContext"]["runAsUser"]
    assert f"USER {uid}:{uid}" in DOCKERFILE
    assert f"PRACTICES_RELEASES={RELEASES}" in DOCKERFILE
    for one in CONTAINERS.values():
        assert one["image"] == IMAGE
        [mount] = [each for each in one["volumeMounts"] if each["name"] == "releases"]
        assert mount == {"name": "releases", "mountPath": RELEASES} | (
            {"readOnly": True} if one["args"] == ["serve"] else {}
        )
    assert {one["name"] for one in POD["spec"]["volumes"]} == {"releases", "tmp"}
    assert all("emptyDir" in one for one in POD["spec"]["volumes"]), "a pod keeps nothing"


def test_a_container_may_change_nothing_but_its_volumes() -> None:
    for one in CONTAINERS.values():
        assert one["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert set(one["resources"]) == {"requests", "limits"}
    assert POD["spec"]["securityContext"]["runAsNonRoot"] is True
    assert POD["spec"]["automountServiceAccountToken"] is False


def test_probes_ask_for_what_the_service_answers() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    paths = {name: CONTAINERS["practices"][name]["httpGet"]["path"] for name in ("readinessProbe", "livenessProbe")}
    assert paths == {"readinessProbe": "/health/ready", "livenessProbe": "/health/live"}
    for path in paths.values():
        assert f"`GET {path}`" in readme
    [pause] = CONTAINERS["practices"]["lifecycle"]["preStop"]["exec"]["command"][1:]
    patience = Settings.model_fields["timeout"].default
    assert POD["spec"]["terminationGracePeriodSeconds"] >= int(pause) + patience


def test_all_objects_choose_the_pods_of_the_deployment() -> None:
    labels = POD["metadata"]["labels"]
    [budget], [policy] = map(kinds, ("PodDisruptionBudget", "NetworkPolicy"))
    chosen = [DEPLOYMENT["spec"]["selector"], budget["spec"]["selector"], policy["spec"]["podSelector"]]
    assert [one["matchLabels"] for one in chosen] == [labels] * 3
    assert SERVICE["spec"]["selector"] == labels
    target = AUTOSCALER["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", DEPLOYMENT["metadata"]["name"])
    assert "replicas" not in DEPLOYMENT["spec"], "it would be set back to this at each apply"
    assert policy["spec"]["ingress"] == [{"ports": [{"port": 8000, "protocol": "TCP"}]}]


def test_the_autoscaler_asks_for_what_the_adapter_makes_of_what_is_measured(metrics: set[str]) -> None:  # noqa: F811
    asked = [one["pods"]["metric"]["name"] for one in AUTOSCALER["spec"]["metrics"]]
    made = {rule["name"]["as"]: re.match(r"\w+", rule["seriesQuery"]).group() for rule in RULES}  # type: ignore[union-attr]

    assert asked == ["practices_waiting", "practices_refused_per_second"] == list(made)
    assert set(made.values()) == {"practices_waiting", "practices_refused_total"} <= metrics
    assert AUTOSCALER["spec"]["minReplicas"] >= 2


def test_only_settings_that_there_are_are_set() -> None:
    texts = [path.read_text(encoding="utf-8") for path in DEPLOY.rglob("*") if path.is_file()] + [PAGE]
    named = {one for text in texts for one in re.findall(r"PRACTICES_[A-Z_]+", text)}
    assert {"PRACTICES_KEPT_RELEASES", "PRACTICES_TRUSTED_PROXIES"} <= named
    assert named <= {f"PRACTICES_{name.upper()}" for name in Settings.model_fields}
    given = {
        name.removeprefix("PRACTICES_").lower(): value for name, value in CONFIGURED.items() if "PRACTICES_" in name
    }
    assert Settings(**given).kept_releases == 5  # type: ignore[arg-type]  as the environment has them


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_a_container_of_the_compose_file_is_confined(name: str) -> None:
    service = COMPOSE["services"][name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "cpus", "pids_limit"} <= set(service)
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert set(service["networks"]) <= set(COMPOSE["networks"])
    for volume in service["volumes"]:
        source = volume.partition(":")[0]
        if source.startswith("."):
            assert volume.endswith(":ro")
            assert (DEPLOY / source).is_file()
        else:
            assert source in COMPOSE["volumes"]


def test_each_replica_has_a_pull_of_its_own_and_can_write_to_nothing() -> None:
    names = [name for name in COMPOSE["services"] if name.startswith("replica-")]
    assert names == ["replica-1", "replica-2", "replica-3"]
    for name in names:
        pull = name.replace("replica", "pull")
        replica, follower = COMPOSE["services"][name], COMPOSE["services"][pull]
        assert replica["depends_on"] == {pull: {"condition": "service_healthy"}}
        assert replica["volumes"] == [f"{volume}:ro" for volume in follower["volumes"]]
        assert replica["image"] == follower["image"] == IMAGE
        assert replica["networks"] == ["inside"]
    subnet = COMPOSE["networks"]["inside"]["ipam"]["config"][0]["subnet"]
    assert json.loads(COMPOSE["services"]["replica-1"]["environment"]["PRACTICES_TRUSTED_PROXIES"]) == [subnet]


def test_haproxy_accepts_its_configuration_which_names_the_replicas_and_logs_nothing(tmp_path: Path) -> None:
    text = (DEPLOY / "haproxy.cfg").read_text(encoding="utf-8")
    assert re.findall(r"^    server (\S+) (\S+)$", text, re.MULTILINE) == [
        (name, f"{name}:8000") for name in COMPOSE["services"] if name.startswith("replica-")
    ]
    assert not re.search(r"^\s*(log|option httplog|capture)\b", text, re.MULTILINE)
    patience = re.search(r"timeout server (\d+)s", text)
    assert patience is not None
    assert int(patience.group(1)) > Settings.model_fields["timeout"].default
    done = told(program("haproxy"), "-c", "-f", DEPLOY / "haproxy.cfg")
    assert done.returncode == 0, done.stderr
    (tmp_path / "wrong.cfg").write_text(text.replace("option redispatch 1", "option redispatching"))
    assert told(program("haproxy"), "-c", "-f", tmp_path / "wrong.cfg").returncode == 1


def test_what_the_second_image_adds_is_the_extra_with_hashes_in_the_versions_that_are_tested() -> None:
    lock = DEPLOY / "store.lock"
    parts = re.split(r"^(?=[A-Za-z0-9])", lock.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    tested = pins(ROOT / "constraints.txt")

    assert {"obstore"} <= set(pins(lock)) <= {"obstore", "typing-extensions"}
    assert needed(PROJECT["project"]["optional-dependencies"]["store"]) <= set(pins(lock))
    assert {name: tested.get(name) for name in pins(lock)} == pins(lock)
    assert [part for part in parts if not HASH.search(part)] == []
    assert "obstore" not in pins(ROOT / "requirements.lock"), "one machine needs none of it"


def test_the_second_dockerfile_ends_as_the_first_and_has_nothing_that_its_linter_warns_of() -> None:
    text = (DEPLOY / "replicas.Dockerfile").read_text(encoding="utf-8")
    assert text.splitlines()[-1] == "USER 10001:10001"
    assert re.findall(r"^FROM (\S+)", text, re.MULTILINE) == ["practices:0.1.0"]
    assert IMAGE in text
    done = told(Path(sys.executable).parent / "hadolint", "--failure-threshold=warning", DEPLOY / "replicas.Dockerfile")
    assert done.returncode == 0, done.stdout


def test_every_command_and_file_of_the_page_exists() -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    ours = [shlex.split(line.rstrip(" &"), comments=True) for line in lines if line.startswith("practices ")]
    assert len(ours) > 8
    for words in ours:
        accepted([word for word in words[1:] if word != "&"])
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", PAGE):
        assert (ROOT / target).exists(), target
    for file in re.findall(r"deploy/[A-Za-z./-]+", PAGE):
        assert (ROOT / file.rstrip(".")).exists(), file


def test_the_default_command_line_knows_nothing_of_stores_until_it_is_asked() -> None:
    script = "import sys, service.__main__, service.serving, service.app; print({'obstore'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
