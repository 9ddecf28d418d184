"""Certificates for tests, made with the openssl command as a person would."""

import pathlib
import subprocess


class Authority:
    """A folder with an authority `ca.pem` and the certificates that it has signed."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.path.mkdir(parents=True, exist_ok=True)
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                     "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test",
                     "-days", "2")

    def openssl(self, *arguments):
        done = subprocess.run(["openssl", *arguments], cwd=self.path, capture_output=True)
        assert done.returncode == 0, done.stderr.decode()

    def issue(self, name, names="DNS:localhost,IP:127.0.0.1", days=2):
        """Certificate and key of `name`; days below 0 make an expired one."""
        (self.path / "ext").write_text(f"subjectAltName={names}\n")
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-keyout", f"{name}.key", "-out", "csr", "-subj", f"/CN={name}")
        self.openssl("x509", "-req", "-in", "csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                     "-CAcreateserial", "-extfile", "ext", "-days", str(days),
                     "-out", f"{name}.pem")
        for file in (f"{name}.key", "ca.key"):
            (self.path / file).chmod(0o600)
        return self.path / f"{name}.pem", self.path / f"{name}.key"

    @property
    def ca(self):
        return self.path / "ca.pem"
