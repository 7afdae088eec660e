"""The tables hold what their sources say, row by row, and answer as people ask."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from autoglm_fix.diagnostics.cuda_start import not_started
from autoglm_fix.knowledge import compat

SOURCES = Path(__file__).parent / "sources"
TABLES = Path(compat.__file__).parent


def source(name: str) -> dict[str, Any]:
    """A table as it was gathered, with a source for each row."""
    return dict(json.loads((SOURCES / f"{name}.json").read_text("utf-8")))


@functools.cache
def written(name: str) -> dict[str, Any]:
    """A whole table, with what nobody reads yet."""
    return dict(json.loads((TABLES / f"{name}.json").read_text("utf-8")))


def row_of(name: str, version: str) -> dict[str, Any]:
    return next(each for each in written(name)["releases"] if each["version"] == version)


TORCH = {row["torch"]: row for row in source("torch")["releases"]}
KERNELS = {(row["torch"], row["variant"], row["platform"]): row for row in source("torch")["arch_lists"]}
VLLM = {row["vllm"]: row for row in source("vllm")["releases"]}
SGLANG = {row["sglang"]: row for row in source("sglang")["releases"]}
TRANSFORMERS = {row["transformers"]: row for row in source("transformers")["releases"]}


@pytest.mark.parametrize("version", TORCH)
def test_a_release_of_torch_is_as_its_source_says(version: str) -> None:
    row, known = TORCH[version], compat.torch_release(version)
    assert known is not None
    assert (known.requires_python, known.cuda) == (row["requires_python"], row["pypi_wheel_cuda"])
    assert known.variants == row["pytorch_org_variants"]
    assert known.torchvision == [(each["torchvision"], each["spec"]) for each in row["torchvision"]]
    assert [row_of("torch", version)["triton"]] == row["triton"]
    wheels = {wheel.tag: wheel.pythons for wheel in (known.x86_64, known.aarch64)}
    assert wheels == row["pypi_linux_wheels"]
    assert known.x86_64.tag.endswith("x86_64")


@pytest.mark.parametrize("key", KERNELS, ids="-".join)
def test_a_list_of_kernels_is_as_its_source_says(key: tuple[str, str, str]) -> None:
    row = KERNELS[key]
    known = compat.kernels(f"{key[0]}.0", key[1], key[2].removeprefix("linux_"))
    assert known is not None
    assert (known.sass, known.source) == (row["sm"], row["source"])
    note = row.get("note", "")
    told = "+PTX" in note and "PTX as absent" not in note
    unsure = "stripped" in note or note.startswith("12.0+PTX listed")
    assert known.ptx is (None if unsure else told)


@pytest.mark.parametrize("version", VLLM)
def test_a_release_of_vllm_is_as_its_source_says(version: str) -> None:
    row, known = VLLM[version], compat.vllm_release(version)
    assert known is not None
    for column in ("requires_python", "torch", "torchvision", "torchaudio", "transformers", "tokenizers", "numpy"):
        assert row_of("vllm", version).get(column) == row[column]
    assert (known.requires_python, known.torch, known.transformers) == tuple(
        row[column] for column in ("requires_python", "torch", "transformers")
    )
    assert (known.wheel, known.cuda) == (row["wheel_tag"], row["torch_pypi_cuda"])
    torch = compat.torch_release(known.torch.partition("==")[2])
    assert torch is not None
    assert torch.cuda == known.cuda


@pytest.mark.parametrize("version", SGLANG)
def test_a_release_of_sglang_is_as_its_source_says(version: str) -> None:
    row, known = SGLANG[version], compat.sglang_release(version)
    assert known is not None
    assert (known.requires_python, known.pins) == (row["requires_python"], row["pins"])


@pytest.mark.parametrize("version", TRANSFORMERS)
def test_a_release_of_transformers_is_as_its_source_says(version: str) -> None:
    row, known = TRANSFORMERS[version], compat.transformers_release(version)
    assert known is not None
    assert (known.version, known.requires_python) == (version, row["requires_python"])
    assert known.torch == row["torch_extra"]
    more = row_of("transformers", version)
    assert (more["tokenizers"], more["huggingface_hub"]) == (row["tokenizers"], row["huggingface_hub"])
    assert more["accelerate"] == row["accelerate_extra"]


def test_each_table_has_every_row_of_its_source() -> None:
    assert [each.version for each in compat.torch_releases()] == list(TORCH)
    assert len(compat.all_kernels()) == len(KERNELS)
    assert [each.version for each in compat.vllm_releases()] == list(VLLM)
    assert [each.version for each in compat.sglang_releases()] == list(SGLANG)
    assert [each.version for each in compat.transformers_releases()] == list(TRANSFORMERS)


def test_drivers_are_as_their_source_says() -> None:
    rows, known = source("cuda_driver"), compat.drivers()
    toolkits = [(each["toolkit"], each["linux_x86_64_toolkit_driver_min"]) for each in rows["toolkit_driver"]]
    assert [(each.cuda, each.driver) for each in known.toolkits] == toolkits
    for row, major in zip(rows["minor_version_compatibility"], known.majors, strict=True):
        assert (major.cuda, major.branch) == (row["cuda_major"], row["linux_driver_min_branch"])
        assert major.driver in (row.get("exact_floor_ga"), row.get("exact_floor"))
        assert major.driver.startswith(str(major.branch))
    branches = [(each["branch"], each["type"], each["eol"]) for each in rows["driver_branches"]]
    assert [tuple(each.values()) for each in written("cuda_driver")["branches"]] == branches


def test_compilers_know_every_card_that_their_builds_were_made_for() -> None:
    for row in compat.all_kernels():
        cuda = row.variant[2:-1] + "." + row.variant[-1]
        (*_, known) = [each for each in compat.drivers().capabilities if Version(each.cuda) <= Version(cuda)]
        assert all(Version(known.least) <= Version(each) <= Version(known.most) for each in row.sass)


def test_cards_are_as_their_source_says() -> None:
    rows = source("gpus")["gpus"]
    assert [(each.name, each.capability) for each in compat.cards()] == [(each["name"], each["cc"]) for each in rows]
    assert [each.gib for each in compat.cards()] == [each.get("vram_gb_nominal", []) for each in rows]


@pytest.mark.parametrize("library", ["cuda", "nvml"])
def test_codes_are_as_their_source_says(library: str) -> None:
    known = {"cuda": compat.codes().cuda, "nvml": compat.codes().nvml}[library]
    assert {code: (each.name, each.doc) for code, each in known.items()} == {
        str(each["code"]): (each["name"], each["doc"]) for each in source("error_codes")[library]
    }


def test_readings_are_as_their_source_says() -> None:
    assert written("error_codes")["readings"] == source("error_codes")["_meta"]["llm_host_reading"]


@pytest.mark.parametrize("code", [3, 100, 803])
def test_what_a_reading_explains_has_a_finding_of_its_own(code: int) -> None:
    assert any(str(code) in each.split()[1].split("/") for each in written("error_codes")["readings"])
    assert not_started(code, "/x").code != "cuda.init-failed"


def test_what_the_driver_tells_through_the_kernel_is_as_its_source_says() -> None:
    rows, known = source("xid"), compat.xids()
    assert known.pattern == rows["_meta"]["log_pattern"]
    columns = ("xid", "mnemonic", "description", "immediate", "investigatory")
    assert [tuple(each[name] for name in columns) for each in written("xid")["xids"]] == [
        tuple(row[name] or "" for name in columns) for row in rows["xids"]
    ]
    assert [(each.xid, each.immediate) for each in known.xids] == [
        (row["xid"], row["immediate"] or "") for row in rows["xids"]
    ]


def test_faults_of_cuda_are_as_their_source_says() -> None:
    columns = ("id", "affects", "effect", "fixed_in", "signature", "source")
    assert [tuple(each[name] for name in columns) for each in written("cuda_driver")["bugs"]] == [
        tuple(row.get(name, "") for name in columns) for row in source("cuda_driver")["known_silent_bugs"]
    ]


def test_distributions_are_as_their_source_says() -> None:
    rows = source("glibc")
    assert [(each.name, each.glibc) for each in compat.distros()] == [
        (each["distro"], each["glibc"]) for each in rows["distro_glibc"]
    ]
    for row in rows["torch_wheel_tags"]:
        known = compat.torch_release(row["torch"])
        assert known is not None
        assert {known.x86_64.tag, known.aarch64.tag} == set(row["linux_platform_tags_on_pypi"])


def test_compilers_are_as_their_source_says() -> None:
    rows = [tuple(each.values()) for each in source("libstdcxx")["map"]]
    assert [(each.gcc, each.library, each.glibcxx, each.cxxabi) for each in compat.compilers()] == rows


@pytest.mark.parametrize(
    ("symbols", "gcc"),
    [
        ("GLIBCXX_3.4.29", "11.1.0"),
        ("GLIBCXX_3.4.30", "12.1.0"),
        ("GLIBCXX_3.4.32", "13.2.0"),
        ("CXXABI_1.3.13", "11.1.0"),
        ("CXXABI_1.3.15", "14.1.0"),
        ("GLIBCXX_3.4.99", None),
        ("CXXABI_1.3.16", None),
        ("GLIBC_2.34", None),
        ("", None),
        ("CXXABI_", None),
    ],
)
def test_symbols_tell_the_first_compiler_that_has_them(symbols: str, gcc: str | None) -> None:
    known = compat.compiler_of(symbols)
    assert (known.gcc if known else None) == gcc


def test_models_are_as_their_source_says() -> None:
    types = source("transformers")["first_version_knowing_model_type"]
    for name, version in types.items():
        assert compat.transformers_knows(name) == version
    known = source("vllm")["_meta"]["model_support"]
    assert (
        compat.vllm_knows("Glm4vForConditionalGeneration")
        == known["Glm4vForConditionalGeneration (GLM-4.1V, AutoGLM-Phone)"]
    )
    assert compat.vllm_knows("Glm4MoeForCausalLM") == known["Glm4MoeForCausalLM"]
    shares = source("vllm")["_meta"]["defaults"]["gpu_memory_utilization"]
    assert [compat.vllm_memory_share(each) for each in ("0.12.0", "0.19.1", "0.20.0", "0.33.0")] == [
        *[shares["<=0.19.0"]] * 2,
        *[shares[">=0.20.0"]] * 2,
    ]


# -- what the joined tables say, and nobody publishes


def test_the_last_vllm_that_a_driver_before_580_runs_is_0_19_1() -> None:
    old = [each.version for each in compat.vllm_releases() if each.cuda.startswith("12.")]
    assert max(old, key=Version) == "0.19.1"
    known = compat.vllm_release("0.19.1")
    assert known is not None
    assert known.torch == "torch==2.10.0"
    assert compat.drivers().majors[0].driver == "580.65.06"


def test_volta_came_and_went_under_cuda_12_8() -> None:
    has = {minor: compat.kernels(f"{minor}.0", "cu128") for minor in ("2.7", "2.8", "2.9", "2.10", "2.11")}
    assert {minor: "7.0" in row.sass for minor, row in has.items() if row} == {
        "2.7": False,
        "2.8": True,
        "2.9": True,
        "2.10": True,
        "2.11": False,
    }


def test_pascal_is_in_cuda_12_6_alone_since_torch_2_8() -> None:
    with_pascal = {
        row.variant for row in compat.all_kernels() if "6.0" in row.sass and Version(row.torch) >= Version("2.8")
    }
    assert with_pascal == {"cu126"}


def test_vllm_asks_for_three_c_libraries() -> None:
    asked = {each.version: compat.glibc_of(each.wheel) for each in compat.vllm_releases()}
    assert [asked[each] for each in ("0.12.0", "0.19.1", "0.20.0", "0.20.2", "0.22.0")] == [
        "2.31",
        "2.31",
        "2.35",
        "2.35",
        "2.28",
    ]


def test_transformers_5_is_first_admitted_by_vllm_0_19_1() -> None:
    admits = [each.version for each in compat.vllm_releases() if "5.5.1" in Requirement(each.transformers).specifier]
    bounded = [each for each in admits if Version(each) > Version("0.11.0")]
    assert bounded[0] == "0.19.1"
    # Up to 0.11.0 nothing keeps transformers 5 out, though it breaks them.
    assert "0.11.0" in admits
    assert "0.11.1" not in admits


def test_torchaudio_stopped_at_2_11() -> None:
    assert [compat.torchaudio_for(each) for each in ("2.9.1", "2.11.0", "2.14.0")] == ["2.9.1", "2.11.0", "2.11.0"]
    for row in compat.vllm_releases():
        asked = row_of("vllm", row.version).get("torchaudio")
        if asked:
            assert asked == f"torchaudio=={compat.torchaudio_for(row.torch.partition('==')[2])}"


def test_torchvision_goes_with_its_torch() -> None:
    assert [compat.torchvision_for(each) for each in ("2.9.1", "2.14.0", "2.14.1", "2.15.0")] == [
        "0.24.1",
        "0.29.0",
        "0.29.2",
        "0.29.2",
    ]
    for row in compat.vllm_releases():
        torch = row.torch.partition("==")[2]
        asked = row_of("vllm", row.version).get("torchvision")
        if asked:
            assert str(compat.torchvision_for(torch)) in SpecifierSet("==" + asked.partition("==")[2])


@pytest.mark.parametrize(
    ("torch", "variant", "glibc"),
    [("2.5.1", "cu124", "2.17"), ("2.6.0", "cu124", "2.17"), ("2.6.0", "cu126", "2.28"), ("2.7.0", "cu126", "2.28")],
)
def test_torch_needs_more_than_its_tag_says(torch: str, variant: str, glibc: str) -> None:
    known = compat.torch_release(torch)
    assert known is not None
    assert compat.torch_glibc(known, variant, "x86_64") == glibc


@pytest.mark.parametrize(
    ("name", "capability"),
    [
        ("NVIDIA GeForce RTX 4090", "8.9"),
        ("Tesla T4", "7.5"),
        ("NVIDIA A100-SXM4-80GB", "8.0"),
        ("NVIDIA H100 80GB HBM3", "9.0"),
        ("Tesla V100-SXM2-32GB", "7.0"),
        ("NVIDIA GeForce GTX 1080 Ti", "6.1"),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", "12.0"),
        ("NVIDIA GB10", "12.1"),
        ("AMD Instinct MI300X", None),
    ],
)
def test_a_card_is_known_by_the_drivers_name(name: str, capability: str | None) -> None:
    known = compat.card(name)
    assert (known.capability if known else None) == capability


@pytest.mark.parametrize("version", ["2.9.1+cu128", "2.9.1"])
def test_a_local_version_is_the_same_release(version: str) -> None:
    known = compat.torch_release(version)
    assert known is not None
    assert known.version == "2.9.1"


@pytest.mark.parametrize("version", ["2.99.0", "2.9.0a0+nv25.10", "x", "", "2.9.1.post1"])
def test_what_no_table_has_is_not_guessed(version: str) -> None:
    assert compat.torch_release(version) is None
    assert compat.vllm_release(version) is None
    assert compat.sglang_release(version) is None


def test_a_post_release_of_sglang_pins_otherwise() -> None:
    assert compat.sglang_release("0.5.6") is not None
    assert compat.sglang_release("0.5.6.post1") is None


@pytest.mark.parametrize(
    ("tag", "glibc"),
    [
        ("manylinux1_x86_64", "2.5"),
        ("manylinux2014_aarch64", "2.17"),
        ("manylinux_2_28_x86_64", "2.28"),
        ("musllinux_1_2_x86_64", ""),
        ("linux_x86_64", ""),
        ("win_amd64", ""),
    ],
)
def test_a_tag_tells_its_c_library(tag: str, glibc: str) -> None:
    assert compat.glibc_of(tag) == glibc


def test_the_newest_row_says_how_far_a_table_reaches() -> None:
    assert compat.newest(compat.torch_releases()).version == "2.15.0"
    assert compat.newest(compat.vllm_releases()).version == "0.33.0"
    assert compat.newest(compat.sglang_releases()).version == "0.5.23"
