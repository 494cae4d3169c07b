"""Certificate authorities for tests, made with openssl."""
import subprocess


class Authority:
    """A CA in a folder of its own."""

    def __init__(self, folder, name):
        self.dir, self.name = folder / name, name
        self.dir.mkdir()
        (self.dir / "index").touch()
        (self.dir / "cnf").write_text(f"""
[ca]
default_ca = own
[own]
database = {self.dir}/index
new_certs_dir = {self.dir}
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = any_dn
[any_dn]
""")
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                     "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE",
                     "-config", self.dir / "cnf", "-keyout", self.dir / "key", "-out", self.ca)

    @property
    def ca(self):
        return self.dir / "ca.pem"

    def openssl(self, *args):
        subprocess.run(["openssl", *map(str, args)], check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def issue(self, name, usage, san=None, expired=False):
        """(certificate, key) for that name."""
        cert, key, request = (self.dir / f"{name}.{kind}" for kind in ("pem", "key", "csr"))
        extra = ["-addext", f"extendedKeyUsage={usage}"] + (["-addext", f"subjectAltName={san}"] if san else [])
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                     "-config", self.dir / "cnf", "-keyout", key, "-out", request, *extra)
        dates = ["-startdate", "20200101000000Z", "-enddate", "20200102000000Z"] if expired else ["-days", "2"]
        self.openssl("ca", "-batch", "-config", self.dir / "cnf", "-keyfile", self.dir / "key", "-cert", self.ca,
                     "-in", request, "-out", cert, "-notext", *dates)
        return cert, key
