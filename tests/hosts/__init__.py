"""Real isolated hosts on this machine, booted in a quarter of a second; a test is skipped where there can be none.

    with boot(tmp_path / "gpu01") as host:                          # systemd=False: sshd alone
        host.write("/etc/systemd/system/model.service", UNIT)
        host.run("systemctl", "start", "model")                     # fails the test where the command fails
        before = host.written()                                     # path to what became of it, since the boot
        host.run(sys.executable, "-m", "autoglm_fix", "run", ..., env={"AUTOGLM_FIX_STATE_DIR": "/var/tmp/state"})
        assert host.written() == before                             # nothing was written, or all was put back

A host sees the machine's files, the repository and the virtual environment among them, below a layer of its own: what
it writes lands in `host.upper` and nowhere else. Its /tmp, /var/tmp, /run and /dev are its own: what both sides need,
such as `tmp_path`, is given as `share=[tmp_path]`. Of networks it has a cable to this machine (`host.address`), and
sshd lets root in with `host.key`. `host.command(...)` is the argv for a process that the test itself holds, or for a
terminal. Hosts are cheap and may be booted at once from threads; make them fixtures of a module where tests can share.

Container engines are in `containers` (on this machine or on a host), supervisord in `supervisor`, servers of models in
`servers`. All of it ends with the context; hosts, engines and supervisord also with the test's process, killed or not.
"""

from tests.hosts.host import Host, boot

__all__ = ["Host", "boot"]
