"""Plain HTTP requests whose every part a test may look at."""

import http.client


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = {k.lower(): v for k, v in headers}
        self.body = body


def request(port, path, method="GET", headers=None, timeout=20, limit=None):
    """One request on a connection of its own; at most `limit` bytes of the body are read."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, headers=headers or {})
        response = connection.getresponse()
        body = response.read() if limit is None else response.read(limit)
        return Answer(response.status, response.getheaders(), body)
    finally:
        connection.close()
