"""Every key of lstosa's configuration, and what becomes of it here.

:data:`KEYS` is what ``lstosa import-config`` converts by, and what the page on coming from lstosa
lists. The keys are those of the file that lstosa ships and those that its code reads
(lstosa 0.11.10, ``osa/configs/sequencer.cfg``).
"""

from __future__ import annotations

__all__ = ["KEYS", "Form", "Key", "Place", "find_key"]

import dataclasses
import enum

Place = tuple[str, str]
"""Section and key of our configuration."""


class Form(enum.Enum):
    """What the value of a key is, and so how it is written here."""

    TEXT = "text"
    """As it is."""
    DIRECTORY = "directory"
    """A directory of ``[paths]``: ``%(KEY)s`` in it becomes ``{key}``."""
    FILE = "file"
    """A file or directory that has to be there."""
    FLAG = "flag"
    """True or false in the words of Python's ``configparser``."""
    PARTITIONS = "partitions"
    """Partitions of Slurm: written without spaces."""
    ADDRESSES = "addresses"
    """Addresses of mail, with their domains."""


@dataclasses.dataclass(frozen=True)
class Key:
    """A key of lstosa.

    Parameters
    ----------
    section, name : str
        Where it stands in lstosa's configuration.
    to : tuple of (str, str)
        Sections and keys here that take its value; none if nothing does.
    form : Form
        What its value is.
    note : str
        Of a key that nothing takes: why, and what holds instead. Else what is to be known.
    always : str
        The value that always holds here: with this one, nothing is lost. ``{KEY}`` in it stands
        for the value of another key of the section.
    beside : tuple of (str, str, str)
        What has to be set beside it, as lstosa has it in its code: section, key, value.
    unless : str
        A value of the shipped file that nobody means.
    """

    section: str
    name: str
    to: tuple[Place, ...] = ()
    form: Form = Form.TEXT
    note: str = ""
    always: str = ""
    beside: tuple[tuple[str, str, str], ...] = ()
    unless: str = ""

    @property
    def id(self) -> Place:
        """Section and key as they are compared: lstosa's keys may be written in any case."""
        return self.section, self.name.lower()


UNREAD = "lstosa does not read it either"
NAMES = "names of files are lstosa's own and cannot be changed"


def _names(text: str) -> list[str]:
    return text.split()


_DIRECTORIES = _names(
    "BASE MONITORING R0_DIR RAW_R0_DIR DRIVE_DIR RUN_SUMMARY_DIR RUN_CATALOG PEDESTAL_FINDER_DIR "
    "TAILCUTS_FINDER_DIR ANALYSIS_DIR CALIB_BASE_DIR CAT_A_CALIB_BASE CAT_A_CALIB_DIR "
    "CAT_A_PEDESTAL_DIR CAT_B_CALIB_BASE DL1_DIR DL2_DIR DL3_DIR DATACHECK_DIR RF_MODELS OSA_DIR "
    "CLOSER_DIR LONGTERM_DIR"
)
_COMMANDS = _names(
    "drs4_baseline charge_calibration catB_calibration r0_to_dl1 dl1ab check_dl1 dl1_to_dl2 "
    "tailcuts_finder mc_prod"
)
_FLAGS = _names(
    "use_ff_heuristic_id use_ff_heuristic_gain_selection store_image_dl1ab merge_dl1_datacheck "
    "apply_catB_calibration apply_standard_dl1b_config create_longterm_symlink "
    "use_lstcam_env_for_CatA_calib use_lstcam_env_for_CatB_calib"
)
_PATTERNS = _names(
    "CALIBPREFIX PEDESTALPREFIX TIMECALIBPREFIX DL1PREFIX DL1ABPREFIX DATACHECKPREFIX MUONPREFIX "
    "DL2PREFIX INTERLEAVEDPREFIX CALIBSUFFIX PEDESTALSUFFIX TIMECALIBSUFFIX DL1SUFFIX DL1ABSUFFIX "
    "DATACHECKSUFFIX MUONSUFFIX DL2SUFFIX INTERLEAVEDSUFFIX CALIBTYPE TIMECALIBTYPE PEDESTALTYPE "
    "DL1TYPE DL1ABTYPE DL2TYPE MUONTYPE DATACHECKTYPE INTERLEAVEDTYPE"
)
_PROVENANCE = _names(
    "version formatters handlers loggers disable_existing_loggers PREFIX HASH_METHOD HASH_BUFFER "
    "capture"
)


def _lst1() -> list[Key]:
    section = "LST1"
    return [
        *(Key(section, n, (("paths", n.lower()),), Form.DIRECTORY) for n in _DIRECTORIES),
        Key(
            section,
            "DL1AB_DIR",
            note="DL1b lies below the directory of DL1 ([paths] dl1_dir)",
            always="{DL1_DIR}",
        ),
        Key(
            section,
            "HIGH_LEVEL_DIR",
            note="plots of the high-level analysis are not made",
        ),
        Key(
            section,
            "MERGED_SUMMARY",
            note="it is merged_RunSummary.ecsv in Catalog below [paths] osa_dir",
            always="{OSA_DIR}/Catalog/merged_RunSummary.ecsv",
        ),
        Key(
            section,
            "SOURCE_CATALOG",
            note="tables of all nights lie in Catalog below [paths] osa_dir",
            always="{OSA_DIR}/Catalog",
        ),
        Key(
            section,
            "SEQUENCER_WEB_DIR",
            note="the status of a night is shown by other pages, elsewhere",
        ),
        Key(
            section,
            "GAIN_SELECTION_FLAG_DIR",
            note="no flag: each gain-selected subrun is a product, and is asked for itself",
        ),
        Key(
            section,
            "GAIN_SELECTION_WEB_DIR",
            note="gain selection is a column of the status of the night",
        ),
        Key(
            section,
            "CALIB_ENV",
            (("lstchain", "calib_environment"),),
            Form.FILE,
            note="not there: the commands are sent there by [lstchain] calib_command_prefix, "
            "whose default is lstosa's",
        ),
        Key(
            section,
            "TROUBLESHOOTING_DIR",
            note="nothing is kept of repairs: causes of failures stand in the records",
        ),
        Key(section, "PROD_ID", (("production", "prod_id"),)),
        Key(section, "DL1_PROD_ID", (("lstchain", "dl1_prod_id"),)),
        Key(section, "DL1_PROD_ID_PREFIX", (("lstchain", "dl1_prod_id_prefix"),)),
        Key(section, "DL2_PROD_ID", note=f"{UNREAD}: it is found for each run"),
        Key(section, "TABLE_CATB", (("calibration", "table_catB"),), Form.FILE),
    ]


def _lstchain() -> list[Key]:
    section = "lstchain"
    configs = ("dl1a_config", "dl1b_config", "dl2_config", "dl3_config")
    return [
        *(Key(section, name, ((section, name),)) for name in _COMMANDS),
        *(Key(section, name, ((section, name),), Form.FLAG) for name in _FLAGS),
        *(Key(section, name, ((section, name),), Form.FILE) for name in configs),
        Key(
            section,
            "max_tries",
            (("retries", "max_tries"),),
            note="of a product, over all jobs; lstosa counts in each job anew",
        ),
    ]


def _slurm() -> list[Key]:
    section = "SLURM"
    memory = {"PEDCALIB": "calibration", "DATA": "data", "GAINSEL": "gain_selection"}
    return [
        Key(
            section,
            "PARTITION_DATA",
            (("slurm", "partition"),),
            Form.PARTITIONS,
            note="for all jobs; lstosa leaves most others to the default of the cluster",
        ),
        Key(
            section,
            "PARTITION_PEDCALIB",
            (("slurm.calibration", "partition"),),
            Form.PARTITIONS,
        ),
        *(
            Key(section, f"MEMSIZE_{name}", ((f"slurm.{resources}", "mem"),))
            for name, resources in memory.items()
        ),
        Key(
            section,
            "WALLTIME",
            (("slurm", "time"),),
            note="for all jobs; lstosa leaves most others to the default of the cluster",
        ),
        Key(
            section,
            "STARTTIME_DAYS_SACCT",
            note="accounting is asked for single jobs, by number, whenever they ran",
        ),
        Key(section, "ACCOUNT", (("slurm", "account"),)),
    ]


def _others() -> list[Key]:
    simulated = ("IRF_file", "gamma", "proton", "electron")
    server = "HOST and DATACHECK together are [publish] target = HOST:DATACHECK"
    caches = "caches of the tools lie in cache below [paths] osa_dir, for all users of the tree"
    width = "the table of the status is as wide as what it holds"
    return [
        *(Key("MC", name, (("mc", name.lower()),), Form.FILE) for name in simulated),
        Key("WEBSERVER", "HOST", note=server),
        Key("WEBSERVER", "DATACHECK", note=server),
        Key("CACHE", "CTAPIPE_CACHE", note=caches),
        Key("CACHE", "CTAPIPE_SVC_PATH", note=caches),
        Key("CACHE", "MPLCONFIGDIR", note=caches),
        Key(
            "database",
            "path",
            note="there is no database of nights: the flag of a closed night and its records "
            "tell when it was processed",
        ),
        Key("database", "caco_db", (("database", "caco_db"),)),
        Key("database", "tcu_db", (("database", "tcu_db"),)),
        Key(
            "mail",
            "recipient",
            (("notify", "recipients"),),
            Form.ADDRESSES,
            beside=(
                ("notify", "smtp_host", "localhost"),
                ("notify", "sender", "lstanalyzer@localhost"),
            ),
            unless="your@email.com",
        ),
        Key("PATTERN", "R0PREFIX", note=NAMES, always="LST-1.1"),
        Key("PATTERN", "R0SUFFIX", note=NAMES, always=".fits.fz"),
        *(Key("PATTERN", name, note=f"{UNREAD}; {NAMES}") for name in _PATTERNS),
        *(
            Key("LSTOSA", name, note=UNREAD)
            for name in ("GRAPH", "WORKFLOWPREFIX", "GRAPHSUFFIX", "SVGSUFFIX")
        ),
        Key("LSTOSA", "end_of_activity", note=NAMES, always="NightFinished.txt"),
        Key(
            "LSTOSA",
            "gain_selection_check",
            note="no flag: each gain-selected subrun is a product, and is asked for itself",
        ),
        Key("OUTPUT", "REPORTWIDTH", note=width),
        Key("OUTPUT", "PADDING", note=width),
        *(Key("PROVENANCE", name, note=UNREAD) for name in _PROVENANCE),
    ]


KEYS: tuple[Key, ...] = (*_lst1(), *_lstchain(), *_slurm(), *_others())
"""All keys, in the order of the shipped file's sections."""

_BY_ID = {key.id: key for key in KEYS}


def find_key(section: str, name: str) -> Key | None:
    """Return what is known of a key; None if lstosa has no such key."""
    return _BY_ID.get((section, name.lower()))
