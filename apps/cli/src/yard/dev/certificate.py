"""A self-signed certificate, by which the parts of one service know each other."""

import datetime as dt
from pathlib import Path

from yard.locations import write_private


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """Return the paths of a certificate and its key, both made anew and readable by their owner.

    The certificate is its own authority: who trusts it trusts only those who have its key.
    """
    from cryptography import x509  # noqa: PLC0415 - only `yard dev` has it
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{name}.crt", folder / f"{name}.key"
    pem = serialization.Encoding.PEM
    write_private(paths[0], signed.public_bytes(pem).decode())
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_private(paths[1], secret.decode())
    return paths
