"""PostgreSQL and an S3 server outside tier 3's cluster, each with TLS by a private CA."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import servers
import trustme
from strict_s3.proxy_process import Proxy, proxy_process

BUCKETS = ("datasets", "models", "mlflow")
ROLES = ("backend", "mlflow", "temporal")
PASSWORD = "only-for-the-rehearsal"
# As in a managed database, the administrator is not a superuser.
ADMINISTRATOR = """
CREATE ROLE administrator CREATEROLE CREATEDB;
SET ROLE administrator;
"""
# As docs/platform.md has it.
DATABASES = f"""
CREATE ROLE backend LOGIN PASSWORD '{PASSWORD}';
CREATE ROLE mlflow LOGIN PASSWORD '{PASSWORD}';
CREATE ROLE temporal LOGIN PASSWORD '{PASSWORD}';
GRANT backend, mlflow, temporal TO CURRENT_USER;
CREATE DATABASE platform OWNER backend;
CREATE DATABASE mlflow OWNER mlflow;
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
REVOKE CONNECT ON DATABASE platform, mlflow, temporal, temporal_visibility FROM PUBLIC;
"""
# The administrator from this machine; everybody else by password, and only with TLS.
ACCESS = """
host    all postgres 127.0.0.1/32 trust
hostssl all all      0.0.0.0/0    scram-sha-256
"""


class Outside(NamedTuple):
    address: str  # where pods reach both
    database: str  # postgres@127.0.0.1:PORT, for the administrator
    database_authority: Path  # PEM
    proxy: Proxy
    authority: trustme.CA  # the store's

    @property
    def database_port(self) -> int:
        return int(self.database.rpartition(":")[2])

    @property
    def store_port(self) -> int:
        return int(self.proxy.store.endpoint.rpartition(":")[2])


def query(database: str, sql: str) -> list[str]:
    """The rows of a query by the administrator of `postgres@HOST:PORT`, columns joined by `|`."""
    command = [str(servers.postgres_bin() / "psql"), f"postgresql://{database}/postgres"]
    command += ["-v", "ON_ERROR_STOP=1", "-qAt", "-f", "-"]
    done = subprocess.run(command, input=sql, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.splitlines()


@contextmanager
def outside(folder: Path, address: str) -> Iterator[Outside]:
    """Run both, reachable at `address` of this machine, with databases and buckets made."""
    authority = trustme.CA()
    with _database(folder, address) as database, servers.seaweedfs(folder / "store") as store:
        for bucket in BUCKETS:
            store.client().create_bucket(Bucket=bucket)
        with proxy_process(store, folder, address, authority) as proxy:
            yield Outside(address, database, folder / "database-authority.crt", proxy, authority)


@contextmanager
def _database(folder: Path, address: str) -> Iterator[str]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "database-authority.crt")
    certificate = authority.issue_cert(address)
    # The server's user, who is not root, reads these.
    with tempfile.TemporaryDirectory(prefix="trainyard-database-") as config:
        key, chain, access = (Path(config) / name for name in ("key.pem", "chain.pem", "hba.conf"))
        certificate.private_key_pem.write_to_path(key)
        certificate.cert_chain_pems[0].write_to_path(chain)
        access.write_text(ACCESS)
        key.chmod(0o600)
        if os.geteuid() == 0:
            for path in (config, key, chain, access):
                shutil.chown(path, "nobody")
        settings = [f"listen_addresses=127.0.0.1,{address}", f"hba_file={access}", "ssl=on"]
        settings += [f"ssl_cert_file={chain}", f"ssl_key_file={key}", "max_connections=200"]
        with servers.postgres(settings=settings) as database:
            query(database, ADMINISTRATOR + DATABASES)
            yield database
