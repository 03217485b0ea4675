"""How PostgreSQL, broker and cache are spoken to when their certificates are to be checked."""

import ssl
from typing import Any
from urllib.parse import urlsplit


def database_options(root_certificate: str) -> dict[str, str]:
    """Options of libpq: TLS 1.2 or newer with a server that proves its name, if the authority's file is given."""
    if not root_certificate:
        return {}
    return {
        "sslmode": "verify-full",
        "sslrootcert": root_certificate,
        "ssl_min_protocol_version": "TLSv1.2",
    }


def broker_options(url: str, root_certificate: str) -> dict[str, Any]:
    """Options of redis-py for a rediss:// `url`, in substance the same; no file: the system's authorities."""
    if urlsplit(url).scheme != "rediss":
        return {}
    options = {
        "ssl_cert_reqs": ssl.CERT_REQUIRED,
        "ssl_check_hostname": True,
        "ssl_min_version": ssl.TLSVersion.TLSv1_2,
    }
    return options | ({"ssl_ca_certs": root_certificate} if root_certificate else {})
