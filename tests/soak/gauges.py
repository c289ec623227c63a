"""What a process weighs, sampled while the cluster runs, and whether that is flat."""

import os
import statistics
import time

ALLOWED_GROWTH = 0.04   # of the last third's median over the middle third's
ALLOWED_KB = 2048       # … and what so small a process may grow by in any case
ALLOWED_FDS = 3
TICKS = os.sysconf("SC_CLK_TCK")


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def cpu_seconds(pid):
    """Of all its threads since it began."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def slope(points):
    """Of the straight line through (x, y), least squares."""
    mean_x, mean_y = (statistics.fmean(values) for values in zip(*points))
    over = sum((x - mean_x) * (y - mean_y) for x, y in points)
    under = sum((x - mean_x) ** 2 for x, _ in points)
    return over / under if under else 0.0


class Gauges:
    """Samples of (seconds, kB, open files) of each process of a cluster."""

    def __init__(self, cluster, others=()):
        self.processes = {name: node.process for name, node in cluster.nodes.items()}
        self.pids = {name: process.pid for name, process in self.processes.items()}
        self.others = list(others)  # pids of the clients: only their time counts
        self.files_before = {name: open_files(pid) for name, pid in self.pids.items()}
        self.began = time.monotonic()
        self.samples = {name: [] for name in self.processes}
        self.last_cpu = None

    def sample(self):
        now = time.monotonic() - self.began
        for name, process in self.processes.items():
            self.samples[name].append((now, process.memory_kb(), open_files(process.pid)))

    def cores(self):
        """Cores that the cluster and its clients have used since the call before."""
        spent = [sum(cpu_seconds(pid) for pid in pids) for pids in (self.pids.values(), self.others)]
        now = time.monotonic()
        last, self.last_cpu = self.last_cpu, (now, spent)
        if last is None:
            return 0.0, 0.0
        return tuple((after - before) / (now - last[0]) for after, before in zip(spent, last[1]))

    def line(self):
        return " ".join(f"{name} {rows[-1][1] // 1024}M/{rows[-1][2]}" for name, rows in self.samples.items())

    def table(self):
        """Markdown: MB at a sixth, half and the end of the time, thirds' medians, kB a minute over the last half."""
        total = max(rows[-1][0] for rows in self.samples.values())
        marks = [total / 6, total / 2, total]
        head = [f"{mark / 60:.0f} min" for mark in marks]
        lines = ["| process | " + " | ".join(head) + " | middle third | last third | slope | open files |",
                 "| --- |" + " ---: |" * (len(head) + 4)]
        for name, rows in self.samples.items():
            at = [min(rows, key=lambda row: abs(row[0] - mark))[1] / 1024 for mark in marks]
            middle, last = self._thirds(rows)
            late = [(t / 60, kb) for t, kb, _ in rows if t > total / 2]
            files = [row[2] for row in rows]
            lines.append(f"| {name} | " + " | ".join(f"{mb:.1f} MB" for mb in at)
                         + f" | {middle / 1024:.1f} MB | {last / 1024:.1f} MB | {slope(late):+.1f} kB/min"
                         + f" | {min(files)}–{max(files)} |")
        return "\n".join(lines)

    @staticmethod
    def _thirds(rows):
        total = rows[-1][0]
        middle = [kb for t, kb, _ in rows if total / 3 <= t < total * 2 / 3]
        last = [kb for t, kb, _ in rows if t >= total * 2 / 3]
        return statistics.median(middle), statistics.median(last)

    def growth(self):
        """A line for each process whose memory is not flat."""
        problems = []
        for name, rows in self.samples.items():
            middle, last = self._thirds(rows)
            if last > middle * (1 + ALLOWED_GROWTH) + ALLOWED_KB:
                problems.append(f"{name} grew: {middle:.0f} kB in the middle third, {last:.0f} kB in the last")
        return problems

    def files_left(self):
        """A line for each process that holds more files open than before the first client came."""
        return [f"{name} has {open_files(pid)} open files, {self.files_before[name]} before the clients"
                for name, pid in self.pids.items() if open_files(pid) > self.files_before[name] + ALLOWED_FDS]

    def restarted(self):
        return [f"{name} is not the process that it was"
                for name, process in self.processes.items() if not process.alive() or process.pid != self.pids[name]]
