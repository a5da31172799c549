"""The files of a throw-away cluster, and the command lines of its daemons."""

import contextlib
import dataclasses
import os
import shutil
import socket
from pathlib import Path

__all__ = ["CLUSTER", "DATABASE", "Settings"]

CLUSTER = "throwaway"
DATABASE = "slurm"  # also the database's user and his password


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the files of a cluster say; *ports* are those of its daemons, by their names."""

    root: Path
    user: str
    ports: dict[str, int]
    nodes: tuple[str, ...]
    cpus: int
    memory_mb: int
    min_job_age: int
    slurmd_timeout: int
    has_cgroup: bool

    def command(self, daemon: str) -> list[str]:
        """Return the command that executes a daemon in the foreground."""
        munge, run = f"{self.root}/munge", f"{self.root}/run"
        conf = f"{self.root}/etc/slurm.conf"
        if daemon == "munged":
            files = {"socket": "sock", "key-file": "key", "pid-file": "pid"}
            files |= {"log-file": "log", "seed-file": "seed"}
            options = [f"--{option}={munge}/{name}" for option, name in files.items()]
            return ["munged", "--foreground", "--force", "--num-threads=10", *options]
        if daemon == "mariadbd":
            return [
                *("mariadbd", "--no-defaults", f"--datadir={self.root}/var/mysql"),
                *(f"--socket={run}/mysql.sock", f"--pid-file={run}/mariadbd.pid"),
                *("--bind-address=127.0.0.1", f"--port={self.ports['mariadbd']}"),
                # Nothing here need outlive a power cut, nor is it much.
                *("--skip-log-bin", "--performance-schema=OFF", "--skip-name-resolve"),
                *("--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0"),
                *("--innodb-buffer-pool-size=128M", "--innodb-log-file-size=64M"),
                *("--innodb-lock-wait-timeout=900", "--max-allowed-packet=64M"),
            ]
        if daemon == "slurmdbd":
            return ["slurmdbd", "-D"]
        if daemon == "slurmctld":
            return ["slurmctld", "-D", "-f", conf]
        return ["slurmd", "-D", "-f", conf, "-N", daemon]

    def write(self, extra: str) -> None:
        """Write the files, with *extra* lines in slurm.conf, and make the directories."""
        conf = self.root / "etc" / "slurm.conf"
        if self.root.exists() and any(self.root.iterdir()) and not conf.exists():
            raise FileExistsError(f"{self.root}: holds something, and no cluster")
        folders = ["etc", "run", "log", "var", "munge", "var/mysql", "var/state", "var/spool"]
        folders += [f"run/{daemon}" for daemon in self.ports]
        folders += [f"var/spool/{node}" for node in self.nodes]
        for name in ("", *folders):
            (self.root / name).mkdir(parents=True, exist_ok=True)
            # Whoever has jobs comes through, though a temporary directory is its maker's only.
            (self.root / name).chmod(0o755)
        if not (self.root / "munge" / "key").exists():
            self._write_file("munge/key", os.urandom(64).hex(), mode=0o600)
        self._write_file("etc/cgroup.conf", self._cgroup_conf())
        self._write_file("etc/slurmdbd.conf", self._slurmdbd_conf(), mode=0o600)
        self._write_file("etc/slurm.conf", self._slurm_conf(extra))
        if os.geteuid() == 0:
            for name in ("run", "log", "var", "var/mysql", "var/state", "etc/slurmdbd.conf"):
                shutil.chown(self.root / name, self.user, self.user)

    def _write_file(self, name: str, text: str, mode: int = 0o644) -> None:
        path = self.root / name
        path.touch(mode)
        path.chmod(mode)
        path.write_text(text)

    def _cgroup_conf(self) -> str:
        return CGROUP_CONF if self.has_cgroup else NO_CGROUP_CONF

    def _slurmdbd_conf(self) -> str:
        address, _, listen = addresses()
        return f"""\
DbdHost={os.uname().nodename.partition(".")[0]}
DbdAddr={address}
DbdPort={self.ports["slurmdbd"]}
{f"CommunicationParameters={listen}" if listen else ""}
SlurmUser={self.user}
AuthType=auth/munge
AuthInfo=socket={self.root}/munge/sock
PidFile={self.root}/run/slurmdbd.pid
LogFile={self.root}/log/slurmdbd.log
DebugLevel=info
CommitDelay=0
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={self.ports["mariadbd"]}
StorageUser={DATABASE}
StoragePass={DATABASE}
StorageLoc={DATABASE}
"""

    def _slurm_conf(self, extra: str) -> str:
        """Return slurm.conf, as quick as the daemons allow; a later line takes precedence."""
        address, listen, _ = addresses()
        host, root = os.uname().nodename.partition(".")[0], self.root
        nodes = "\n".join(
            f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={self.ports[node]}"
            for node in self.nodes
        )
        return f"""\
ClusterName={CLUSTER}
SlurmctldHost={host}({address})
SlurmctldPort={self.ports["slurmctld"]}
{f"CommunicationParameters={listen}" if listen else ""}
SlurmUser={self.user}
SlurmdUser={"root" if os.geteuid() == 0 else self.user}
AuthType=auth/munge
AuthInfo=socket={root}/munge/sock
CredType=cred/munge
StateSaveLocation={root}/var/state
SlurmdSpoolDir={root}/var/spool/%n
SlurmctldPidFile={root}/run/slurmctld.pid
SlurmdPidFile={root}/run/%n.pid
SlurmctldLogFile={root}/log/slurmctld.log
SlurmdLogFile={root}/log/%n.log
MailProg=/bin/true
# A memory cgroup carries the names of node and job, so two clusters share no job's number.
FirstJobId={self.ports["slurmctld"] * 1000 + 1}

ProctrackType=proctrack/linuxproc
TaskPlugin={"task/cgroup" if self.has_cgroup else "task/none"}
{"" if self.has_cgroup else "JobAcctGatherParams=OverMemoryKill"}
MpiDefault=none
PropagateResourceLimits=NONE
SlurmdParameters=config_overrides
KillWait=5
UnkillableStepTimeout=60

ReturnToService=2
SlurmctldTimeout=60
SlurmdTimeout={self.slurmd_timeout}
MessageTimeout=10
InactiveLimit=0
MinJobAge={self.min_job_age}
CompleteWait=0
BatchStartTimeout=30
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=5,bf_interval=2,default_queue_depth=1000,\
partition_job_depth=0,bf_max_job_test=1000,bf_continue
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
PriorityType=priority/multifactor
JobRequeue=1
MaxArraySize=100001
MaxJobCount=200000

AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost={address}
AccountingStoragePort={self.ports["slurmdbd"]}
# Towards slurmdbd this is munge's socket, and AuthInfo is not looked at.
AccountingStoragePass={root}/munge/sock
AccountingStorageEnforce=associations,limits,qos
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=5

NodeName=DEFAULT CPUs={self.cpus} RealMemory={self.memory_mb} State=UNKNOWN
{nodes}
PartitionName=DEFAULT Nodes={",".join(self.nodes)} State=UP OverSubscribe=NO DefMemPerCPU=100
PartitionName=short Default=YES DefaultTime=01:00:00 MaxTime=06:00:00
PartitionName=long Default=NO DefaultTime=1-00:00:00 MaxTime=7-00:00:00
{extra}
"""


def addresses() -> tuple[str, str, str]:
    """Return the address of the controller and which of the daemons listen on loopback only.

    Told to, they bind to the address of the host's name, so that must be a loopback one; and at
    127.0.1.1 srun would not be found by those who call back at 127.0.0.1. Other Slurm daemons
    listen on all addresses, where munge vouches for each message.
    """
    with contextlib.suppress(OSError):
        address = socket.gethostbyname(os.uname().nodename)
        if address == "127.0.0.1":
            return address, "NoCtldInAddrAny,NoInAddrAny", "NoInAddrAny"
        if address.startswith("127."):
            return address, "NoCtldInAddrAny", "NoInAddrAny"
    return "127.0.0.1", "", ""


CGROUP_CONF = """\
CgroupMountpoint=/sys/fs/cgroup
CgroupPlugin=cgroup/v1
CgroupAutomount=no
ConstrainCores=no
ConstrainDevices=no
ConstrainRAMSpace=yes
AllowedRAMSpace=100
ConstrainSwapSpace=no
"""
NO_CGROUP_CONF = """\
CgroupPlugin=cgroup/v1
ConstrainRAMSpace=no
"""
