"""tokenizer: settings and chat templates repaired from what the model's own files tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from autoglm_fix.agent.changes import Change
from autoglm_fix.agent.facts.generation_settings import GenerationSettings
from autoglm_fix.agent.facts.model_files import ModelFiles
from autoglm_fix.agent.facts.text_file import TextFile
from autoglm_fix.agent.facts.tokenizer import Tokenizer
from autoglm_fix.agent.facts.tokenizer_texts import TokenizerTexts
from autoglm_fix.agent.facts.vocabulary import Vocabulary
from autoglm_fix.diagnostics import Finding
from autoglm_fix.diagnostics import tokenizer_findings as found
from autoglm_fix.diagnostics.tokenizer import tokenizer as diagnose
from autoglm_fix.diagnostics.tokenizer_templates import newer_settings
from autoglm_fix.json_text import Json, parse
from autoglm_fix.json_text.edit import Key, remove_key, set_key
from autoglm_fix.json_text.mend import mend

from .registry import Declined, fix
from .text_edit import rewritten

__all__ = ["tokenizer"]

_SETTINGS = "tokenizer_config.json"
_JINJA = "chat_template.jinja"
_COMMAND = "--chat-template"
_IDS = (found.SpecialId, found.SpecialIdDoubtful)
_WORDS = (found.SpecialToken, found.PadTokenMissing)
_TEMPLATES = (found.TemplateAbsent, found.TemplateUnread, found.TemplateBroken, found.TemplateNoAssistantTurn)
_FETCHED = (
    found.NotLoadable,
    found.OfAnotherModel,
    found.VocabularyExceedsEmbeddings,
    found.RoundTripLost,
    found.TemplateOfAnotherModel,
)


@fix(found.Broken, found.SavedByNewer, *_IDS, *_WORDS, *_TEMPLATES, *_FETCHED)
def tokenizer(
    finding: Finding,
    tokenizer: Tokenizer,
    vocabulary: Vocabulary,
    model: ModelFiles,
    settings: GenerationSettings,
    texts: TokenizerTexts,
) -> Iterator[Change | Declined]:
    """Correct the tokenizer's settings, ids and chat template from what the model's own files tell.

    All that is wrong with one file is one change, the same for each of its findings.
    """
    if isinstance(finding, _FETCHED):
        yield Declined("tokenizer.needs-good-file", {"file": finding.file})
        return
    file = _target(finding, settings, texts)
    if file is None:
        of_command = isinstance(finding, _TEMPLATES) and finding.file == _COMMAND
        yield (
            Declined("tokenizer.template-of-command", {"subject": finding.subject})
            if of_command
            else _declined(finding)
        )
        return
    together = [
        each
        for each in diagnose(tokenizer, vocabulary, model, settings)
        if each.severity in ("error", finding.severity) and _target(each, settings, texts) == file
    ]
    if finding.severity == "warning" and any(each.severity == "error" for each in together):
        yield Declined("tokenizer.errors-first", {"file": file.name})
        return
    if file.host is None:
        yield Declined("tokenizer.no-host-path", {"subject": file.inside})
        return
    if _edited(file, finding, tokenizer, texts) is None:
        yield _declined(finding)
        return
    edited = file
    for each in together:
        edited = replace(edited, text=_edited(edited, each, tokenizer, texts) or edited.text)
    yield rewritten(file.host, file, edited.text, "tokenizer.correct" if file.state == "ok" else "tokenizer.write")


def _target(finding: Finding, settings: GenerationSettings, texts: TokenizerTexts) -> TextFile | None:
    """The file whose edit cures it, None where it is not one of the model's."""
    if isinstance(finding, _IDS):
        return settings.config
    written = texts.file(_SETTINGS)
    if isinstance(finding, (found.TemplateAbsent, found.TemplateUnread)):
        # There every version of the libraries looks.
        return written if written is not None and written.state == "ok" else texts.file(_JINJA)
    if isinstance(finding, (found.Broken, found.SavedByNewer, *_WORDS, *_TEMPLATES)):
        return texts.file(finding.file)
    return None


def _declined(finding: Finding) -> Declined:
    if isinstance(finding, (*_IDS, *_WORDS)):
        return Declined("tokenizer.no-better-value", {"subject": finding.subject})
    file = finding.file if isinstance(finding, (found.Broken, *_TEMPLATES)) else finding.subject
    return Declined("tokenizer.needs-good-file", {"file": file})


def _edited(file: TextFile, finding: Finding, tokenizer: Tokenizer, texts: TokenizerTexts) -> str | None:
    """The text of the finding's file without that fault, None where nothing here tells how."""
    text = file.text
    if isinstance(finding, found.Broken):
        return mend(text)
    if file.name.endswith(".json") and parse(text).problem:
        return None
    if isinstance(finding, _IDS):
        return None if finding.right is None else set_key(text, finding.setting.split("."), finding.right)
    if isinstance(finding, _WORDS):
        return _with_token(text, finding.setting, finding.right) if finding.right else None
    if isinstance(finding, found.SavedByNewer):
        return _readable(text, finding)
    if isinstance(finding, _TEMPLATES):
        return _with_template(file, finding, tokenizer, texts)
    return None


def _with_token(text: str, role: str, right: str) -> str:
    """The token as it is written there: plain, or in a table with how it is matched."""
    path: list[Key] = [role, "content"] if isinstance(parse(text).values.get(role), dict) else [role]
    return set_key(text, path, right)


def _readable(text: str, finding: found.SavedByNewer) -> str | None:
    rule = next(each for each in newer_settings() if each.setting == finding.setting)
    if rule.instead:
        return set_key(text, [rule.setting], rule.instead)
    value = parse(text).values.get(rule.setting)
    return set_key(remove_key(text, [rule.setting]), [rule.rename], value)


def _with_template(file: TextFile, finding: Finding, tokenizer: Tokenizer, texts: TokenizerTexts) -> str | None:
    own = finding.file if isinstance(finding, _TEMPLATES) else ""
    if isinstance(finding, found.TemplateUnread):
        template = _template(texts, own)
    else:
        good = [
            each.source
            for each in tokenizer.templates
            if each.source not in (own, _COMMAND) and not each.error and each.turn in ("opens", "ready")
        ]
        template = _template(texts, good[0]) if good else None
        if template is None and isinstance(finding, found.TemplateNoAssistantTurn) and finding.header:
            template = _opening(_template(texts, own), finding.header)
    if template is None:
        return None
    return template if file.name.endswith(".jinja") else set_key(file.text, _path(file.text), template)


def _template(texts: TokenizerTexts, source: str) -> str | None:
    file = texts.file(source)
    if file is None or file.state != "ok":
        return None
    if source.endswith(".jinja"):
        return file.text
    value: Json = parse(file.text).values
    for key in _path(file.text):
        if isinstance(key, int):
            value = value[key] if isinstance(value, list) else None
        else:
            value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None


def _path(text: str) -> list[Key]:
    """Where the template stands in settings: by itself, or the default one of several with names."""
    several = parse(text).values.get("chat_template")
    if not isinstance(several, list):
        return ["chat_template"]
    names = [each.get("name") for each in several if isinstance(each, dict)]
    return ["chat_template", names.index("default") if "default" in names else 0, "template"]


def _opening(template: str | None, header: str) -> str | None:
    """The template with the assistant's turn opened at its end where that is asked for."""
    if template is None:
        return None
    escaped = header.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    body = template.removesuffix("\n")  # jinja leaves one line end at the end away
    return f"{body}{{% if add_generation_prompt %}}{{{{ '{escaped}' }}}}{{% endif %}}{template[len(body) :]}"
