"""A PostgreSQL server of the tests' own: new directory, Unix socket only, C.UTF-8, UTC."""

import atexit
import glob
import os
import pathlib
import shutil
import subprocess
import tempfile

from harness import Skip


def programs():
    """The folder of initdb and pg_ctl: $RTD_PG_BIN, else of Debian's newest version."""
    if chosen := os.environ.get("RTD_PG_BIN"):
        return pathlib.Path(chosen)
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"),
                   key=lambda path: int(path.split("/")[4]))
    path = found[-1] if found else shutil.which("initdb")
    if not path:
        raise Skip("PostgreSQL's server is not installed")
    return pathlib.Path(path).parent


class Postgres:
    """Started when made, with more `settings` for the server; ends with the process."""

    def __init__(self, **settings):
        self.programs = programs()
        # Sockets have short names.
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self.user = "postgres" if os.geteuid() == 0 else None
        if self.user:
            shutil.chown(self.directory, self.user)
        atexit.register(self.stop)
        self.call("initdb", "-D", f"{self.directory}/data", "--locale=C.UTF-8", "--encoding=UTF8",
                  "-A", "trust", "-U", "postgres", "-N")
        self.call("pg_ctl", "-D", f"{self.directory}/data", "-l", f"{self.directory}/log", "-w", "-o",
                  f"-k {self.directory} -h '' -c timezone=UTC -c fsync=off"
                  + "".join(f" -c {name}={value}" for name, value in settings.items()), "start")

    @property
    def dsn(self):
        return f"host={self.directory} user=postgres dbname=postgres"

    def sql(self, text, database="postgres"):
        """Runs statements, each in its own transaction; the rows as unaligned text."""
        done = subprocess.run(
            [str(self.programs / "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", str(self.directory),
             "-U", "postgres", "-d", database], input=text, capture_output=True, text=True,
            timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def source(self, database="postgres"):
        """As `rtd cdc` is given it."""
        return f"host={self.directory} user=postgres dbname={database}"

    def call(self, program, *arguments):
        command = [str(self.programs / program), *arguments]
        options = {"user": self.user, "group": self.user, "extra_groups": []} if self.user else {}
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60,
                              cwd="/", **options)
        assert done.returncode == 0, done.stderr.decode()

    def stop(self):
        try:
            self.call("pg_ctl", "-D", f"{self.directory}/data", "-m", "immediate", "stop")
        except AssertionError:
            pass
        shutil.rmtree(self.directory, ignore_errors=True)
