"""Certificates, and TLS as Python speaks it."""

import socket
import ssl

from harness.media import run


class Certificate:
    def __init__(self, folder):
        self.path, self.key = folder / "certificate.pem", folder / "key.pem"

    def write(self, name):
        """A new certificate for `name`, both files replaced at once each."""
        paths = [path.with_suffix(".new") for path in (self.path, self.key)]
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-days", "1", "-subj", f"/CN={name}", "-out", paths[0], "-keyout", paths[1])
        paths[1].rename(self.key)
        paths[0].rename(self.path)
        return self

    def config(self):
        return f"tls:\n  certificate: {self.path}\n  key: {self.key}\n"


def connect(port):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10))


def answers(port):
    """Whether a handshake succeeds there."""
    try:
        connect(port).close()
        return True
    except OSError:
        return False
