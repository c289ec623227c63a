"""What a bad network does to packets: loss, bursts of it, duplicates, delay that puts others in front. Seeded, and counted."""

import random


class Impairment:
    """Packets in, packets out; no clock and no socket. A delayed packet comes out behind `reorder` later ones.

    The first `grace` packets pass untouched: what is lost before a receiver has seen anything, nobody can count.
    """

    def __init__(self, loss=0.0, burst=0.0, burst_length=10, duplicate=0.0, reorder=0, reorder_rate=0.01, seed=1,
                 grace=20):
        self.loss, self.burst, self.burst_length = loss, burst, burst_length
        self.duplicate, self.reorder, self.reorder_rate = duplicate, reorder, reorder_rate
        self.random = random.Random(seed)
        self.grace = grace
        self.dropping = 0
        self.delayed = []  # [packets still to let pass, packet]
        self.counters = {"packets": 0, "lost": 0, "bursts": 0, "duplicated": 0, "reordered": 0}

    def pass_through(self, packet):
        """The packets that leave when this one comes."""
        self.counters["packets"] += 1
        out = []
        if self.counters["packets"] <= self.grace:
            out.append(packet)
        elif self._drops():
            self.counters["lost"] += 1
        elif self.reorder and self.random.random() < self.reorder_rate:
            self.counters["reordered"] += 1
            self.delayed.append([self.reorder + 1, packet])
        else:
            out.append(packet)
            if self.random.random() < self.duplicate:
                self.counters["duplicated"] += 1
                out.append(packet)
        for entry in self.delayed:
            entry[0] -= 1
        out += [entry[1] for entry in self.delayed if entry[0] <= 0]
        self.delayed = [entry for entry in self.delayed if entry[0] > 0]
        return out

    def calm(self):
        """From now on everything passes; returns what was held back."""
        self.loss = self.burst = self.duplicate = self.reorder = 0
        self.dropping = 0
        held, self.delayed = [entry[1] for entry in self.delayed], []
        return held

    def _drops(self):
        if self.dropping:
            self.dropping -= 1
            return True
        if self.burst and self.random.random() < self.burst:
            self.counters["bursts"] += 1
            self.dropping = self.burst_length - 1
            return True
        return self.random.random() < self.loss


def add_arguments(parser):
    parser.add_argument("--loss", type=float, default=0, metavar="P", help="part of the packets that is lost: 0.01")
    parser.add_argument("--burst", type=float, default=0, metavar="P", help="chance that a burst of losses begins")
    parser.add_argument("--burst-length", type=int, default=10, metavar="N", help="packets of a burst")
    parser.add_argument("--duplicate", type=float, default=0, metavar="P", help="part of the packets that comes twice")
    parser.add_argument("--reorder", type=int, default=0, metavar="N", help="delayed packets come behind N later ones")
    parser.add_argument("--reorder-rate", type=float, default=0.01, metavar="P", help="part of the packets that is delayed")
    parser.add_argument("--grace", type=int, default=20, metavar="N", help="so many packets pass before it begins")
    parser.add_argument("--seed", type=int, default=1, help="of all that is random")


def from_arguments(arguments, seed_offset=0):
    return Impairment(arguments.loss, arguments.burst, arguments.burst_length, arguments.duplicate, arguments.reorder,
                      arguments.reorder_rate, arguments.seed + seed_offset, arguments.grace)
