"""The page: one file that fetches nothing, the verdict first."""

from __future__ import annotations

import io
from html.parser import HTMLParser

import pytest

from autoglm_fix.engine.events import RunDone
from autoglm_fix.engine.results import RunResult
from autoglm_fix.report.html import HtmlReport

from . import runs

VOID = {"meta", "br"}


class Page(HTMLParser):
    """Tags, attributes and text of a page; fails where tags do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.said: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open, f"left open: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.said.append(data)


def written(run: RunResult, language: str = "en") -> str:
    out = io.StringIO()
    HtmlReport(out, language)(RunDone(run))
    out.getvalue().encode("utf-8")
    return out.getvalue()


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("run", [runs.result(runs.STUCK), runs.hostile(), runs.fleet(), runs.result()])
def test_a_page_fetches_nothing_and_runs_nothing(run: RunResult, language: str) -> None:
    text = written(run, language)
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "object", "form", "base"} & set(page.tags)
    assert not {name for name, _ in page.attributes} & {"src", "href", "style", "onclick", "onload"}
    assert "url(" not in text
    assert "@import" not in text


def test_the_verdict_comes_first() -> None:
    text = written(runs.result(runs.STUCK))
    page = Page(text)
    assert page.tags[page.tags.index("body") :][:3] == ["body", "header", "h1"]
    assert "<h1>1 host, 1 service: does not answer (empty)</h1>" in text
    assert '<header class="bad">' in text
    assert "<h1>1 台主机，1 个服务：没有回答（输出为空）</h1>" in written(runs.result(runs.STUCK), "zh")


def test_it_follows_the_reader_s_light_or_dark() -> None:
    assert "prefers-color-scheme: dark" in written(runs.result(runs.HEALTHY))


def test_what_a_host_says_is_text() -> None:
    text = written(runs.hostile())
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert not set(text) & {"\x1b", "\u202e", "\u2028", "\x07"}


def test_800_hosts_make_a_page_that_can_be_read() -> None:
    text = written(runs.fleet())
    assert len(text) < 40_000
    assert "gpu444" in text
    assert text.count("<section") == 5


def test_changes_are_there_in_full() -> None:
    text = written(runs.result(runs.REPAIRED))
    assert '<span class="removed">-  &quot;max_length&quot;: 4,</span>' in text
    assert f"autoglm-fix undo {runs.RUN}" in text


def test_a_page_about_800_hosts_stays_small_and_names_each() -> None:
    out = io.StringIO()
    HtmlReport(out)(runs.RunDone(runs.fleet()))
    assert len(out.getvalue().encode()) < 100_000
    assert out.getvalue().count("<section") == 5
    assert all(f"gpu{number:03}" in out.getvalue() for number in (17, 117, 444, 445, 800))
