"""A host with GPUs, as far as a program can tell: a driver's libraries, module, cards and nodes, and a model server.

with boot(tmp_path / "host", share=[shared]) as host:
    gpu = lay(host, shared)                     # RTX 4090, driver 580, Open-AutoGLM on vLLM 0.12, not started
    gpu.cards(TOTAL=24564 << 20, USED=0)        # what NVML says from now on
    gpu.define("--gpu-memory-utilization 0.97") # the README's command, with what is added
    gpu.fix("run", "no-output", "--dry-run")    # the command line, on the host
"""

from __future__ import annotations

import functools
import importlib.util
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests import models, nvml
from tests.cli.command import Said
from tests.hosts import Host

from .lab import PYTHON, ROOT, STATE, autoglm_fix, inventory

HERE = Path(__file__).parent
MIB, GIB = 1 << 20, 1 << 30
PREFIX, MODEL, ENV_FILE = "/opt/autoglm", "/models/AutoGLM-Phone-9B", "/etc/default/autoglm"
UNIT = "/etc/systemd/system/autoglm.service"
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
# What the stand-in for torch must say of itself, by what people call its builds.
TORCH = "from typing import Optional\n__version__ = {version!r}\ncuda: Optional[str] = {cuda!r}\nhip: Optional[str] = None\n"


@dataclass(frozen=True)
class GpuHost:
    """A host that is up, with all that ``lay`` has put there."""

    host: Host

    def cards(self, **values: object) -> None:
        """What NVML says, by the names of tests/nvml/stub.c. USED is without what the driver keeps for itself."""
        lines = {
            "DRIVER": DRIVER,
            "NAMES": "NVIDIA GeForce RTX 4090",
            "CAPABILITIES": "8.9",
            "RESERVED": RESERVED,
            **values,
        }
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

    def bus(self, count: int, driver: str = "nvidia") -> None:
        """So many NVIDIA cards on the PCI bus, in the hands of a kernel driver."""
        self.host.run("sh", "-c", "rm -rf /sys/bus/pci/devices/*")
        for number in range(count):
            card = f"/sys/bus/pci/devices/0000:{number + 1:02x}:00.0"
            self.host.write(f"{card}/vendor", "0x10de\n")
            self.host.write(f"{card}/class", "0x030000\n")
            self.host.run("ln", "-s", f"/sys/bus/pci/drivers/{driver}", f"{card}/driver")

    def nodes(self, count: int, mode: int = 0o666) -> None:
        """The device nodes of so many cards."""
        self.host.run("sh", "-c", "rm -f /dev/nvidia*")
        for name, major, minor in [
            *((f"nvidia{at}", 195, at) for at in range(count)),
            ("nvidiactl", 195, 255),
            ("nvidia-uvm", 510, 0),
        ]:
            self.host.run("mknod", "-m", f"{mode:o}", f"/dev/{name}", "c", str(major), str(minor))

    def machine(self, count: int = 1, *, version: str = DRIVER, **values: object) -> None:
        """So many cards in every place where they show, with a driver of that version."""
        self.cards(GPUS=count, DRIVER=version, **values)
        major = int(version.partition(".")[0])
        self.cuda(DRIVER=13000 if major >= 580 else 12080 if major >= 570 else 12040, COUNT=count)
        self.module(version)
        self.bus(count)
        self.nodes(count)

    def install(self, name: str, version: str, *requires: str, python: str = ">=3.9") -> None:
        """A distribution of the service's environment, as its metadata has it, in the place of another version."""
        site, stem = self.site, name.replace("-", "_")
        self.host.run("sh", "-c", f"rm -rf {site}/{stem}-*.dist-info")
        lines = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", f"Requires-Python: {python}"]
        lines += [f"Requires-Dist: {line}" for line in requires]
        self.host.write(f"{site}/{stem}-{version}.dist-info/METADATA", "\n".join(lines) + "\n")
        self.host.write(f"{site}/{stem}-{version}.dist-info/INSTALLER", "pip\n")
        self.host.write(f"{site}/{stem}-{version}.dist-info/RECORD", f"{stem}-{version}.dist-info/METADATA,,\n")
        if name == "torch":
            build = re.fullmatch(r"[\d.]+(?:\+cu(\d+)(\d))?", version)
            cuda = f"{build[1]}.{build[2]}" if build and build[1] else "12.8"
            self.host.write(
                f"{site}/torch/version.py",
                TORCH.format(version=version if "+" in version else f"{version}+cu128", cuda=cuda),
            )

    @property
    def site(self) -> str:
        return self.host.run("sh", "-c", f"echo {PREFIX}/lib/python3*/site-packages").stdout.strip()

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
        """How often the service was started since the boot."""
        self.host.run("journalctl", "--sync")
        return self.host.run("journalctl", "-u", "autoglm", "-o", "cat").stdout.count("vLLM API server version")

    def fix(self, command: str, *arguments: str, spec: Mapping[str, Any] | None = None, **environment: str) -> Said:
        """autoglm-fix on the host, with an inventory of the host alone."""
        hosts = inventory(self.host, spec or SPEC)
        return autoglm_fix(self.host, command, *arguments, *([] if command == "undo" else ["-i", hosts]), **environment)

    def look(self, *arguments: str, spec: Mapping[str, Any] | None = None, **environment: str) -> dict[str, Any]:
        """The document of a dry-run."""
        return self.fix(
            "run", "no-output", "--dry-run", "--format", "json", *arguments, spec=spec, **environment
        ).document


def lay(host: Host, shared: Path) -> GpuHost:
    """Everything that a healthy host has, with the service defined and down. ``shared``: a folder of both sides."""
    gpu = GpuHost(host)
    libraries = shared / "driver"
    nvml.build(libraries)
    nvml.build_cuda(libraries)
    host.run("sh", "-c", _DRIVER_SCRIPT, "sh", libraries, DRIVER)
    host.run("useradd", "--create-home", "autoglm")
    host.run("sh", "-c", _MODEL_SCRIPT, "sh", model(shared / "model"), MODEL)
    host.run("sh", "-c", _PYTHON_SCRIPT, "sh", ROOT, PREFIX, PYTHON)
    _environment(gpu)
    gpu.machine(1, TOTAL=RTX_4090)
    gpu.define()
    return gpu


_DRIVER_SCRIPT = """
set -e
mkdir -p /opt/nvidia/lib /etc/ld.so.conf.d
for name in libnvidia-ml libcuda; do
    cp "$1/$name.so.1" "/opt/nvidia/lib/$name.so.$2"
    ln -s "$name.so.$2" "/opt/nvidia/lib/$name.so.1"
done
ln -s /run/nvml.conf /opt/nvidia/lib/nvml.conf
ln -s /run/cuda.conf /opt/nvidia/lib/cuda.conf
echo /opt/nvidia/lib >/etc/ld.so.conf.d/nvidia.conf
ldconfig
mount -t tmpfs -o mode=755 tmpfs /sys/module
mount -t tmpfs -o mode=755 tmpfs /sys/bus/pci/devices
"""
_MODEL_SCRIPT = """
set -e
mkdir -p "$2"
mount --bind "$1" "$2"
"""
# The endpoints of the tests, where every user may read them.
_PYTHON_SCRIPT = """
set -e
mkdir -p /opt/lab/python/tests /opt/lab/python/autoglm_fix
cp -r "$1/tests/endpoint" "$1/tests/__init__.py" /opt/lab/python/tests
cp -r "$1/autoglm_fix/agent" "$1/autoglm_fix/__init__.py" /opt/lab/python/autoglm_fix
chmod -R a+rX /opt/lab
"$3" -m venv --without-pip "$2"
"""


def _environment(gpu: GpuHost) -> None:
    """The service's environment: metadata of all, and the code of what is really called."""
    stack = yaml.safe_load((HERE / "gpu_packages.yml").read_text())
    for line in stack.pop("others"):
        gpu.install(*line.split("=="))
    for name, about in stack.items():
        gpu.install(name, about["version"], *about["requires"], python=about["python"])
    for name in ("tokenizers", "jinja2", "markupsafe"):
        spec = importlib.util.find_spec(name)
        assert spec and spec.origin
        gpu.host.run("cp", "-r", Path(spec.origin).parent, gpu.site)
    gpu.host.run("mkdir", "-p", f"{gpu.site}/transformers")
    server = f"{gpu.site}/vllm/entrypoints/openai/api_server.py"
    gpu.host.write(server, (HERE / "vllm_stand_in.py").read_text())
    gpu.host.run("sh", "-c", f"chmod -R a+rX {PREFIX}; chown -R autoglm: {PREFIX}")


def model(folder: Path) -> Path:
    """AutoGLM-Phone-9B without what makes it heavy: true headers over holes of the right size, a small tokenizer."""
    models.copy(models.tiny_vision(), folder)
    (folder / "model.safetensors").unlink()
    config = json.loads((folder / "config.json").read_text())
    config["text_config"] |= {
        **_TEXT,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [8, 12, 12]},
    }
    config["vision_config"] |= _VISION
    (folder / "config.json").write_text(json.dumps(config))
    # As the transformers of that vLLM writes it.
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings["additional_special_tokens"] = settings.pop("extra_special_tokens")
    settings |= {"tokenizer_class": "PreTrainedTokenizerFast"}
    settings.pop("backend", None)
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    files: list[dict[str, list[int]]] = [{}]
    for name, shape in _tensors():
        if sum(map(_bytes, files[-1].values())) + _bytes(shape) > 5 * 10**9:
            files.append({})
        files[-1][name] = shape
    where: dict[str, str] = {}
    for number, tensors in enumerate(files, 1):
        name = f"model-{number:05d}-of-{len(files):05d}.safetensors"
        _hollow(folder / name, tensors)
        where |= dict.fromkeys(tensors, name)
    total = sum(map(_bytes, (shape for tensors in files for shape in tensors.values())))
    index = {"metadata": {"total_size": total}, "weight_map": where}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    folder.chmod(0o755)
    return folder


_TEXT = {
    "vocab_size": 151_552,
    "hidden_size": 4096,
    "intermediate_size": 13_696,
    "num_hidden_layers": 40,
    "num_attention_heads": 32,
    "num_key_value_heads": 2,
    "max_position_embeddings": 65_536,
}
# One more than so many holes of a file are small ones.
_HOLES, _BLOCK = 1000, 4096
_NUMBERS = bytes.fromhex("3c3d") * (_BLOCK // 2)
_VISION = {
    "depth": 24,
    "hidden_size": 1536,
    "num_heads": 12,
    "image_size": 336,
    "out_hidden_size": 4096,
    "intermediate_size": 13_696,
}


def _tensors() -> Iterator[tuple[str, list[int]]]:
    """Those of Glm4vForConditionalGeneration with its default sizes, as transformers makes them."""
    wide, text, sight = 4096, "model.language_model", "model.visual"
    yield f"{text}.embed_tokens.weight", [151_552, wide]
    for number in range(40):
        layer = f"{text}.layers.{number}"
        for part, rows in (("q", wide), ("k", 256), ("v", 256)):
            yield f"{layer}.self_attn.{part}_proj.weight", [rows, wide]
            yield f"{layer}.self_attn.{part}_proj.bias", [rows]
        yield f"{layer}.self_attn.o_proj.weight", [wide, wide]
        yield f"{layer}.mlp.gate_up_proj.weight", [27_392, wide]
        yield f"{layer}.mlp.down_proj.weight", [wide, 13_696]
        for norm in ("input", "post_attention", "post_self_attn", "post_mlp"):
            yield f"{layer}.{norm}_layernorm.weight", [wide]
    yield f"{text}.norm.weight", [wide]
    yield "lm_head.weight", [151_552, wide]
    yield f"{sight}.embeddings.position_embedding.weight", [576, 1536]
    yield f"{sight}.patch_embed.proj.weight", [1536, 3, 2, 14, 14]
    yield f"{sight}.patch_embed.proj.bias", [1536]
    for number in range(24):
        block = f"{sight}.blocks.{number}"
        yield f"{block}.norm1.weight", [1536]
        yield f"{block}.norm2.weight", [1536]
        yield f"{block}.attn.qkv.weight", [4608, 1536]
        yield f"{block}.attn.proj.weight", [1536, 1536]
        yield f"{block}.mlp.gate_proj.weight", [wide, 1536]
        yield f"{block}.mlp.up_proj.weight", [wide, 1536]
        yield f"{block}.mlp.down_proj.weight", [1536, wide]
    yield f"{sight}.merger.proj.weight", [wide, wide]
    yield f"{sight}.merger.post_projection_norm.weight", [wide]
    yield f"{sight}.merger.post_projection_norm.bias", [wide]
    yield f"{sight}.merger.gate_proj.weight", [13_696, wide]
    yield f"{sight}.merger.up_proj.weight", [13_696, wide]
    yield f"{sight}.merger.down_proj.weight", [wide, 13_696]
    yield f"{sight}.post_conv_layernorm.weight", [1536]
    yield f"{sight}.downsample.weight", [wide, 1536, 2, 2]
    yield f"{sight}.downsample.bias", [wide]
    yield f"{sight}.post_layernorm.weight", [1536]


def _bytes(shape: list[int]) -> int:
    return 2 * math.prod(shape)


def _hollow(path: Path, tensors: Mapping[str, list[int]]) -> None:
    """A file of BF16 tensors that takes a few megabytes of the disk, and shows no zeros to whoever does not read it all.

    That is: none in the middle of a tensor, and more small holes at its begin than anybody counts.
    """
    table: dict[str, Any] = {}
    at = 0
    for name, shape in tensors.items():
        table[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + _bytes(shape)]}
        at += _bytes(shape)
    header = json.dumps(table).encode()
    header = header.ljust(-(-len(header) // 8) * 8)
    with path.open("wb") as out:
        out.write(len(header).to_bytes(8, "little") + header)
        begin = out.tell()
        for place in range(2 * _BLOCK * (begin // _BLOCK), 2 * _BLOCK * (_HOLES + begin // _BLOCK + 2), 2 * _BLOCK):
            if begin <= place:
                out.seek(place)
                out.write(_NUMBERS)
        for first, end in (each["data_offsets"] for each in table.values()):
            place = max((first + end) // 2 - _BLOCK, first)
            out.seek(begin + place)
            out.write((2 * _NUMBERS)[: end - place])
        out.truncate(begin + at)
