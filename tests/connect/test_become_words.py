"""What sudo, su, doas and PAM say where they refuse, in versions that these tests cannot run."""

from __future__ import annotations

import pytest

from autoglm_fix.connect.become import asks, refusal
from autoglm_fix.locale import LANGUAGES, Catalogue

REFUSALS = {
    # sudo 1.8 to 1.9
    "sudo: a password is required": "password-needed",
    "sudo: interactive authentication is required": "password-needed",
    "sudo: a terminal is required to read the password; either use the -S option to read from standard input": (
        "password-needed"
    ),
    "sudo: sorry, you must have a tty to run sudo": "needs-terminal",
    "ann is not in the sudoers file.\nThis incident has been reported to the administrator.": "not-allowed",
    "ann is not allowed to run sudo on gpu01.  This incident will be reported.": "not-allowed",
    "Sorry, user ann may not run sudo on gpu01.": "not-allowed",
    "Sorry, user ann is not allowed to execute '/usr/bin/sh -c x' as root on gpu01.": "command-denied",
    "Sorry, try again.\nsudo: 1 incorrect password attempt": "wrong-password",
    "sudo: unknown user bob": "no-user",
    "sudo: unknown user: bob": "no-user",
    "sudo: account validation failure, is your account locked?": "expired",
    "sudo: Account or password is expired, reset your password and try again": "expired",
    'sudo: The "no new privileges" flag is set, which prevents sudo from running as root.': "no-setuid",
    "sudo: effective uid is not 0, is /usr/bin/sudo on a file system with the 'nosuid' option set?": "no-setuid",
    "sudo: /usr/bin/sudo must be owned by uid 0 and have the setuid bit set": "no-setuid",
    "/etc/sudoers:3:9: syntax error\nsudo: no valid sudoers sources found, quitting": "refused",
    # sudo-rs
    "sudo: I'm sorry ann. I'm afraid I can't do that": "not-allowed",
    "Sorry, user ann may not run /usr/bin/sh on gpu01.": "not-allowed",
    "sudo: user 'bob' not found": "no-user",
    "sudo: Maximum 3 incorrect authentication attempts": "wrong-password",
    "sudo: Authentication failed, try again.": "wrong-password",
    "sudo: sudo must be owned by uid 0 and have the setuid bit set": "no-setuid",
    # su
    "su: Authentication failure": "wrong-password",
    "su: incorrect password": "wrong-password",
    "su: Permission denied": "not-allowed",
    "su: must be run from a terminal": "needs-terminal",
    "su: user bob does not exist or the user entry does not contain all the required fields": "no-user",
    "su: unknown user bob": "no-user",
    "su: User not known to the underlying authentication module": "no-user",
    "Your account has expired; please contact your system administrator.\nsu: User account has expired": "expired",
    "You are required to change your password immediately (administrator enforced).": "expired",
    "This account is currently not available.": "no-shell",
    # doas
    "doas: Operation not permitted": "not-allowed",
    "doas: doas is not enabled, /etc/doas.conf: No such file or directory": "not-allowed",
    "doas: Authentication required": "password-needed",
    "doas: Authorization required": "password-needed",
    "doas: Authentication failed": "wrong-password",
    "doas: a tty is required": "needs-terminal",
    "doas: unknown user": "no-user",
    # env, whose words are the host's own
    "env: „sudo“: Datei oder Verzeichnis nicht gefunden": "no-program",
    "env: 'doas': 没有那个文件或目录": "no-program",
    "env: can't execute 'sudo': No such file or directory": "no-program",
}


@pytest.mark.parametrize(("said", "code"), REFUSALS.items())
def test_every_way_to_say_no_has_its_code_and_its_words(said: str, code: str) -> None:
    noise = "Last login: Sun Nov 22\n*** gpu01: your certificates are fine ***\n"
    assert refusal(said) == refusal(noise + said + "\n") == code
    for language in LANGUAGES:
        assert Catalogue(language).template(f"become.{code}", "summary")
        assert Catalogue(language).template(f"become.{code}", "advice")


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        ("\r\nPassword: ", ""),
        ("doas (ann@gpu01) password: ", ""),
        ("\nLDAP Password:", ""),
        ("", "We trust you ...\nsudo password for ann: "),
        ("", "Password for ann@EXAMPLE.ORG: "),
        ("", "[sudo: authenticate] Password: "),
    ],
)
def test_what_asks_for_a_password_is_told_it(heard: str, said: str) -> None:
    assert asks(heard, said)


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        ("", ""),
        ("Verification code: ", ""),
        ("Password: \r\n", ""),
        ("your password will expire in 3 days\n", ""),
        ("", "Password: "),
        ("", "Enter passphrase for key: "),
        ("", "sudo password for ann: \n"),
    ],
)
def test_what_does_not_is_told_nothing(heard: str, said: str) -> None:
    assert not asks(heard, said)
