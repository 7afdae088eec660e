"""Inventories that nobody here wrote, read as the real Ansible reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from .real import Ansible, Asked, ours

PUBLIC = Path(__file__).parent / "public"
KOLLA = PUBLIC / "kolla-ansible"


@pytest.mark.parametrize(
    ("sources", "playbook"),
    [
        pytest.param(["kolla-ansible/inventory/multinode"], None, id="many groups of groups"),
        pytest.param(["kolla-ansible/inventory/multinode"], "kolla-ansible", id="group_vars beside the playbook"),
        pytest.param(["kolla-ansible/inventory/all-in-one"], "kolla-ansible", id="localhost alone"),
        pytest.param(["kolla-ansible/inventory"], "kolla-ansible", id="a folder of two files with the same groups"),
        pytest.param(["kayobe/example"], None, id="a folder with folders of group_vars"),
        pytest.param(["kayobe/defaults", "kayobe/example"], None, id="two folders, the second outranking the first"),
        pytest.param(["kayobe/example", "kolla-ansible/inventory/multinode", "gpu1, gpu2"], None, id="three sources"),
    ],
)
def test_a_real_projects_inventory_is_what_ansible_says(
    ansible: Ansible, sources: list[str], playbook: str | None
) -> None:
    paths = [source if "," in source else str(PUBLIC / source) for source in sources]
    asked = Asked(paths, ["localhost", "127.0.0.1"], playbook=playbook and str(PUBLIC / playbook))
    real, own = ansible.says(asked), ours(asked)
    assert real is not None and own is not None
    for host in ("localhost", "127.0.0.1"):
        # Of a localhost that no file names, Ansible says which Python runs itself.
        for answer in (real, own):
            answer["hosts"][host] = without(answer["hosts"][host], "ansible_python_interpreter")
    assert own == real


def without(text: str | None, name: str) -> str | None:
    lines = [line for line in (text or "").splitlines() if f'"{name}"' not in line]
    return None if text is None else "\n".join(lines).replace(",\n}", "\n}") + "\n"


PATTERNS = """\
all  *  control  control01  network:storage  control,compute  control:&network  control:!control  all:!storage
!storage  &storage  baremetal:&control:!network  *:!baremetal  control0*  *01  ~compute|storage  ~^(c|n)  ~.*01$
control[0]  control[-1]  baremetal[0:1]  baremetal[1:]  all[2]  all[1:3]  *[0]  *[-1]  *[1:3]  n*:s*  n*,s*,!network
storage:compute:&baremetal:!storage  ungrouped  localhost  127.0.0.1  localhost,compute  co*:&*01  !~.*01  &all
control:&*[0]  [cn]*  ???????01  mon*:!monitoring01  deployment  ungr*  al*  nova-conductor  nova*:!nova-compute*
loadbalancer:&nova  common:!control:!network  baremetal[0]:compute[0]  !baremetal[0]  &baremetal[-1]  tls-*,cron
"""


@pytest.fixture(scope="module")
def selected(ansible: Ansible) -> tuple[dict[str, list[str] | None], dict[str, list[str] | None]]:
    """For each pattern what Ansible selects with it, and what we do."""
    patterns = [pattern for line in PATTERNS.splitlines() for pattern in line.split("  ")]
    asked = Asked([str(KOLLA / "inventory/multinode")], (), [(pattern, None) for pattern in patterns], None, {})
    real, own = ansible.says(asked), ours(asked)
    assert real is not None and own is not None
    return dict(zip(patterns, real["selected"], strict=True)), dict(zip(patterns, own["selected"], strict=True))


@pytest.mark.parametrize("pattern", [pattern for line in PATTERNS.splitlines() for pattern in line.split("  ")])
def test_a_pattern_selects_what_ansible_selects(
    selected: tuple[dict[str, list[str] | None], dict[str, list[str] | None]], pattern: str
) -> None:
    real, own = selected
    assert own[pattern] == (real[pattern] or None)
