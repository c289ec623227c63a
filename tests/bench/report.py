"""The table of a run, and whether the targets hold."""


def number(value, form="{:.0f}"):
    return "—" if value is None else form.format(value)


class Report:
    def __init__(self, one, some, many):
        self.one, self.some, self.many = one, some, many
        self.readings = []
        self.floors = {}        # (kind, viewers) -> Reading
        self.first_key = {}     # (server, path) -> ms
        self.sends = {}         # (server, path) -> a viewer and second
        self.bus_rate = {}      # of a mode: messages a second that the router receives
        self.chain = {}         # messages a second -> CPU seconds a second
        self.reading_rtmp = None
        self.growth = {}        # (path, viewers) -> ratio to the floor
        self.idle = None

    def add(self, reading):
        self.readings.append(reading)

    def chain_at(self, rate):
        """Between and beyond the two rates that were measured, the cost of a message is the same."""
        (low, cheap), (high, dear) = sorted(self.chain.items())[:2]
        return cheap + (rate - low) * (dear - cheap) / (high - low)

    def find(self, server, path, viewers):
        return next((r for r in self.readings
                     if (r.server, r.path, r.viewers) == (server, path, viewers)), None)

    def table(self):
        lines = ["| server | path | viewers | µs/MB | CPU ms/s | p50 / p99 ms | sends/viewer·s |",
                 "| --- | --- | --- | --- | --- | --- | --- |"]
        for r in self.readings:
            latency = "—" if r.p99_ms is None else f"{r.p50_ms:.1f} / {r.p99_ms:.1f}"
            viewers = f"{r.viewers}" + (f" ({r.lost} lost)" if r.lost else "")
            lines.append(f"| {r.server} | {r.path} | {viewers} | {r.us_per_mb:.0f} | "
                         f"{1000 * r.cpu_per_s:.0f} | {latency} | {number(self.sends.get((r.server, r.path)), '{:.1f}')} |")
        return "\n".join(lines)

    def slope(self, server, path):
        return self._slope(self.find(server, path, self.some), self.find(server, path, self.many))

    def floor_slope(self, kind):
        return self._slope(self.floors.get((kind, self.some)), self.floors.get((kind, self.many)))

    def _slope(self, few, many):
        return (many.cpu_per_s - few.cpu_per_s) / (self.many - self.some) if few and many else None

    def rows(self):
        """(what, measured, limit); measured is None where this run did not measure it."""
        def ratio(a, b):
            return a / b if a is not None and b else None

        def of(reading, name):
            return getattr(reading, name) if reading else None

        prompt, thrifty, nginx = "Millrace, prompt", "Millrace, thrifty", "nginx-rtmp"
        for path in ("HTTP-FLV", "RTMP"):
            mid = self.find(prompt, path, self.some)
            yield f"prompt {path}: sends a viewer and second", self.sends.get((prompt, path)), 30
            yield f"prompt {path}: slope {self.some}→{self.many} ÷ 10.7 kB floor's", \
                ratio(self.slope(prompt, path), self.floor_slope("video")), 1.3
            yield f"prompt {path}: p99 ms, {self.some} viewers", of(mid, "p99_ms"), 10
            yield f"prompt {path}: p99 ms, 1 viewer", of(self.find(prompt, path, self.one), "p99_ms"), 3
            one = self.find(prompt, path, self.one)
            if one and self.chain.get(68) and self.reading_rtmp is not None and self.bus_rate.get("prompt"):
                rate = self.bus_rate["prompt"]
                yield f"prompt {path}: CPU with 1 viewer ÷ (1.5 × bus chain at {rate:.0f}/s + reading RTMP)", \
                    one.cpu_per_s / (1.5 * self.chain_at(rate) + self.reading_rtmp), 1
            yield f"thrifty {path}: slope ÷ 64 kB floor's", \
                ratio(self.slope(thrifty, path), self.floor_slope("merged")), 1.3
            scale = self.floors.get(("merged", self.many))
            yield f"thrifty {path}: µs/MB at {self.many} ÷ (SRS's 511 × floor of this run / 234)", \
                ratio(of(self.find(thrifty, path, self.many), "us_per_mb"),
                      511 * scale.us_per_mb / 234 if scale else None), 1
            yield f"first key frame {path}: ms", self.first_key.get((prompt, path)), \
                5 if path == "HTTP-FLV" else 10
            few, many = one, self.find(prompt, path, self.many)
            if few and many:
                yield f"memory {path}: KiB a viewer", \
                    (many.memory - few.memory) / (self.many - self.one) / 1024, 8
            counts = sorted(v for p, v in self.growth if p == path)
            if counts:
                yield f"growth {path}: ratio to the floor at {counts[-1]} ÷ at {counts[0]} viewers", \
                    self.growth[path, counts[-1]] / self.growth[path, counts[0]], 1.1
        for viewers in (self.some, self.many):
            yield f"prompt RTMP ÷ nginx-rtmp, µs/MB, {viewers} viewers", \
                ratio(of(self.find(prompt, "RTMP", viewers), "us_per_mb"),
                      of(self.find(nginx, "RTMP", viewers), "us_per_mb")), 0.5
        if self.idle:
            yield f"router, {self.idle['streams']:.0f} idle streams: % of a core", \
                100 * self.idle["cpu"], 2

    def targets(self):
        lines = ["| target | measured | limit | |", "| --- | --- | --- | --- |"]
        for what, measured, limit in self.rows():
            if measured is None:
                continue
            verdict = "holds" if measured <= limit else f"missed, {measured / limit:.2f} ×"
            lines.append(f"| {what} | {measured:.2f} | ≤ {limit:g} | {verdict} |")
        lines.append("")
        if self.reading_rtmp is not None:
            lines.append(f"Reading RTMP alone (nginx-rtmp, no viewer): {1000 * self.reading_rtmp:.1f} ms/s. ")
        for rate, cpu in self.chain.items():
            lines.append(f"Bare bus chain at {rate} messages/s: {1000 * cpu:.1f} ms/s. ")
        for (server, path), ms in self.first_key.items():
            lines.append(f"First key frame, {server}, {path}: {number(ms, '{:.1f}')} ms. ")
        if self.idle:
            lines.append(f"Router with {self.idle['streams']:.0f} idle streams: "
                         f"{self.idle['memory'] / 2**20:.1f} MiB more, {self.idle['cache'] / 2**20:.1f} MiB of it cache.")
        return "\n".join(lines)
