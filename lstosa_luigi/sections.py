"""The sections that a configuration may have, each with its keys, their types and defaults.

What is read, checked and combined: :mod:`lstosa_luigi.config`.
"""

from __future__ import annotations

__all__ = [
    "AUTO",
    "SECTIONS",
    "calibration",
    "closing",
    "database",
    "execution",
    "fallback",
    "local",
    "lstchain",
    "mc",
    "nightly",
    "notify",
    "pages",
    "paths",
    "production",
]

import luigi

BY_NAME = "by name"
PACKAGES = [BY_NAME, "lstchain", "lstcam_calib"]
"""Packages whose onsite scripts make calibrations; by name: as the command is called."""

EVB_CAT_A = "/fefs/onsite/data/lst-pipe/LSTN-01/service/PixelCalibration/Cat-A"
"""Where the calibrations of the event builder lie on La Palma (hard-coded in lstosa)."""
AUTO = "auto"
"""Value of what is found out by itself."""


class paths(luigi.Config):  # noqa: N801 - the class name is the section's name
    """Where everything lies. ``{key}`` stands for the value of another key of this section."""

    base = luigi.Parameter(default="", description="root of the tree; all else follows from it")
    monitoring = luigi.Parameter(default="{base}/monitoring", description="monitoring data")
    r0_dir = luigi.Parameter(default="{base}/R0G", description="gain-selected raw data")
    raw_r0_dir = luigi.Parameter(default="{base}/R0", description="raw data as taken")
    drive_dir = luigi.Parameter(default="{monitoring}/DrivePositioning", description="drive logs")
    run_summary_dir = luigi.Parameter(
        default="{monitoring}/RunSummary", description="run summaries"
    )
    run_catalog = luigi.Parameter(
        default="{monitoring}/RunCatalog", description="source of each run"
    )
    calib_base_dir = luigi.Parameter(
        default="{monitoring}/PixelCalibration", description="pixel calibration"
    )
    cat_a_calib_base = luigi.Parameter(default="{calib_base_dir}/Cat-A", description="Cat-A")
    cat_a_calib_dir = luigi.Parameter(
        default="{cat_a_calib_base}/calibration", description="charge calibration"
    )
    cat_a_pedestal_dir = luigi.Parameter(
        default="{cat_a_calib_base}/drs4_baseline", description="DRS4 baselines"
    )
    cat_b_calib_base = luigi.Parameter(default="{calib_base_dir}/Cat-B", description="Cat-B")
    pedestal_finder_dir = luigi.Parameter(
        default="{base}/auxiliary/PedestalFinder",
        description="event numbers of interleaved pedestals that are not tagged as such",
    )
    tailcuts_finder_dir = luigi.Parameter(
        default="{base}/auxiliary/TailCuts", description="cleaning settings found for each run"
    )
    analysis_dir = luigi.Parameter(
        default="{base}/running_analysis", description="work in progress, logs and records"
    )
    dl1_dir = luigi.Parameter(default="{base}/DL1", description="DL1, muons, interleaved")
    dl2_dir = luigi.Parameter(default="{base}/DL2", description="DL2")
    dl3_dir = luigi.Parameter(default="{base}/DL3", description="DL3, IRFs and index files")
    datacheck_dir = luigi.Parameter(
        default="{dl1_dir}/datacheck_files", description="links to the datachecks of all nights"
    )
    longterm_dir = luigi.Parameter(
        default="{datacheck_dir}/night_wise", description="night-wise datachecks"
    )
    rf_models = luigi.Parameter(default="{base}/models/AllSky", description="random forests")
    mc_dir = luigi.Parameter(
        default="{base}/mc", description="simulated events that models and IRFs are made of"
    )
    osa_dir = luigi.Parameter(default="{base}/OSA", description="housekeeping")
    closer_dir = luigi.Parameter(default="{osa_dir}/Closer", description="NightFinished flags")


class production(luigi.Config):  # noqa: N801
    """What is being produced."""

    prod_id = luigi.Parameter(
        default="", description="production identifier; default: v + installed lstchain version"
    )
    input_state = luigi.ChoiceParameter(
        default=AUTO,
        choices=[AUTO, "legacy_raw", "gain_selected", "catA_calibrated"],
        description="how the event builder left the raw data of all runs: with both gains, with "
        "one, or calibrated to p.e.; auto: the first events of each run tell",
    )


class lstchain(luigi.Config):  # noqa: N801
    """The tools and their options, with lstosa's names and meanings.

    A command may carry options of its own, and may be any other program with
    the same options. ``[lstchain.<prod_id>]`` overrides single keys for one
    production.
    """

    environment = luigi.Parameter(
        default="", description="directory of the environment of the tools; default: this one"
    )
    command_prefix = luigi.Parameter(
        default="", description="put before every command, e.g. conda run -n lstchain-v0.12"
    )
    calib_environment = luigi.Parameter(
        default="",
        description="directory of another environment, for calibrations that "
        "use_lstcam_env_for_CatA_calib or use_lstcam_env_for_CatB_calib send there",
    )
    calib_command_prefix = luigi.Parameter(
        default="conda run -n lstcam-env",
        description="put before their commands instead, if there is no calib_environment",
    )
    catA_package = luigi.ChoiceParameter(  # noqa: N815
        default=BY_NAME,
        choices=PACKAGES,
        description="which package drs4_baseline and charge_calibration are of: it decides on "
        "options and on the version that their products are filed under",
    )
    catB_package = luigi.ChoiceParameter(  # noqa: N815
        default=BY_NAME, choices=PACKAGES, description="the same for catB_calibration"
    )
    run_summary = luigi.Parameter(default="lstchain_create_run_summary")
    drs4_baseline = luigi.Parameter(default="onsite_create_drs4_pedestal_file")
    charge_calibration = luigi.Parameter(default="onsite_create_calibration_file")
    catB_calibration = luigi.Parameter(default="onsite_create_cat_B_calibration_file")  # noqa: N815
    r0_to_dl1 = luigi.Parameter(default="lstchain_data_r0_to_dl1")
    r0_to_r0g = luigi.Parameter(default="lstchain_r0_to_r0g")
    lst_dvr = luigi.Parameter(default="lst_dvr")
    tailcuts_finder = luigi.Parameter(default="lstchain_find_tailcuts")
    dl1ab = luigi.Parameter(default="lstchain_dl1ab")
    check_dl1 = luigi.Parameter(default="lstchain_check_dl1")
    merge_dl1 = luigi.Parameter(default="lstchain_merge_hdf5_files")
    merge_muons = luigi.Parameter(default="lstchain_merge_muon_files")
    longterm_check = luigi.Parameter(default="lstchain_longterm_dl1_check")
    merge_run_summaries = luigi.Parameter(default="lstchain_merge_run_summaries")
    cherenkov_transparency = luigi.Parameter(default="lstchain_cherenkov_transparency")
    mc_trainpipe = luigi.Parameter(default="lstchain_mc_trainpipe")
    dl1_to_dl2 = luigi.Parameter(default="lstchain_dl1_to_dl2")
    create_irf = luigi.Parameter(default="lstchain_create_irf_files")
    create_dl3 = luigi.Parameter(default="lstchain_create_dl3_file")
    create_dl3_index = luigi.Parameter(default="lstchain_create_dl3_index_files")
    dl1a_config = luigi.Parameter(default="", description="default: lstchain's standard config")
    dl1b_config = luigi.Parameter(
        default="",
        description="cleaning of all runs if apply_standard_dl1b_config; "
        "default: lstchain's standard config",
    )
    dl2_config = luigi.Parameter(default="", description="default: lstchain's standard config")
    dl3_config = luigi.Parameter(default="", description="cuts of DL3 and IRFs; default: none")
    dl1_prod_id = luigi.Parameter(
        default="tailcut84", description="directory of DL1b if apply_standard_dl1b_config"
    )
    dl1_prod_id_prefix = luigi.Parameter(
        default="tailcut", description="what the directory of DL1b begins with"
    )
    mc_prod = luigi.Parameter(
        default="20240918_v0.10.12_allsky_", description="what directories of models begin with"
    )
    filters = luigi.Parameter(default="52", description="filter wheels of the calibration box")
    use_ff_heuristic_id = luigi.BoolParameter(
        default=False, parsing=luigi.BoolParameter.EXPLICIT_PARSING
    )
    gain_selection_tool = luigi.ChoiceParameter(
        default=AUTO,
        choices=[AUTO, "lstchain_r0_to_r0g", "lst_dvr"],
        description="which of the two selects the gain; auto: lst_dvr before 2023-12-05, as lstosa",
    )
    use_ff_heuristic_gain_selection = luigi.BoolParameter(
        default=False, parsing=luigi.BoolParameter.EXPLICIT_PARSING
    )
    ff_heuristic_gain_selection = luigi.Parameter(
        default="",
        description="nights and runs for which it is otherwise; the last that fits holds: "
        "on 2024-02-01..2024-02-29, off 16200, on 16300..",
    )
    store_image_dl1ab = luigi.BoolParameter(
        default=True, parsing=luigi.BoolParameter.EXPLICIT_PARSING
    )
    apply_catB_calibration = luigi.BoolParameter(  # noqa: N815
        default=False, parsing=luigi.BoolParameter.EXPLICIT_PARSING
    )
    use_lstcam_env_for_CatA_calib = luigi.BoolParameter(  # noqa: N815
        default=False, parsing=luigi.BoolParameter.EXPLICIT_PARSING
    )
    use_lstcam_env_for_CatB_calib = luigi.BoolParameter(  # noqa: N815
        default=False, parsing=luigi.BoolParameter.EXPLICIT_PARSING
    )
    apply_standard_dl1b_config = luigi.BoolParameter(
        default=False, parsing=luigi.BoolParameter.EXPLICIT_PARSING
    )
    merge_dl1_datacheck = luigi.BoolParameter(
        default=True, parsing=luigi.BoolParameter.EXPLICIT_PARSING
    )
    create_longterm_symlink = luigi.BoolParameter(
        default=True, parsing=luigi.BoolParameter.EXPLICIT_PARSING
    )


class calibration(luigi.Config):  # noqa: N801
    """Which calibration runs a night may be given."""

    max_days_back = luigi.IntParameter(
        default=4,
        description="nights before the night itself in which a DRS4 or PEDCALIB run is looked for, "
        "if the night has none",
    )
    table_catB = luigi.Parameter(  # noqa: N815
        default="",
        description="text table of which Cat-A calibration the event builder used since when; "
        "asked for data that it calibrated",
    )
    evb_calibration = luigi.Parameter(
        default=f"{EVB_CAT_A}/calibration/{{date}}/pro/*Run{{run}}*.fits*",
        description="pattern of that calibration, by the date and run in the table",
    )
    evb_systematics = luigi.Parameter(
        default=f"{EVB_CAT_A}/ffactor_systematics/{{date}}/v0.3.1/scan_fit*.h5",
        description="pattern of its F-factor systematics",
    )


class fallback(luigi.Config):  # noqa: N801
    """What a run gets whose interleaved events are too few, if the tool says so itself.

    With ``none`` the product fails and the night stays open until somebody decides.
    """

    tailcuts = luigi.ChoiceParameter(
        default="none",
        choices=["none", "standard", "previous"],
        description="if its tailcuts cannot be found: ``none``, the ``standard`` cleaning "
        "(dl1b_config in dl1_prod_id), or that of the nearest ``previous`` run of the night "
        "whose tailcuts were found",
    )
    catB = luigi.ChoiceParameter(  # noqa: N815
        default="none",
        choices=["none", "without"],
        description="if its Cat-B calibration cannot be made: ``none``, or DL1b ``without`` it",
    )


class database(luigi.Config):  # noqa: N801
    """Databases of the site (MongoDB), with lstosa's names; none is asked unless it is named."""

    tcu_db = luigi.Parameter(
        default="",
        description="server of the telescope-control database, for types and sources of runs; "
        "default: none is asked",
    )
    caco_db = luigi.Parameter(
        default="",
        description="server of the camera-control database, for filter wheels; default: none "
        "is asked",
    )
    timeout = luigi.FloatParameter(
        default=3, description="seconds to wait for a server before doing without it"
    )


class mc(luigi.Config):  # noqa: N801
    """Simulated events for the IRF, as in lstosa's ``[MC]``; all optional.

    With none of them, the IRF is made of the testing dataset below
    ``[paths] mc_dir`` that belongs to the run's random forests.
    """

    irf_file = luigi.Parameter(default="", description="an IRF to use as it is")
    gamma = luigi.Parameter(default="", description="DL2 of simulated gammas")
    proton = luigi.Parameter(default="", description="DL2 of simulated protons")
    electron = luigi.Parameter(default="", description="DL2 of simulated electrons")


class closing(luigi.Config):  # noqa: N801
    """When a night is closed, and what becomes of it then; defaults as in lstosa."""

    not_before = luigi.Parameter(
        default="08:00",
        description="time of the morning after, in UTC, before which a night is not closed, since "
        "observations may go on; empty: at any time",
    )
    keep_dl1a = luigi.BoolParameter(
        default=False,
        parsing=luigi.BoolParameter.EXPLICIT_PARSING,
        description="keep the DL1a files; else links to DL1b take their places",
    )


class pages(luigi.Config):  # noqa: N801
    """The pages that people look at (HTML), as :doc:`/howto/pages` shows them."""

    enabled = luigi.BoolParameter(
        default=True,
        parsing=luigi.BoolParameter.EXPLICIT_PARSING,
        description="write the pages of a night whenever a NightlyClose ends, however it ends",
    )
    directory = luigi.Parameter(
        default="", description="where they are written; default: OSA/Pages below the tree"
    )


class execution(luigi.Config):  # noqa: N801
    """How products are made."""

    backend = luigi.ChoiceParameter(
        default="local", choices=["local", "slurm"], description="where commands run"
    )
    directory = luigi.Parameter(
        default="jobs", description="logs and records of tasks that belong to no night"
    )


class local(luigi.Config):  # noqa: N801
    """The local backend."""

    jobs = luigi.IntParameter(default=1, description="commands at a time on this machine")
    max_tries = luigi.IntParameter(
        default=1,
        description="tries of a product whose command fails for a cause that may pass by itself; "
        "between two lie `[retries] delay` seconds",
    )
    poll_interval = luigi.FloatParameter(
        default=0.1, description="seconds between two looks at the running commands"
    )


class nightly(luigi.Config):  # noqa: N801
    """What ``lstosa nightly`` does, the command for every day."""

    days_back = luigi.IntParameter(
        default=7, description="nights before the last one that are resumed if they are open"
    )
    at_once = luigi.IntParameter(default=1, description="nights that are worked on at a time")
    retry_hours = luigi.FloatParameter(
        default=2,
        description="hours until a night is tried again in which a product failed; somebody's "
        "decision about it has it tried again at once",
    )
    not_while_observing = luigi.Parameter(
        default="",
        description="hours (UTC) in which no night is started, as 19:00-08:00; one that is at "
        "work goes on",
    )
    observing_command = luigi.Parameter(
        default="",
        description="a command, words as in a shell, that ends with 0 while the telescope observes "
        "and with 1 if it does not; no night is started while it does, or if it ends otherwise",
    )
    wait_for_luigid = luigi.FloatParameter(
        default=0, description="minutes to wait for a luigid that does not answer"
    )
    keep_logs = luigi.IntParameter(
        default=20, description="logs of commands that are kept of each night"
    )


class notify(luigi.Config):  # noqa: N801
    """Who is told that a night is closed, needs a person, or is late; nobody by default."""

    smtp_host = luigi.Parameter(
        default="", description="mail server; default: nothing is sent by mail"
    )
    smtp_port = luigi.IntParameter(default=25, description="its port, 587 with a user")
    smtp_starttls = luigi.BoolParameter(
        default=False,
        parsing=luigi.BoolParameter.EXPLICIT_PARSING,
        description="encrypt, and see that the server is who it says (STARTTLS)",
    )
    smtp_user = luigi.Parameter(default="", description="who logs in there; default: nobody")
    smtp_password_file = luigi.Parameter(
        default="",
        description="file with the password, readable by its owner only; default: the environment "
        "variable LSTOSA_SMTP_PASSWORD",
    )
    sender = luigi.Parameter(default="", description="address that mails come from")
    recipients = luigi.Parameter(
        default="", description="addresses that they go to, separated by commas"
    )
    command = luigi.Parameter(
        default="",
        description="a command that is told as well, words as in a shell; it gets the message on "
        "standard input and the facts in the environment",
    )
    timeout = luigi.FloatParameter(
        default=30, description="seconds to wait for the mail server, and for the command"
    )
    closed_by = luigi.Parameter(
        default="14:00",
        description="time (UTC) of the day after from which a night that is not closed is late, "
        "in lstosa 14 h; empty: never",
    )
    missing_from = luigi.Parameter(
        default="09:00",
        description="time (UTC) of the day after from which a person is needed for what has not "
        "come by itself, such as the drive log; empty: at once",
    )


class provenance(luigi.Config):  # noqa: N801
    """What records tell of files, beside their sizes."""

    hash_raw = luigi.BoolParameter(
        default=False,
        parsing=luigi.BoolParameter.EXPLICIT_PARSING,
        description="hash raw files as well, while the command reads them",
    )


class housekeeping(luigi.Config):  # noqa: N801
    """What ``lstosa clean`` keeps."""

    keep_interleaved_of = luigi.Parameter(
        default="crab",
        description="sources whose interleaved events are kept, separated by commas; a part of the "
        "name is enough, in any case; as lstosa, which keeps Crab",
    )


class publish(luigi.Config):  # noqa: N801
    """Where datachecks, pages and catalogue are published; nowhere by default."""

    target = luigi.Parameter(
        default="",
        description="a directory that is there, or ``[user@]host:directory`` for rsync over ssh",
    )
    ssh = luigi.Parameter(
        default="ssh",
        description="the ssh to use with its options, words as in a shell: "
        "``ssh -p 2222 -i /home/lstosa/.ssh/web``",
    )
    timeout = luigi.FloatParameter(
        default=600, description="seconds that a transfer to a server may take"
    )
    retry_minutes = luigi.FloatParameter(
        default=30,
        description="minutes until ``lstosa nightly`` tries a target again that could not be "
        "reached",
    )


SECTIONS: tuple[type[luigi.Config], ...] = (
    paths,
    production,
    lstchain,
    calibration,
    closing,
    fallback,
    database,
    mc,
    pages,
    execution,
    local,
    nightly,
    notify,
    publish,
    housekeeping,
    provenance,
)
