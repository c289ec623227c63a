#!/usr/bin/python3
"""A camera: an RTSP server that is as wrong as the device whose profile it is given.

  camera.py --list
  camera.py --profile hikvision --port 8554                     makes its own recording
  camera.py --profile reolink --port 8554 --file FILE           plays any file with H.264 or H.265, AAC or G.711
  camera.py --profile plain --set udp=refused --set timeout_s=5
  ffplay -rtsp_transport tcp "$(the url that it prints)"

Events are lines of JSON on standard output. Commands on standard input: counters, calm (no more losses over UDP),
silence, resume, cut (ends the connections), quit.
"""

import argparse
import asyncio
import json
import pathlib
import signal
import sys
import tempfile
from urllib.parse import quote

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "lossy_relay")]

import impairment as network  # noqa: E402
import recording as recordings  # noqa: E402
from commands import take_commands  # noqa: E402
from login import Login  # noqa: E402
from profiles import PROFILES, profile_with  # noqa: E402
from server import Connection  # noqa: E402
from udp import udp_pair  # noqa: E402


class Camera:
    connection_class = Connection

    def __init__(self, profile, recording, arguments):
        self.profile, self.recording = profile, recording
        self.arguments = arguments
        self.speed, self.loops = arguments.speed, arguments.loops
        self.login = Login(profile)
        self.silent = False
        self.connections = {}
        self.made = 0
        self.impairments = []

    def emit(self, event, **fields):
        print(json.dumps({"event": event, **fields}), flush=True)

    async def serve(self):
        server = await asyncio.start_server(self._on_connection, self.arguments.host, self.arguments.port)
        port = server.sockets[0].getsockname()[1]
        login = f"{quote(self.profile.user, safe='')}:{quote(self.profile.password, safe='')}@" if self.profile.user else ""
        self.emit("listening", port=port, url=f"rtsp://{login}{self.arguments.host}:{port}{self.profile.path}")
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        commands = asyncio.create_task(take_commands(self._on_command, stop))
        await stop.wait()
        commands.cancel()
        server.close()
        serving = [connection.task for connection in self.connections.values()]
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        self.emit("end", **self.counters())

    async def _on_connection(self, reader, writer):
        self.made += 1
        number = self.made
        self.emit("connected", connection=number, open=len(self.connections) + 1)
        connection = self.connections[number] = self.connection_class(self, number, reader, writer)
        connection.task = asyncio.current_task()
        try:
            await connection.serve()
        finally:
            del self.connections[number]

    def _on_command(self, command):
        connections = list(self.connections.values())
        if command == "calm":
            for send in [send for connection in connections for send in connection.impairments()]:
                send.flush(send.impairment.calm())
        elif command in ("silence", "resume"):
            self.silent = command == "silence"
            for connection in connections:
                if connection.player:
                    connection.player.silent = self.silent
        elif command == "cut":
            for connection in connections:
                connection.writer.transport.abort()
        self.emit(command, **self.counters())

    def counters(self):
        impaired = {key: sum(i.counters[key] for i in self.impairments) for key in network.Impairment().counters}
        return {"connections": self.made, "open": len(self.connections), "udp": impaired,
                "sessions": [c.counters() for c in self.connections.values()]}

    def impairment(self):
        self.impairments.append(network.from_arguments(self.arguments, len(self.impairments)))
        return self.impairments[-1]

    def udp_pair(self, on_report):
        """Sockets for RTP and RTCP, on an even port and the one behind it."""
        return udp_pair(self.arguments.host, lambda _data, _peer: None, lambda _data, _peer: on_report())


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", choices=sorted(PROFILES), default="plain", metavar="NAME")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="changes the profile")
    parser.add_argument("--list", action="store_true", help="shows all profiles")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any")
    parser.add_argument("--file", help="what it plays; without it, it makes a recording with ffmpeg")
    parser.add_argument("--speed", type=float, default=1, help="times real time")
    parser.add_argument("--loops", type=int, default=0, help="how often it plays the file; 0: for ever")
    network.add_arguments(parser.add_argument_group("the network, over UDP"))
    return parser.parse_args()


def main():
    arguments = read_arguments()
    if arguments.list:
        for name, profile in PROFILES.items():
            print(f"{name:18} {profile.about}")
        return
    profile = profile_with(arguments.profile, arguments.set)
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.file
        if path is None and profile.video != "vp8":
            path = f"{folder}/recording.mov"
            recordings.make_for(profile, path)
        recording = recordings.load(path) if path else recordings.Recording()
    if profile.audio == "none":
        recording.audio = None
    asyncio.run(Camera(profile, recording, arguments).serve())


if __name__ == "__main__":
    main()
