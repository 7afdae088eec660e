"""Words by which something is worth a closer look. The judging is the controller's."""

from __future__ import annotations

import os
import re

from ..definition.start import python_of
from ..facts.landscape import Program
from .patience import patiently

# In commands, images, units and compose files.
ENGINES = re.compile(
    r"vllm|sglang|sgl-|llama|ollama|transformers|text-generation|lmdeploy|xinference|ktransformers|tgi\b|triton"
    r"|autoglm|phone[_-]?agent|huggingface|modelscope|mindie|mlc[_-]llm|fastchat|exllama|tabbyapi",
    re.IGNORECASE,
)
PYTHON = re.compile(r"(?:python|pypy)[\d.]*\Z")
# Programs that run a Python application: the word after them names it as a module.
RUNNERS = (
    "uvicorn",
    "gunicorn",
    "hypercorn",
    "granian",
    "flask",
    "streamlit",
    "gradio",
    "accelerate",
    "torchrun",
    "ray",
)
_IMPORT = re.compile(
    r"^[ \t]*(?:from|import)[ \t]+(torch|transformers|vllm|sglang|llama_cpp|modelscope|diffusers|openai"
    r"|phone_agent|ollama)\b",
    re.MULTILINE,
)
_PATH = re.compile(r"""['"]((?:/|~/)[^'"\n]{1,400})['"]""")
_LONGEST = 1 << 18


def python_and_program(argv: list[str], folder: str | None) -> tuple[str | None, Program | None]:
    """The interpreter that a command names, and the text of the Python program that it runs."""
    nothing: tuple[str | None, Program | None] = (None, None)
    return patiently(lambda: (python_of(argv, folder or "/"), _program(argv, folder or "/")), nothing)


def _program(argv: list[str], folder: str) -> Program | None:
    for path in _named(argv, folder):
        try:
            if not os.path.isfile(path):
                continue
            with open(path, "rb") as source:
                text = source.read(_LONGEST).decode("utf-8", "replace")
        except OSError:
            continue
        models = [os.path.expanduser(each) for each in _PATH.findall(text)]
        imports = list(dict.fromkeys(_IMPORT.findall(text)))
        return Program(path, imports, [each for each in dict.fromkeys(models) if _is_model(each)][:5])
    return None


def _is_model(path: str) -> bool:
    """Whether a path is that of a model, as far as names tell."""
    try:
        return os.path.isfile(os.path.join(path, "config.json")) or (path.endswith(".gguf") and os.path.isfile(path))
    except (OSError, ValueError):
        return False


def _named(argv: list[str], folder: str) -> list[str]:
    found = []
    for at, word in enumerate(argv[:12]):
        before = argv[at - 1] if at else ""
        if word.endswith(".py"):
            found.append(os.path.join(folder, word))
        elif before == "-m" or os.path.basename(before) in RUNNERS or ":" in word:
            module = word.partition(":")[0]
            if re.fullmatch(r"[A-Za-z_][\w.]*", module):
                path = os.path.join(folder, *module.split("."))
                found += [path + ".py", os.path.join(path, "__main__.py")]
    return found
