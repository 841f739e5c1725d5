"""A certificate that a node signs itself, for names of this machine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

#: The certificate as the JVM takes it, beside the PEM files.
TRUST_STORE = "trust.p12"
TRUST_STORE_PASSWORD = "compat"
_NAMES = ("localhost", "s3.localhost", "*.s3.localhost")
_ADDRESSES = ("127.0.0.1", "::1")
#: Validity ends are far apart, so that no clock of a test is outside.
_BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
_LIFE = timedelta(days=365 * 30)


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """Write certificate and key as PEM files, return their paths; Java's form lies beside them."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "atoll compatibility suite")])
    alternatives: list[x509.GeneralName] = [x509.DNSName(text) for text in _NAMES]
    alternatives += [x509.IPAddress(ip_address(text)) for text in _ADDRESSES]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_BEGIN)
        .not_valid_after(_BEGIN + _LIFE)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        # Clients take a certificate as its own authority only if it says that it is one.
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    trusted = pkcs12.PKCS12Certificate(certificate, b"compat")
    store = pkcs12.serialize_java_truststore(
        [trusted], serialization.BestAvailableEncryption(TRUST_STORE_PASSWORD.encode())
    )
    (folder / TRUST_STORE).write_bytes(store)
    return paths
