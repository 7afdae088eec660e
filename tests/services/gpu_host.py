"""A host with GPUs, as far as a program can tell: a driver's libraries, module, cards and nodes, and a model server.

``with gpu_host(folder) as gpu:`` gives one with an RTX 4090, driver 580 and Open-AutoGLM on vLLM 0.12, not started;
``gpu.machine(...)`` and ``gpu.cards(...)`` say what there is from then on, ``gpu.define(...)`` how the service is
started, ``gpu.fix(...)`` calls the command line there, and ``gpu.as_new()`` makes it what it was at first.
"""

from __future__ import annotations

import contextlib
import importlib.util
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests import nvml
from tests.cli.command import Said
from tests.hosts import Host, boot

from .hollow import autoglm
from .lab import PYTHON, ROOT, STATE, autoglm_fix, inventory

HERE = Path(__file__).parent
MIB, GIB = 1 << 20, 1 << 30
PREFIX, MODEL, ENV_FILE = "/opt/autoglm", "/models/AutoGLM-Phone-9B", "/etc/default/autoglm"
UNIT = "/etc/systemd/system/autoglm.service"
DROP_IN = f"{UNIT}.d/50-autoglm-fix.conf"
DRIVER = "580.95.05"
RTX_4090, L40S = 24_564 * MIB, 46_068 * MIB
# What the driver keeps of a card for itself.
RESERVED = 355 * MIB
# README.md of zai-org/Open-AutoGLM at 6b18d7b, word by word but for the model's folder.
README = (
    f"{PREFIX}/bin/python -m vllm.entrypoints.openai.api_server --served-model-name autoglm-phone-9b"
    " --allowed-local-media-path / --mm-encoder-tp-mode data --mm_processor_cache_type shm"
    ' --mm_processor_kwargs "{\\"max_pixels\\":5000000}" --max-model-len 25480'
    " --chat-template-content-format string --limit-mm-per-prompt '{\"image\":10}'"
    f" --model {MODEL} --port 8000"
)
SERVICE = """\
[Unit]
Description=AutoGLM-Phone-9B
[Service]
User=autoglm
EnvironmentFile={env_file}
{more}
ExecStart={command}
[Install]
WantedBy=multi-user.target
"""
SPEC: Mapping[str, Any] = {
    "name": "autoglm",
    "manager": "systemd",
    "unit": "autoglm.service",
    "engine": "vllm",
    "python": f"{PREFIX}/bin/python",
    "model": MODEL,
    "served_model_name": "autoglm-phone-9b",
    "endpoint": "http://127.0.0.1:8000/v1",
}
TORCH = "from typing import Optional\n__version__ = {version!r}\ncuda: Optional[str] = {cuda!r}\n"


@dataclass(frozen=True)
class GpuHost:
    """A host that is up, with all that a healthy one has."""

    host: Host

    # -- what there is

    def machine(self, count: int = 1, *, version: str = DRIVER, **values: object) -> None:
        """So many cards in every place where they show, with a driver of that version; ``values`` as of ``cards``."""
        major = int(version.partition(".")[0])
        self.cards(GPUS=count, DRIVER=version, **values)
        self.cuda(DRIVER=13000 if major >= 580 else 12080 if major >= 570 else 12040, COUNT=count)
        self.module(version)
        self.bus(count)
        self.nodes(count)

    def cards(self, **values: object) -> None:
        """What NVML says, by the names of tests/nvml/stub.c. USED is without what the driver keeps for itself."""
        named = {"NAMES": "NVIDIA GeForce RTX 4090", "CAPABILITIES": "8.9", "TOTAL": RTX_4090}
        lines = {"DRIVER": DRIVER, **named, "RESERVED": RESERVED, **values}
        lines["USED"] = ";".join(str(RESERVED + int(used)) for used in str(values.get("USED", 0)).split(";"))
        self.host.write("/run/nvml.conf", "".join(f"{name}={value}\n" for name, value in lines.items()), 0o666)

    def cuda(self, **values: int) -> None:
        """What libcuda says, by the names of tests/nvml/cuda.c."""
        self.host.write("/run/cuda.conf", "".join(f"CUDA_{name}={value}\n" for name, value in values.items()))

    def module(self, version: str | None) -> None:
        """The version of the kernel's module, None for none."""
        self.host.run("rm", "-rf", "/sys/module/nvidia")
        if version:
            self.host.write("/sys/module/nvidia/version", f"{version}\n")

    def bus(self, count: int) -> None:
        """So many cards on the PCI bus, in the hands of NVIDIA's driver."""
        self.host.run("sh", "-c", "rm -rf /sys/bus/pci/devices/*")
        for number in range(count):
            card = f"/sys/bus/pci/devices/0000:{number + 1:02x}:00.0"
            self.host.write(f"{card}/vendor", "0x10de\n")
            self.host.write(f"{card}/class", "0x030000\n")
            self.host.run("ln", "-s", "/sys/bus/pci/drivers/nvidia", f"{card}/driver")

    def nodes(self, count: int, mode: int = 0o666) -> None:
        """The device nodes of so many cards, none for none."""
        self.host.run("sh", "-c", "rm -f /dev/nvidia*")
        numbers = {f"nvidia{at}": (195, at) for at in range(count)}
        numbers |= {"nvidiactl": (195, 255), "nvidia-uvm": (510, 0)} if count else {}
        for name, (major, minor) in numbers.items():
            self.host.run("mknod", "-m", f"{mode:o}", f"/dev/{name}", "c", str(major), str(minor))

    def libraries(self, *names: str) -> None:
        """Which of the driver's libraries the linker finds: ``libnvidia-ml``, ``libcuda``."""
        self.host.run("sh", "-c", _LIBRARIES, "sh", DRIVER, *names)

    def desktop(self, held: int) -> str:
        """A process that draws on the card, and holds so much of it; who it is, as messages say it."""
        self.host.run("sh", "-c", "ln -sf /bin/sleep /run/Xorg; (setsid /run/Xorg 1000 >/dev/null 2>&1 </dev/null &)")
        pid = self.host.run("sh", "-c", "until pgrep -x Xorg; do sleep 0.02; done").stdout.strip()
        self.cards(USED=held, DRAWING=f"{pid}:{held}")
        return f"Xorg (pid {pid}, root, {held / GIB:.1f} GiB)"

    def install(self, name: str, version: str, *requires: str) -> None:
        """A distribution of the service's environment, as its metadata has it, in the place of another version."""
        site = self.host.run("sh", "-c", f"echo {PREFIX}/lib/python3*/site-packages").stdout.strip()
        self.host.run("sh", "-c", f"rm -rf {site}/{name.replace('-', '_')}-*.dist-info")
        for path, text in _distribution(name, version, requires).items():
            self.host.write(f"{site}/{path}", text)

    # -- the service

    def define(self, added: str = "", *, more: str = "", variables: str = "", command: str = README) -> None:
        """The unit and its env file; nothing is started."""
        self.host.write(ENV_FILE, f"HF_HUB_OFFLINE=1\n{variables}", 0o640)
        command = f"{command} {added}".strip().replace("%", "%%")
        self.host.write(UNIT, SERVICE.format(env_file=ENV_FILE, more=more, command=command))
        self.host.run("systemctl", "daemon-reload")
        self.host.run("systemctl", "enable", "-q", "autoglm")

    def start(self) -> None:
        """Start it, and wait until it listens or has failed."""
        self.host.run("systemctl", "start", "autoglm", check=False)
        until = "until ss -ltnH 'sport = :8000' | grep -q . || systemctl is-failed -q autoglm; do sleep 0.05; done"
        self.host.run("sh", "-c", until)
        self.host.run("journalctl", "--sync")

    def shown(self, name: str) -> str:
        """A property of the unit, as systemd has it."""
        return self.host.run("systemctl", "show", "autoglm", "--value", "-p", name).stdout.strip()

    @property
    def starts(self) -> int:
        """How often its program has been started since the host was as new."""
        self.host.run("journalctl", "--sync")
        since = "journalctl -u autoglm -o cat --after-cursor=$(cat /run/as-new)"
        return self.host.run("sh", "-c", since).stdout.count("vLLM API server version")

    # -- the command line

    def fix(self, command: str, *arguments: str, spec: Mapping[str, Any] = SPEC, **environment: str) -> Said:
        """autoglm-fix on the host, with an inventory of the host alone where the command takes one."""
        hosts = ["-i", inventory(self.host, spec)] if command == "run" else []
        return autoglm_fix(self.host, command, *arguments, *hosts, **environment)

    def look(self, *arguments: str, spec: Mapping[str, Any] = SPEC) -> Said:
        """A dry-run, as a document."""
        return self.fix("run", "no-output", "--dry-run", "--format", "json", *arguments, spec=spec)

    def looks(self, *each: Sequence[str]) -> list[Said]:
        """Dry-runs with these arguments at the same time: what all of them wait for is waited for once."""
        asked = ["run", "no-output", "--dry-run", "-i", inventory(self.host, SPEC)]
        with ThreadPoolExecutor() as pool:
            return list(pool.map(lambda arguments: autoglm_fix(self.host, *asked, *arguments), each))

    def repair(self, *arguments: str, spec: Mapping[str, Any] = SPEC) -> Said:
        """A run, as a document."""
        return self.fix("run", "no-output", "--format", "json", *arguments, spec=spec)

    def as_new(self) -> None:
        """As it was at first: nothing runs, nothing is left of earlier runs, all is in order."""
        self.host.run("sh", "-c", _AS_NEW, "sh", f"{UNIT}.d", STATE, PREFIX)
        self.libraries("libnvidia-ml", "libcuda")
        self.machine()
        self.define()
        self.host.run("sh", "-c", _SINCE)


@contextlib.contextmanager
def gpu_host(folder: Path) -> Iterator[GpuHost]:
    """A host with all that a healthy one has, the service defined and down. What it needs is made in ``folder``."""
    with boot(folder / "host", share=[folder]) as host:
        nvml.build(folder / "driver")
        nvml.build_cuda(folder / "driver")
        _environment(folder / "site")
        host.run("useradd", "--create-home", "autoglm")
        host.run("sh", "-c", _LAY, "sh", folder, ROOT, PREFIX, PYTHON, autoglm(folder / "model"), MODEL)
        gpu = GpuHost(host)
        gpu.as_new()
        yield gpu


_LAY = """
set -e
mkdir -p /opt/nvidia/lib /opt/lab/python/tests /opt/lab/python/autoglm_fix "$6"
mkdir -p /etc/ld.so.conf.d /etc/supervisor/conf.d /var/log/supervisor
cp -r "$1/driver" /opt/lab/driver
ln -s /run/nvml.conf /opt/nvidia/lib/nvml.conf
ln -s /run/cuda.conf /opt/nvidia/lib/cuda.conf
echo /opt/nvidia/lib >/etc/ld.so.conf.d/nvidia.conf
mount -t tmpfs -o mode=755 tmpfs /sys/module
mount -t tmpfs -o mode=755 tmpfs /sys/bus/pci/devices
mount --bind "$5" "$6"
# The endpoints of the tests, where every user may read them, without what other tests compile meanwhile.
tar -C "$2" --exclude=__pycache__ -c tests/endpoint tests/__init__.py autoglm_fix/agent autoglm_fix/__init__.py |
    tar -C /opt/lab/python --no-same-owner -x
"$4" -m venv --without-pip "$3"
tar -C "$1/site" --exclude=__pycache__ -hc . | tar -C "$3"/lib/python3*/site-packages --no-same-owner -x
chmod -R a+rX /opt/lab "$3"
chown -R autoglm: "$3"
cp -a "$3" /opt/lab/environment
"""
_LIBRARIES = """
version=$1
shift
rm -f /opt/nvidia/lib/lib*
for name; do
    cp "/opt/lab/driver/$name.so.1" "/opt/nvidia/lib/$name.so.$version"
    ln -s "$name.so.$version" "/opt/nvidia/lib/$name.so.1"
done
ldconfig
"""
_AS_NEW = """
systemctl stop autoglm supervisor 2>/dev/null
systemctl reset-failed
pkill -x Xorg
rm -rf "$1" "${1%.d}" "$2" "$3" /root/*.yml /etc/supervisor/conf.d/*
# What systemd remembers of a unit it forgets with it.
systemctl daemon-reload
cp -a /opt/lab/environment "$3"
"""
_SINCE = """
journalctl --sync
journalctl -n 0 --show-cursor | sed -n 's/^-- cursor: //p' >/run/as-new
"""


def _environment(site: Path) -> None:
    """The packages of the service: metadata of all, and the code of what is really called."""
    stack: dict[str, Any] = yaml.safe_load((HERE / "gpu_packages.yml").read_text())
    files: dict[str, str] = {}
    for line in stack.pop("others"):
        files |= _distribution(*line.split("=="))
    for name, about in stack.items():
        files |= _distribution(name, about["version"], about["requires"])
    files["vllm/entrypoints/openai/api_server.py"] = (HERE / "vllm_stand_in.py").read_text()
    for path, text in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text)
    for name in ("tokenizers", "jinja2", "markupsafe"):
        spec = importlib.util.find_spec(name)
        assert spec and spec.origin
        (site / name).symlink_to(Path(spec.origin).parent)


def _distribution(name: str, version: str, requires: Sequence[str] = ()) -> dict[str, str]:
    """Path to text: what an installer leaves of a distribution, its code left out."""
    stem = name.replace("-", "_")
    info = f"{stem}-{version}.dist-info"
    lines = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", "Requires-Python: >=3.9"]
    lines += [f"Requires-Dist: {line}" for line in requires]
    found = {"METADATA": "\n".join(lines) + "\n", "INSTALLER": "pip\n", "RECORD": f"{info}/METADATA,,\n"}
    files = {f"{info}/{file}": text for file, text in found.items()}
    if name == "torch":
        build = re.fullmatch(r"[\d.]+\+cu(\d+)(\d)", version)
        cuda = f"{build[1]}.{build[2]}" if build else "12.8"
        full = version if build else f"{version}+cu128"
        files["torch/version.py"] = TORCH.format(version=full, cuda=cuda)
    return files
