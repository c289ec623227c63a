"""UDP sockets in asyncio's loop, made and used without awaiting anything."""

import asyncio
import random
import socket


class UdpSocket:
    """`on_packet(data, peer)` is called with what comes."""

    def __init__(self, sock, on_packet):
        self.sock, self.on_packet = sock, on_packet
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.port = sock.getsockname()[1]
        self.loop = asyncio.get_running_loop()
        self.loop.add_reader(sock.fileno(), self._read)

    def _read(self):
        for _ in range(64):
            try:
                data, peer = self.sock.recvfrom(65536)
            except BlockingIOError:
                return
            except OSError:  # what we sent went to a port that nobody listens on
                continue
            self.on_packet(data, peer)

    def send(self, data, peer):
        try:
            self.sock.sendto(data, peer)
        except OSError:
            pass  # the same, or the buffer is full: this is UDP

    def close(self):
        self.loop.remove_reader(self.sock.fileno())
        self.sock.close()


def udp_pair(host, on_rtp, on_rtcp):
    """Sockets on an even port and the one behind it."""
    while True:
        even = random.randrange(24000, 32000, 2)
        pair = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        try:
            pair[0].bind((host, even))
            pair[1].bind((host, even + 1))
        except OSError:
            for one in pair:
                one.close()
            continue
        return UdpSocket(pair[0], on_rtp), UdpSocket(pair[1], on_rtcp)
