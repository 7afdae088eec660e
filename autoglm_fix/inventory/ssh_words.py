"""The arguments of ``ssh`` that an inventory gives (``ansible_ssh_common_args``), as settings by their keyword.

Options that have nothing to set here (sharing of connections, terminals, verbosity) are dropped; what another host
would be reached by, or be trusted by, is never dropped silently: it is a setting, or a mistake.
"""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from autoglm_fix.authored.problems import did_you_mean, quoted


def _pairs(*words: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in words)


# What a connection of our own carries out.
KEYWORDS = (
    *("AddressFamily", "BindAddress", "CertificateFile", "Ciphers", "Compression", "ConnectTimeout"),
    *("GlobalKnownHostsFile", "HashKnownHosts", "HostKeyAlgorithms", "HostKeyAlias", "HostName", "IdentitiesOnly"),
    *("IdentityAgent", "IdentityFile", "KbdInteractiveAuthentication", "KexAlgorithms", "MACs"),
    *("PasswordAuthentication", "Port", "PreferredAuthentications", "ProxyCommand", "ProxyJump"),
    *("PubkeyAcceptedAlgorithms", "PubkeyAuthentication", "RevokedHostKeys", "ServerAliveCountMax"),
    *("ServerAliveInterval", "StrictHostKeyChecking", "User", "UserKnownHostsFile"),
)
_OTHER_NAMES = {
    "challengeresponseauthentication": "kbdinteractiveauthentication",
    "keepalive": "tcpkeepalive",
    "pubkeyacceptedkeytypes": "pubkeyacceptedalgorithms",
    "skeyauthentication": "kbdinteractiveauthentication",
}
# How connections are shared, what a person at a terminal sees, and what is offered to the other end.
_NOTHING_TO_SET = frozenset(
    {
        *("addkeystoagent", "batchmode", "canonicalizehostname", "checkhostip", "clearallforwardings"),
        *("connectionattempts", "controlmaster", "controlpath", "controlpersist", "enableescapecommandline"),
        *("escapechar", "exitonforwardfailure", "fingerprinthash", "forwardagent", "forwardx11"),
        *("forwardx11timeout", "forwardx11trusted", "gssapidelegatecredentials", "gssapirenewalforrekey", "ipqos"),
        *("loglevel", "logverbose", "nohostauthenticationforlocalhost", "numberofpasswordprompts"),
        *("obscurekeystroketiming", "permitlocalcommand", "rekeylimit", "requesttty", "sendenv", "setenv"),
        *("stdinnull", "streamlocalbindunlink", "syslogfacility", "tag", "tcpkeepalive", "updatehostkeys"),
        *("visualhostkey", "xauthlocation"),
    }
)
# One more way in, or one more voucher for a host's key, that only ssh itself knows: it is missed where no other does.
MORE_WAYS = (
    *("GSSAPIAuthentication", "GSSAPIKeyExchange", "HostbasedAuthentication", "KnownHostsCommand"),
    *("PKCS11Provider", "VerifyHostKeyDNS"),
)
# Words of ssh that only ssh itself carries out.
_SSH_ALONE = frozenset(
    {
        *("bindinterface", "casignaturealgorithms", "dynamicforward"),
        *("ignoreunknown", "include", "localcommand", "localforward"),
        *("proxyusefdpass", "query", "remotecommand", "remoteforward", "requiredrsasize"),
        *("securitykeyprovider", "sessiontype", "stdioforward", "tunnel", "tunneldevice"),
        *("controlcommand", "forkafterauthentication", "hostbasedacceptedalgorithms", "canonicaldomains"),
    }
)
# Where they are off there is nothing to do for them.
_OFF = {"gssapiauthentication": "no", "hostbasedauthentication": "no", "forkafterauthentication": "no"}
_OFF |= {"gssapikeyexchange": "no", "tunnel": "no", "verifyhostkeydns": "no"}
# Letters of ssh's command line, each with the keyword that it sets; "-F" and "-o" are of another kind.
_WITH_VALUE: Mapping[str, str] = _pairs(
    *("F=", "o=", "b=bindaddress", "c=ciphers", "i=identityfile", "J=proxyjump", "l=user", "m=macs", "p=port"),
    *("E=loglevel", "S=controlpath", "e=escapechar", "P=tag", "I=pkcs11provider", "L=localforward"),
    *("R=remoteforward", "D=dynamicforward", "B=bindinterface", "W=stdioforward", "w=tunneldevice"),
    *("O=controlcommand", "Q=query"),
)
_ALONE: Mapping[str, str] = _pairs(
    *("4=addressfamily inet", "6=addressfamily inet6", "A=forwardagent yes", "a=forwardagent no"),
    *("C=compression yes", "q=loglevel quiet", "v=loglevel debug", "T=requesttty no", "x=forwardx11 no"),
    *("n=stdinnull yes", "K=gssapiauthentication yes", "k=gssapidelegatecredentials no"),
    *("M=controlmaster yes", "y=syslogfacility user"),
)
_ASSIGNED = re.compile(r"\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+)(.*?)\s*", re.DOTALL)
_OUTSIDE = "Say it in ~/.ssh/config, or set 'ansible_connection: openssh', which leaves it to the system's own ssh."


@dataclass(frozen=True)
class SshWords:
    """Settings by keyword in lower case, the first of each, ``-F`` as ``configfile``; ``mistakes`` have hints."""

    options: Mapping[str, str] = field(default_factory=dict)
    mistakes: tuple[tuple[str, str], ...] = ()


@functools.lru_cache(maxsize=256)
def ssh_words(text: str, *, any_keyword: bool = False) -> SshWords:
    """What the arguments set. ``any_keyword``: the system's ssh takes them, so that every keyword is fine."""
    try:
        words = shlex.split(text)
    except ValueError:
        return SshWords(mistakes=((f"{quoted(text)} has a quote without its other half", ""),))
    reader = _Reader(any_keyword)
    reader.read(iter(words))
    return SshWords(reader.options, tuple(reader.mistakes))


class _Reader:
    def __init__(self, any_keyword: bool) -> None:
        self.options: dict[str, str] = {}
        self.mistakes: list[tuple[str, str]] = []
        self._any_keyword = any_keyword

    def read(self, words: Iterator[str]) -> None:
        for word in words:
            if not word.startswith("-") or word in ("-", "--"):
                self._wrong(
                    f"{quoted(word)} is no option of ssh", "Options begin with '-'; quote what belongs together."
                )
                continue
            self._flags(word, words)

    def _flags(self, word: str, words: Iterator[str]) -> None:
        """``-qC``, ``-p2222``, ``-o X=y``: letters in a row, of which the last may have a value."""
        for number, letter in enumerate(word[1:], start=1):
            if letter in _WITH_VALUE:
                value = word[number + 1 :] or next(words, "")
                if not value:
                    self._wrong(f"'-{letter}' has no value", "")
                else:
                    self._valued(letter, value)
                return
            if letter in _ALONE:
                keyword, value = _ALONE[letter].split()
                self._set(keyword, value, f"-{letter}")
            else:
                self._wrong(f"'-{letter}' of ssh is not for a connection that runs one program", "Leave it out.")

    def _valued(self, letter: str, value: str) -> None:
        if letter == "F":
            self.options.setdefault("configfile", value)
        elif letter == "o":
            found = _ASSIGNED.fullmatch(value)
            if found is None:
                self._wrong(f"'-o' takes KEYWORD=VALUE, not {quoted(value)}", "")
                return
            self._set(found[1].lower(), _unquoted(found[2]), f"-o {found[1]}")
        else:
            self._set(_WITH_VALUE[letter], value, f"-{letter}")

    def _set(self, keyword: str, value: str, option: str) -> None:
        keyword = _OTHER_NAMES.get(keyword, keyword)
        if keyword in _NOTHING_TO_SET and not self._any_keyword:
            return
        if value.lower() == _OFF.get(keyword):
            return
        known = {each.lower() for each in (*KEYWORDS, *MORE_WAYS)}
        if keyword not in known and not self._any_keyword:
            near = "" if keyword in _SSH_ALONE else did_you_mean(option.removeprefix("-o "), KEYWORDS)
            self._wrong(f"the option {quoted(option)} of ssh is not carried out here", near or _OUTSIDE)
            return
        if keyword == "identityfile" and keyword in self.options:
            self._wrong("there is more than one key", "Name one here, and further ones in ~/.ssh/config.")
            return
        self.options.setdefault(keyword, value)

    def _wrong(self, message: str, hint: str) -> None:
        self.mistakes.append((message, hint))


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
