"""Basic and Digest (RFC 2617) as cameras demand them."""

import base64
import hashlib
import re
import secrets

REALM = "IP Camera(21389)"


def _md5(text):
    return hashlib.md5(text.encode()).hexdigest()


class Login:
    """Of one connection, or of a camera for all of them."""

    def __init__(self, profile):
        self.profile = profile
        self.nonce = secrets.token_hex(16)
        self.method = None

    def check(self, method, uri, header):
        """None where the request may pass; else the WWW-Authenticate lines of its 401."""
        if not self.profile.user:
            return None
        scheme, _, rest = header.partition(" ")
        if scheme == "Basic" and self.profile.auth in ("basic", "both"):
            right = base64.b64encode(f"{self.profile.user}:{self.profile.password}".encode()).decode()
            return None if rest.strip() == right else self._challenges(stale=False)
        if scheme != "Digest" or self.profile.auth == "basic":
            if self.profile.nonce_life == "method":
                self._renew(method)
            return self._challenges(stale=False)
        fields = {k.lower(): v for k, v in re.findall(r'(\w+)="?([^",]*)"?', rest)}
        if fields.get("nonce") != self.nonce or (self.profile.nonce_life == "method" and method != self.method):
            self._renew(method)
            return self._challenges(stale=self.profile.stale_flag)
        right = self._response(method, fields) == fields.get("response") and fields.get("username") == self.profile.user
        if self.profile.digest_uri == "request" and fields.get("uri") != uri:
            right = False
        if self.profile.nonce_life == "request":
            self._renew(method)
        return None if right else self._challenges(stale=False)

    def _renew(self, method):
        self.nonce, self.method = secrets.token_hex(16), method

    def _response(self, method, fields):
        ha1 = _md5(f"{self.profile.user}:{REALM}:{self.profile.password}")
        ha2 = _md5(f"{method}:{fields.get('uri', '')}")
        if fields.get("qop"):
            return _md5(f"{ha1}:{self.nonce}:{fields.get('nc')}:{fields.get('cnonce')}:{fields['qop']}:{ha2}")
        return _md5(f"{ha1}:{self.nonce}:{ha2}")

    def _challenges(self, stale):
        digest = f'Digest realm="{REALM}", nonce="{self.nonce}"' + (', stale="TRUE"' if stale else "")
        basic = f'Basic realm="{REALM}"'
        return {"basic": [basic], "digest": [digest], "both": [basic, digest],
                "sha256": [digest + ", algorithm=SHA-256", digest]}[self.profile.auth]
