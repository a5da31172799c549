"""The configuration of the Slurm backend: defaults, what overrides what, and what is wrong."""

import pytest

from lstosa_luigi.errors import ConfigError
from lstosa_luigi.execution.slurm.options import CLASSES, Resources, memory_mb
from lstosa_luigi.execution.slurm.parse import seconds_of

HOUR = 3600


def test_without_a_section_all_has_a_default(load_options):
    options = load_options()
    common, policy = options.common, options.retries
    assert (common.poll_interval, common.grace) == (30, 60)
    assert (common.prefix, common.on_exit, common.export) == ("lstosa", "keep", "")
    assert (policy.max_tries, policy.delay, policy.max_losses) == (3, 60, 10)
    assert (policy.mem_factor, policy.time_factor, policy.exclude_node) == (1.5, 2, False)
    assert (options.mem_max_mb, options.seconds_max) == (120 * 1024, float("inf"))
    assert options.resources("data", "DL1A") == Resources(6 * 1024, 4500)


@pytest.mark.parametrize(
    ("resource_class", "gigabytes"),
    [
        # the first four are lstosa's; a DRS4 baseline needs 2.7 GB
        ("data", 6),
        ("gain_selection", 2),
        ("dl2", 60),
        ("tailcuts", 10),
        ("calibration", 4),
        ("merge", 4),
        ("datacheck", 4),
        ("models", 60),
        ("irf", 6),
        ("dl3", 10),
        ("of_somebody_else", 6),
    ],
)
def test_class_of_resources_has_its_memory(load_options, resource_class, gigabytes):
    assert load_options().resources(resource_class, "Some").mem_mb == gigabytes * 1024


def test_job_of_several_products_asks_for_the_most_that_one_of_them_needs():
    small, large = Resources(2048, 4500, 4, account="dpps"), Resources(6144, 3600, 1)
    assert small.enough_for(large) == Resources(6144, 4500, 4, account="dpps")


def test_every_class_of_resources_has_been_looked_at(load_options):
    options = load_options()
    assert all(options.resources(name, "Some").seconds == 4500 for name in CLASSES)


def test_common_section_is_for_all_jobs(load_options):
    options = load_options(
        slurm={
            "account": "dpps",
            "partition": "short, long",
            "time": "2:00:00",
            "cpus": "2",
            "throttle": "50",
            "extra": "--qos=high --nice=100 --comment='by hand'",
        }
    )
    for resource_class, product in (("data", "DL1A"), ("dl2", "DL2")):
        asked = options.resources(resource_class, product)
        assert (asked.account, asked.partition) == ("dpps", "short,long")
        assert (asked.seconds, asked.cpus, asked.throttle) == (2 * HOUR, 2, 50)
        assert asked.extra == ("--qos=high", "--nice=100", "--comment=by hand")
        assert asked.exclude == ()


def test_class_overrides_what_is_common_and_product_overrides_class(load_options):
    options = load_options(
        **{
            "slurm": {"partition": "short", "account": "dpps"},
            "slurm.data": {"mem": "7GB", "partition": "long"},
            "slurm.DL1B": {"mem": "8GB", "time": "3:00:00"},
        }
    )
    dl1a, dl1b, dl2 = (
        options.resources(resource_class, product)
        for resource_class, product in (("data", "DL1A"), ("data", "DL1B"), ("dl2", "DL2"))
    )
    assert (dl1a.mem_mb, dl1a.partition, dl1a.account, dl1a.seconds) == (7168, "long", "dpps", 4500)
    assert (dl1b.mem_mb, dl1b.partition, dl1b.account) == (8192, "long", "dpps")
    assert dl1b.seconds == 3 * HOUR
    assert (dl2.mem_mb, dl2.partition) == (61440, "short")


@pytest.mark.parametrize("section", ["slurm.dl1a", "slurm.DL1A", "slurm.Dl1a"])
def test_name_of_a_product_may_be_written_in_any_case(load_options, section):
    options = load_options(**{section: {"mem": "9GB"}})
    assert options.resources("data", "DL1A").mem_mb == 9216
    assert options.resources("data", "DL1B").mem_mb == 6144


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        (
            {"slurm.nosuch": {"mem": "1GB"}},
            "[slurm.nosuch]: no such class of resources nor product; classes are gain_selection, "
            "calibration, data, tailcuts, merge, datacheck, models, dl2, irf, dl3",
        ),
        (
            {"slurm.dl2": {"memory": "1GB"}},
            "[slurm.dl2] memory: no such key; this section knows account, cpus, extra, mem, "
            "partition, throttle, time",
        ),
        (
            {"slurm.dl2": {"poll_interval": "1"}},
            "[slurm.dl2] poll_interval: no such key; this section knows account, cpus, extra, mem, "
            "partition, throttle, time",
        ),
        ({"slurm": {"mem": "much"}}, "[slurm] mem = much: not a size; write 500MB or 6GB"),
        ({"slurm.dl2": {"mem": "-1"}}, "[slurm.dl2] mem = -1: not a size; write 500MB or 6GB"),
        (
            {"slurm": {"time": "1h"}},
            "[slurm] time = 1h: '1h' is not a time; write minutes, H:M:S or D-H:M:S",
        ),
        (
            {"slurm.dl2": {"time": "UNLIMITED"}},
            "[slurm.dl2] time = UNLIMITED: must be a time above 0 and below the partition's",
        ),
        (
            {"slurm": {"time": "0"}},
            "[slurm] time = 0: must be a time above 0 and below the partition's",
        ),
        ({"slurm": {"cpus": "0"}}, "[slurm] cpus = 0: must be at least 1"),
        ({"slurm.dl2": {"cpus": "0"}}, "[slurm.dl2] cpus = 0: must be at least 1"),
        ({"slurm": {"throttle": "-1"}}, "[slurm] throttle = -1: must be at least 0"),
        (
            {"slurm": {"extra": "qos=high"}},
            "[slurm] extra = qos=high: 'qos=high' is no option; write --name=value",
        ),
        (
            {"slurm": {"extra": "--qos high"}},
            "[slurm] extra = --qos high: 'high' is no option; write --name=value",
        ),
        ({"slurm": {"extra": "--a='"}}, "[slurm] extra = --a=': No closing quotation"),
        ({"slurm": {"poll_interval": "0"}}, "[slurm] poll_interval = 0.0: must be above 0"),
        (
            {"slurm": {"prefix": "la palma"}},
            "[slurm] prefix = la palma: only letters, digits, '_', '.', '+'",
        ),
        (
            {"slurm": {"prefix": "a-b"}},
            "[slurm] prefix = a-b: only letters, digits, '_', '.', '+'",
        ),
        ({"retries": {"max_tries": "0"}}, "[retries] max_tries = 0: must be at least 1"),
        ({"retries": {"mem_factor": "0.5"}}, "[retries] mem_factor = 0.5: must be at least 1"),
        ({"retries": {"time_factor": "0"}}, "[retries] time_factor = 0.0: must be at least 1"),
        (
            {"retries": {"mem_max": "all"}},
            "[retries] mem_max = all: not a size; write 500MB or 6GB",
        ),
        (
            {"retries": {"time_max": "soon"}},
            "[retries] time_max = soon: 'soon' is not a time; write minutes, H:M:S or D-H:M:S",
        ),
    ],
)
def test_what_is_wrong_is_named_in_one_line(load_options, sections, message):
    with pytest.raises(ConfigError) as caught:
        load_options(**sections)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("sections", "beginning"),
    [
        ({"slurm": {"cpus": "two"}}, "[slurm] cpus = two: not a valid int ("),
        ({"slurm.dl2": {"cpus": "two"}}, "[slurm.dl2] cpus = two: not a valid int ("),
        ({"slurm": {"on_exit": "kill"}}, "[slurm] on_exit = kill: not a valid choice ("),
        ({"slurm": {"grace": "long"}}, "[slurm] grace = long: not a valid float ("),
        ({"slurm": {"walltime": "1"}}, "[slurm] walltime: no such key; this section knows "),
        ({"retries": {"tries": "1"}}, "[retries] tries: no such key; this section knows "),
        ({"retries": {"exclude_node": "maybe"}}, "[retries] exclude_node = maybe: not a valid "),
    ],
)
def test_value_of_the_wrong_type_is_named(load_options, sections, beginning):
    with pytest.raises(ConfigError) as caught:
        load_options(**sections)
    assert str(caught.value).startswith(beginning)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "megabytes"),
    [
        ("6GB", 6144),
        ("6G", 6144),
        ("6gb", 6144),
        (" 6 GB ", 6144),
        ("500M", 500),
        ("500MB", 500),
        ("4000", 4000),
        ("0.5G", 512),
        ("1.2G", 1229),
        ("2T", 2 * 1024**2),
        ("100K", 1),
    ],
)
def test_size_is_read_in_megabytes(text, megabytes):
    assert memory_mb(text) == megabytes


@pytest.mark.parametrize("text", ["", "GB", "6 G B", "6GiB", "six", "1,5G", "6G6", "1.2.3G"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match=r"^(not a size|could not convert)"):
        memory_mb(text)


def test_longest_time_after_failures_may_be_given(load_options):
    options = load_options(retries={"time_max": "6:00:00", "mem_max": "64GB"})
    assert (options.seconds_max, options.mem_max_mb) == (seconds_of("6:00:00"), 65536)


def test_resources_come_back_from_json():
    asked = Resources(6144, 4500, 2, "dpps", "long", 9, ("--qos=high",), ("cp15", "cp16"))
    assert Resources.from_json(asked.to_json()) == asked
