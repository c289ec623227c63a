#!/usr/bin/python3
"""A bad network between an RTSP client and a server: passes the conversation on, and loses packets of its media.

  relay.py --listen 8600 --to 127.0.0.1:8554 --loss 0.01 --burst 0.001 --duplicate 0.01 --reorder 50 --seed 7

Ports in Transport headers are rewritten, so that RTP and RTCP over UDP pass through here in both directions; RTP packets
are lost, doubled and delayed, RTCP is not. Media inside the connection passes untouched. Works for players and for
publishers. Events are lines of JSON; commands on standard input: counters, calm (nothing is lost any more), quit.
"""

import argparse
import asyncio
import json
import re
import signal
import sys

import impairment
from commands import take_commands
from udp import udp_pair


class Media:
    """The ports of one SETUP. The server sees `client_side` as its client; the client sees `server_side` as its server."""

    def __init__(self, relay, client, client_ports, server):
        self.relay = relay
        self.ports = {"client": client_ports, "server": None}
        self.hosts = {"client": client, "server": server}
        # What comes on a socket goes out by the other one of the same kind, to the port of the other end.
        self.client_side = udp_pair("127.0.0.1", *self._onward("client"))  # the server sends here
        self.server_side = udp_pair("127.0.0.1", *self._onward("server"))  # the client sends here
        self.impairments = {end: relay.impairment() for end in self.ports}

    def _onward(self, end):
        return [lambda data, _peer, rtcp=rtcp: self._pass(end, rtcp, data) for rtcp in (0, 1)]

    def _pass(self, end, rtcp, data):
        for packet in [data] if rtcp else self.impairments[end].pass_through(data):
            self._send(end, rtcp, packet)

    def _send(self, end, rtcp, packet):
        if self.ports[end] is not None:
            sockets = self.server_side if end == "client" else self.client_side
            sockets[rtcp].send(packet, (self.hosts[end], self.ports[end][rtcp]))

    def calm(self):
        for end, one in self.impairments.items():
            for packet in one.calm():
                self._send(end, 0, packet)

    def close(self):
        for sock in (*self.client_side, *self.server_side):
            sock.close()


class Relay:
    def __init__(self, arguments):
        self.arguments = arguments
        host, _, port = arguments.to.rpartition(":")
        self.target = host, int(port)
        self.impairments = []
        self.medias = []

    def emit(self, event, **fields):
        print(json.dumps({"event": event, **fields}), flush=True)

    def impairment(self):
        self.impairments.append(impairment.from_arguments(self.arguments, len(self.impairments)))
        return self.impairments[-1]

    def counters(self):
        return {key: sum(i.counters[key] for i in self.impairments) for key in impairment.Impairment().counters}

    async def serve(self):
        server = await asyncio.start_server(self._on_client, "127.0.0.1", self.arguments.listen)
        self.emit("listening", port=server.sockets[0].getsockname()[1])
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        commands = asyncio.create_task(take_commands(self._on_command, stop))
        await stop.wait()
        commands.cancel()
        server.close()
        self.emit("end", **self.counters())

    def _on_command(self, command):
        if command == "calm":
            for media in self.medias:
                media.calm()
        if command in ("calm", "counters"):
            self.emit(command, **self.counters())

    async def _on_client(self, reader, writer):
        server_reader, server_writer = await asyncio.open_connection(*self.target)
        medias = []
        peer = writer.get_extra_info("peername")[0]
        requests = _copy(reader, server_writer, lambda line: self._on_request(line, peer, medias))
        responses = _copy(server_reader, writer, lambda line: self._on_response(line, medias))
        await asyncio.wait([asyncio.create_task(requests), asyncio.create_task(responses)],
                           return_when=asyncio.FIRST_COMPLETED)
        for one in (writer, server_writer):
            one.close()
        for media in medias:
            media.close()
            self.medias.remove(media)

    def _on_request(self, line, peer, medias):
        found = re.search(rb"client_port=(\d+)-(\d+)", line)
        if not found:
            return line
        media = Media(self, peer, tuple(map(int, found.groups())), self.target[0])
        medias.append(media)
        self.medias.append(media)
        return line.replace(found.group(0), b"client_port=%d-%d" % tuple(s.port for s in media.client_side))

    def _on_response(self, line, medias):
        found = re.search(rb"server_port=(\d+)-(\d+)", line)
        if not found or not medias:
            return line
        media = medias[-1]
        media.ports["server"] = tuple(map(int, found.groups()))
        line = line.replace(found.group(0), b"server_port=%d-%d" % tuple(s.port for s in media.server_side))
        return re.sub(rb"client_port=\d+-\d+", b"client_port=%d-%d" % media.ports["client"], line)


async def _copy(reader, writer, rewrite):
    """Messages and interleaved frames from one end to the other, Transport lines rewritten."""
    try:
        while first := await reader.read(1):
            if first == b"$":
                head = await reader.readexactly(3)
                writer.write(first + head + await reader.readexactly(int.from_bytes(head[1:], "big")))
            else:
                line, size = first + await reader.readline(), 0
                while line:
                    writer.write(rewrite(line) if line.lower().startswith(b"transport:") else line)
                    if line.lower().startswith(b"content-length:"):
                        size = int(line.partition(b":")[2])
                    if not line.strip():
                        break
                    line = await reader.readline()
                writer.write(await reader.readexactly(size))
            await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", type=int, default=0, metavar="PORT", help="0: any")
    parser.add_argument("--to", required=True, metavar="HOST:PORT", help="the RTSP server")
    impairment.add_arguments(parser)
    asyncio.run(Relay(parser.parse_args()).serve())


if __name__ == "__main__":
    sys.exit(main())
