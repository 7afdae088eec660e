"""Options that say how hosts are reached: who logs in, who acts there, and where passwords come from."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from . import options

if TYPE_CHECKING:
    from autoglm_fix.authored.vault import Keyring
    from autoglm_fix.connect.route import Credentials
    from autoglm_fix.inventory.ansible_config import AnsibleConfig
    from autoglm_fix.inventory.routes import Asked

C = TypeVar("C", bound=Callable[..., Any])

_FILE = click.Path(dir_okay=False)
_METHODS = click.Choice(["sudo", "su", "doas"])


def host_options(function: C) -> C:
    """Who logs in, and who acts on the hosts."""
    for option in reversed(
        (
            click.option("-u", "--user", metavar="NAME", help="Who logs in where the inventory does not say."),
            click.option("--private-key", metavar="FILE", help="The key to log in with, where it does not say."),
            click.option("-k", "--ask-pass", is_flag=True, help="Ask for the password of the login."),
            click.option("--connection-password-file", type=_FILE, metavar="FILE", help="Read it, or run FILE."),
            click.option("-b", "--become", is_flag=True, help="Act as root on the hosts."),
            click.option("--become-method", type=_METHODS, help="How to become root: sudo, unless something is said."),
            click.option("--become-user", metavar="NAME", help="Whom to become instead of root."),
            click.option("-K", "--ask-become-pass", is_flag=True, help="Ask for the password that becoming root asks."),
            click.option("--become-password-file", type=_FILE, metavar="FILE", help="Read it, or run FILE."),
            click.option("--accept-new-host-keys", is_flag=True, help="Trust the keys of hosts never seen before."),
        )
    ):
        function = option(function)
    return function


def vault_options(function: C) -> C:
    """Where the passwords of encrypted files and values come from."""
    for option in reversed(
        (
            click.option(
                "--vault-password-file",
                "--vault-pass-file",
                "vault_password_files",
                multiple=True,
                metavar="FILE",
                help="Read a vault password, or run FILE (repeatable).",
            ),
            click.option(
                "--vault-id", "vault_ids", multiple=True, metavar="LABEL@FILE", help="One of a label; or LABEL@prompt."
            ),
            click.option(
                "-J", "--ask-vault-pass", "--ask-vault-password", "ask_vault_pass", is_flag=True, help="Ask for it."
            ),
        )
    ):
        function = option(function)
    return function


def taken(
    given: Mapping[str, Any], *, contacting: bool = True, as_json: bool = False, telling: bool = True
) -> dict[str, Any]:
    """All of these options as ``orders.Choice`` has them; or the end of this process, with what is wrong said.

    Where no host will be contacted (``contacting``) nobody is asked for the passwords of hosts. What an ansible.cfg
    says and is not followed is told (``telling``).
    """
    from autoglm_fix.authored.problems import BadInput

    config = of_folder(as_json=as_json)
    if telling:
        tell(config)
    try:
        return {
            "asked": asked(given, config, secrets=contacting),
            "keys": keyring(given, config),
            "accept_new": given["accept_new_host_keys"],
            "host_words": again(given),
        }
    except BadInput as err:
        options.fail_on_bad_input(err, as_json=as_json)


def of_folder(*, as_json: bool = False) -> AnsibleConfig:
    """What the folder's ansible.cfg says; or the end of this process, with what is wrong with it said."""
    from autoglm_fix.authored.problems import BadInput
    from autoglm_fix.inventory.ansible_config import ansible_config

    try:
        return ansible_config()
    except BadInput as err:
        options.fail_on_bad_input(err, as_json=as_json)


def tell(config: AnsibleConfig, *, hosts: bool = True) -> None:
    """Name what an ansible.cfg says and is not followed. ``hosts``: some are going to be contacted."""
    context = click.get_current_context()
    typed = {name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    options.warn(config.said(typed, hosts=hosts and "inventories" in typed))


def keyring(given: Mapping[str, Any], config: AnsibleConfig) -> Keyring:
    """The vault passwords that were given. A person is asked at once."""
    from autoglm_fix.inventory import passwords

    return passwords.keyring(
        given["vault_ids"],
        given["vault_password_files"],
        ask=given["ask_vault_pass"],
        prompt=lambda what: _typed(what, "--vault-password-file FILE"),
        environment={**config.vault, **os.environ},
    )


def asked(given: Mapping[str, Any], config: AnsibleConfig, *, secrets: bool = True) -> Asked:
    """What was said of all hosts. Raises BadInput where a password file gives none; a person is asked at once.

    Without ``secrets`` nobody is asked, and no file is read: no host will be contacted.
    """
    from autoglm_fix.connect.route import Credentials
    from autoglm_fix.inventory.routes import Asked

    if given["ask_pass"] and given["connection_password_file"]:
        raise click.UsageError("--ask-pass and --connection-password-file say two things: choose one.")
    if given["ask_become_pass"] and given["become_password_file"]:
        raise click.UsageError("--ask-become-pass and --become-password-file say two things: choose one.")
    credentials = _credentials(given) if secrets else Credentials()
    return Asked(
        become=given["become"] or config.become,
        become_method=given["become_method"] or config.become_method,
        become_user=given["become_user"] or config.become_user,
        user=given["user"] or config.user,
        key_file=given["private_key"] or config.key_file,
        credentials=credentials,
        variables=config.variables,
    )


def again(given: Mapping[str, Any]) -> list[str]:
    """The options of these that a next command needs as well, as they were typed."""
    words: list[str] = []
    for option, name in (
        *(("-u", "user"), ("--private-key", "private_key"), ("-k", "ask_pass")),
        *(("--connection-password-file", "connection_password_file"), ("-b", "become")),
        *(("--become-method", "become_method"), ("--become-user", "become_user"), ("-K", "ask_become_pass")),
        *(("--become-password-file", "become_password_file"), ("--vault-password-file", "vault_password_files")),
        *(("--vault-id", "vault_ids"), ("--ask-vault-pass", "ask_vault_pass")),
    ):
        value = given.get(name)
        if value is True:
            words.append(option)
        elif value:
            words += [word for each in ([value] if isinstance(value, str) else value) for word in (option, each)]
    return words


def _credentials(given: Mapping[str, Any]) -> Credentials:
    from autoglm_fix.connect.route import Credentials

    password = _read("--connection-password-file", given["connection_password_file"])
    if given["ask_pass"]:
        password = _typed("SSH password", "--connection-password-file FILE")
    become_password = _read("--become-password-file", given["become_password_file"])
    if given["ask_become_pass"]:
        same = " (empty: the SSH password)" if password else ""
        become_password = _typed(f"BECOME password{same}", "--become-password-file FILE", empty=True) or password
    return Credentials(password=password, become_password=become_password or None)


def _read(option: str, file: str | None) -> str | None:
    """A password from a file, or from the program that it is."""
    if file is None:
        return None
    from autoglm_fix.authored.problems import BadInput, Position
    from autoglm_fix.authored.vault import NoPassword
    from autoglm_fix.inventory.passwords import PasswordFile

    try:
        return PasswordFile(file).read().decode("utf-8")
    except NoPassword as err:
        raise BadInput([Position(option).problem(str(err))]) from err
    except UnicodeDecodeError as err:
        raise BadInput([Position(option).problem(f"the password in {file} is not UTF-8 text")]) from err


def _typed(what: str, instead: str, *, empty: bool = False) -> str:
    """One password, typed without an echo."""
    if not sys.stdin.isatty():
        raise click.UsageError(f"the {what} is typed on a terminal, and there is none: use {instead}.")
    default = "" if empty else None
    said: str = click.prompt(what, hide_input=True, err=True, default=default, show_default=False)
    return said
