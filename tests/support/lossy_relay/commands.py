"""Commands on standard input, a line each, of a program that lives in asyncio's loop."""

import asyncio
import sys


async def take_commands(on_command, stop):
    """Calls `on_command(word)` until the end of standard input; "quit" sets `stop`."""
    reader = asyncio.StreamReader()
    try:
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    except (ValueError, PermissionError):
        return  # a file or /dev/null: nobody is there to command
    while line := await reader.readline():
        command = line.decode().strip()
        if command == "quit":
            stop.set()
        else:
            on_command(command)
