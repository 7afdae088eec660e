from __future__ import annotations

from pathlib import Path

import pytest

from autoglm_fix.inventory.secret import SecretUnreadable, read_secret


def test_no_secret_is_none() -> None:
    assert read_secret(None) is None


def test_a_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOGLM_KEY", "sk-0123456789")
    assert read_secret({"env": "AUTOGLM_KEY"}) == "sk-0123456789"


def test_a_file_is_read_without_its_line_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "key").write_text("sk-0123456789\n")
    assert read_secret({"file": str(tmp_path / "key")}) == "sk-0123456789"
    assert read_secret({"file": "~/key"}) == "sk-0123456789"


@pytest.mark.parametrize("content", [b"", b"\n", b"one\ntwo\n", b"\xff\xfe", "schlüssel".encode(), b"a\x00b"])
def test_what_no_header_could_carry_is_refused_without_repeating_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(SecretUnreadable) as caught:
        read_secret({"file": str(tmp_path / "key")})
    assert str(tmp_path / "key") in str(caught.value)
    assert "two" not in str(caught.value)
    assert "schl" not in str(caught.value)


def test_a_missing_one_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUTOGLM_KEY", raising=False)
    with pytest.raises(SecretUnreadable, match="AUTOGLM_KEY is not set"):
        read_secret({"env": "AUTOGLM_KEY"})
    with pytest.raises(SecretUnreadable, match="cannot be read: No such file"):
        read_secret({"file": str(tmp_path / "key")})
