"""Providers that take everything at once and keep nothing: `python -m benchmarks.sinks` prints two ports, mail and SMS.

A process of its own, so that what it costs is not counted as ours; it says so of itself: PIPELINING, and keyed SMS.
"""

import asyncio
import json
import subprocess
import sys
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator
from contextlib import contextmanager

LIMIT = 2**22  # bytes of one letter or call


async def mail(reader: StreamReader, writer: StreamWriter) -> None:
    writer.write(b"220 sink\r\n")
    while line := await reader.readline():
        word = line[:4].upper()
        if word == b"EHLO":
            writer.write(b"250-sink\r\n250-8BITMIME\r\n250 PIPELINING\r\n")
        elif word == b"DATA":
            writer.write(b"354 go\r\n")
            await reader.readuntil(b"\r\n.\r\n")
            writer.write(b"250 taken\r\n")
        elif word == b"QUIT":
            break
        else:
            writer.write(b"250 ok\r\n")
    writer.close()


async def sms(reader: StreamReader, writer: StreamWriter) -> None:
    while line := await reader.readline():
        length = 0
        while line.strip():
            name, _colon, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
            line = await reader.readline()
        messages = json.loads(await reader.readexactly(length) or b"{}").get("messages", [])
        results = [{"reference": m["reference"], "status": "accepted", "id": m["key"]} for m in messages]
        body = json.dumps({"results": results}).encode()
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
    writer.close()


async def main() -> None:
    servers = [await asyncio.start_server(door, "127.0.0.1", 0, limit=LIMIT) for door in (mail, sms)]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


@contextmanager
def running() -> Iterator[tuple[int, int]]:
    """The ports of mail and SMS."""
    with subprocess.Popen([sys.executable, "-m", "benchmarks.sinks"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            mail_port, sms_port = map(int, process.stdout.readline().split())
            yield mail_port, sms_port
        finally:
            process.terminate()


if __name__ == "__main__":
    asyncio.run(main())
