"""Child processes with logs: started, killed, stopped, restarted, and judged at the end."""

import os
import re
import signal
import subprocess

from harness.waiting import until

SANITIZER_REPORT = re.compile(
    r"ERROR: (Address|Leak|Thread|Memory)Sanitizer|WARNING: ThreadSanitizer|runtime error: "
)
# In front of a command: it dies with us. A preexec_fn could do the same, but runs Python between fork and exec, where
# a lock that one of gRPC's threads holds is never given back.
DIES_WITH_PARENT = ["setpriv", "--pdeathsig", "KILL", "--"]


class Process:
    """One program, which may live several times; each life appends to the same log."""

    def __init__(self, name, argv, log_folder, env=None):
        self.name = name
        self.argv = [str(a) for a in argv]
        self.log_path = log_folder / f"{name}.log"
        self.env = dict(os.environ, **(env or {}))
        self.child = None

    def start(self):
        assert not self.alive(), f"{self.name} runs already"
        with open(self.log_path, "ab") as log:
            self.child = subprocess.Popen(
                DIES_WITH_PARENT + self.argv, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, env=self.env, cwd=self.log_path.parent)
        return self

    @property
    def pid(self):
        return self.child.pid

    def alive(self):
        return self.child is not None and self.child.poll() is None

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def send(self, number):
        self.child.send_signal(number)

    def kill(self):
        """kill -9"""
        self.child.kill()
        self.child.wait()

    def freeze(self):
        self.send(signal.SIGSTOP)
        until(lambda: self._state() == "T", 5, f"{self.name} is stopped")

    def thaw(self):
        self.send(signal.SIGCONT)

    def _state(self):
        with open(f"/proc/{self.pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0]

    def terminate(self, timeout=20):
        """SIGTERM; returns the exit code."""
        if self.alive():
            self.thaw()
            self.send(signal.SIGTERM)
        try:
            return self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end within {timeout} s of SIGTERM") from None

    def memory_kb(self):
        """Resident memory now."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
        return 0

    def sanitizer_reports(self):
        return [line for line in self.log().splitlines() if SANITIZER_REPORT.search(line)]
