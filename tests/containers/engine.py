"""A Docker engine of the tests' own, where no image registry is reached: from Debian's packages, ended by pid."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

from tests.embedded import wait_until

# Kept from run to run, for what it took to download; a new machine makes it anew.
HOME = Path("/var/tmp/merpati-engine")
_PACKAGES = ("docker.io", "iptables", "debootstrap", "iproute2")
# Compose, buildx and an engine that know today's compose files are in Debian's next release.
_NEWER = ("docker-compose", "docker-buildx", "docker.io", "containerd")
_RELEASE = "trixie"
BASE = "debian:trixie-slim"


class NoEngine(Exception):
    """Why there can be no engine here, for the skip's reason."""


class Engine:
    """`dockerd` with its own data, socket and plugins."""

    def __init__(self) -> None:
        self.socket = HOME / "docker.sock"
        programs = [HOME / "root/usr/sbin", HOME / "root/usr/bin"]
        self.environment = os.environ | {
            "PATH": os.pathsep.join([*map(str, programs), os.environ["PATH"]]),
            "DOCKER_HOST": f"unix://{self.socket}",
            "DOCKER_CONFIG": str(HOME / "config"),
            "DEBIAN_FRONTEND": "noninteractive",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, *words: str, seconds: float = 900, check: bool = True) -> str:
        """A command's output, in the engine's environment."""
        result = subprocess.run(
            words, env=self.environment, capture_output=True, text=True, timeout=seconds, check=False
        )
        if check and result.returncode:
            raise RuntimeError(f"{' '.join(words)}:\n{result.stdout[-3000:]}\n{result.stderr[-3000:]}")
        return result.stdout

    def prepare(self) -> None:
        """Install what is missing. Raises `NoEngine` where this machine can't have one."""
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            raise NoEngine("needs root and apt-get")
        try:
            self._install()
        except (RuntimeError, subprocess.TimeoutExpired, OSError) as error:
            raise NoEngine(str(error)[:500]) from error

    def _install(self) -> None:
        missing = [name for name in _PACKAGES if not self._has(name)]
        if missing:
            self.run("apt-get", "update", "--quiet")
            self.run(
                "apt-get",
                "install",
                "--yes",
                "--no-install-recommends",
                "-o",
                "DPkg::Lock::Timeout=600",
                *missing,
            )
        if not (HOME / "root/usr/sbin/dockerd").exists():
            self._download()
        plugins = HOME / "config/cli-plugins"
        plugins.mkdir(parents=True, exist_ok=True)
        for plugin in (HOME / "root/usr/libexec/docker/cli-plugins").iterdir():
            shutil.copy(plugin, plugins)

    def _has(self, package: str) -> bool:
        return "installed" in self.run(
            "dpkg-query", "--show", "--showformat=${db:Status-Status}", package, check=False
        )

    def _download(self) -> None:
        """The newer engine, unpacked beside the system, through a package state of its own."""
        state = HOME / "apt"
        for folder in ("lists/partial", "cache/archives/partial", "packages"):
            (state / folder).mkdir(parents=True, exist_ok=True)
        keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
        (state / "sources.list").write_text(f"deb [signed-by={keyring}] {_mirror()} {_RELEASE} main\n")
        options = [
            f"-oDir::Etc::sourcelist={state}/sources.list",
            "-oDir::Etc::sourceparts=-",
            f"-oDir::State::lists={state}/lists",
            f"-oDir::Cache={state}/cache",
            "-oAPT::Sandbox::User=root",
        ]
        self.run("apt-get", *options, "update")
        subprocess.run(
            ["apt-get", *options, "download", *_NEWER],
            cwd=state / "packages",
            env=self.environment,
            capture_output=True,
            timeout=600,
            check=True,
        )
        for package in sorted((state / "packages").glob("*.deb")):
            self.run("dpkg-deb", "-x", str(package), str(HOME / "root"))

    def start(self) -> None:
        """Start it; always with the same flags, or IPv6 between containers hangs."""
        self._end_former()
        with open(HOME / "dockerd.log", "ab") as log:
            self._process = subprocess.Popen(
                [
                    "dockerd", "--host", f"unix://{self.socket}", "--data-root", str(HOME / "data"),
                    "--exec-root", str(HOME / "exec"), "--pidfile", str(HOME / "docker.pid"),
                    "--experimental", "--ip6tables",
                ],
                env=self.environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        wait_until(self._answers, 120, "the engine's answer")

    def _end_former(self) -> None:
        """End the engine of a run that was cut off: it has our pid file and our data."""
        try:
            pid = int((HOME / "docker.pid").read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return
        if str(HOME).encode() in command:
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda: not Path(f"/proc/{pid}").exists(), 120, "the end of the former engine")

    def _answers(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise NoEngine(f"dockerd ended: {(HOME / 'dockerd.log').read_text()[-500:]}")
        return bool(self.run("docker", "info", "--format", "{{.ServerVersion}}", check=False).strip())

    def base_image(self) -> None:
        """The base image, by debootstrap; with this machine's certificate authorities, so that builds reach out."""
        if BASE in self.run("docker", "images", "--format", "{{.Repository}}:{{.Tag}}"):
            return
        tree = HOME / "base"
        for attempt in (1, 2):  # its downloads are many and small, and one may fail
            shutil.rmtree(tree, ignore_errors=True)
            try:
                self.run(
                    "debootstrap",
                    "--variant=minbase",
                    "--include=ca-certificates",
                    _RELEASE,
                    str(tree),
                    _mirror(),
                )
                break
            except RuntimeError:
                if attempt == 2:
                    raise
        added = Path("/usr/local/share/ca-certificates")
        for certificate in added.glob("*.crt"):
            shutil.copy(certificate, tree / added.relative_to("/"))
        self.run("chroot", str(tree), "update-ca-certificates")
        for path in ("var/cache/apt/archives", "var/lib/apt/lists"):
            shutil.rmtree(tree / path, ignore_errors=True)
        archive = subprocess.Popen(["tar", "-C", str(tree), "-c", "."], stdout=subprocess.PIPE)
        subprocess.run(
            ["docker", "import", "-", BASE],
            stdin=archive.stdout,
            env=self.environment,
            capture_output=True,
            check=True,
        )
        archive.wait()
        shutil.rmtree(tree)

    def kill(self) -> None:
        """kill -9, as on a bad day: the containers go on, or end with it."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(30)

    def stop(self) -> None:
        """End it, and give back its mounts."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(120)
        for mount in (HOME / "exec/netns/default", HOME / "data"):
            subprocess.run(["umount", "--lazy", str(mount)], capture_output=True, check=False)


def _mirror() -> str:
    """Where this machine gets its Debian packages."""
    for path in [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]:
        if not path.is_file():
            continue
        for line in path.read_text().splitlines():
            words = line.split()
            for word in words[1:]:
                if words[0] in ("URIs:", "deb") and "://" in word and "security" not in word:
                    return word
    raise NoEngine("no Debian mirror is configured")
