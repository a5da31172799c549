"""What all products of a night have in common: their parameters, places, tools and jobs."""

from __future__ import annotations

__all__ = ["External", "NightParameter", "NightProduct", "NightTask", "RunTask", "SubrunTask"]

import abc
import dataclasses
import datetime
import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import luigi

from lstosa_luigi import config
from lstosa_luigi.errors import InputError, UsageError
from lstosa_luigi.execution.environment import (
    Tools,
    find_calibrator,
    find_tools,
    own_software,
    service,
    standard_config,
)
from lstosa_luigi.execution.spec import Job, Output
from lstosa_luigi.execution.task import BatchParameter, SlurmTask
from lstosa_luigi.layout import Layout, ProvenanceLayout
from lstosa_luigi.observation.night import Night, decisions_of, read_night

FIRST = 10
"""Priority of what leads to the night-wise datacheck, from DL1b on the longest way to the end.

The plots of a run take long: what other runs' plots wait for goes before them.
"""

OF_PRODUCTION = ("dl1_prod", "model", "dl2_prod")
"""Parameters that say which cleaning, random forests and DL2 a product is of."""


class NightParameter(luigi.DateParameter):
    """A night: the date of its evening."""

    def parse(self, s: str) -> datetime.date:
        """Parse ``YYYY-MM-DD``.

        Raises
        ------
        UsageError
            If it is no date, or a day that has not come yet.
        """
        try:
            date = datetime.date.fromisoformat(str(s).strip())
        except ValueError as error:
            raise UsageError(f"{s!r} is not a date; write YYYY-MM-DD, as 2020-01-17.") from error
        if date > datetime.datetime.now(datetime.timezone.utc).date():
            raise UsageError(f"{date} is in the future: there are no data of that night yet.")
        return date


class NightTask(luigi.Task):
    """A task of one night of one production."""

    date = NightParameter(description="the night: the date of its evening")
    telescope = luigi.Parameter(default="LST1")
    prod_id = luigi.Parameter(
        default="", description="production; default: [production] prod_id, else v + lstchain"
    )

    @classmethod
    def get_params(cls) -> list[tuple[str, luigi.Parameter]]:
        """Return the parameters, looked up once: Luigi goes through all attributes each time."""
        return list(_parameters(cls))

    @classmethod
    def get_param_values(cls, params: Any, args: Any, kwargs: Any) -> list[tuple[str, Any]]:
        """Fill in the production, so that it stands in the identity of every task."""
        values = dict(super().get_param_values(params, args, kwargs))
        if not values["prod_id"]:
            settings = config.load()
            values["prod_id"] = settings.prod_id or f"v{find_tools(settings.lstchain).version}"
        return list(values.items())

    @property
    def settings(self) -> config.Settings:
        """Configuration of the production, with what only its tools know filled in."""
        settings = config.load(str(self.prod_id))
        options = settings.lstchain
        is_wanted = options.apply_standard_dl1b_config or settings.fallback.tailcuts == "standard"
        if not is_wanted or options.dl1b_config:
            return settings
        standard = str(standard_config(options))
        return dataclasses.replace(settings, lstchain=options.clone(dl1b_config=standard))

    @property
    def tools(self) -> Tools:
        """Tools of the production."""
        return find_tools(config.load(str(self.prod_id)).lstchain)

    def calibrator(self, category: str) -> Tools:
        """Return the tools that Cat-A or Cat-B (``A``, ``B``) is made with."""
        return find_calibrator(config.load(str(self.prod_id)).lstchain, category)

    @functools.cached_property
    def layout(self) -> Layout:
        """Places of the night."""
        has_cat_b = config.load(str(self.prod_id)).lstchain.apply_catB_calibration
        return Layout(
            self.settings.directories,
            str(self.telescope),
            str(self.prod_id),
            f"v{self.tools.version}",
            self.date,
            cat_a_version=f"v{self.calibrator('A').version}",
            # whoever makes no Cat-B need not have the tools for it
            cat_b_version=f"v{self.calibrator('B').version}" if has_cat_b else "",
        )

    @property
    def night(self) -> Night | None:
        """What is known of the night; None while it has no run summary."""
        options = config.load(str(self.prod_id)).calibration
        return read_night(self.layout, options.max_days_back)

    def known_night(self) -> Night:
        """Return what is known of the night.

        Raises
        ------
        InputError
            If it has no run summary.
        """
        night = self.night
        if night is None:
            raise InputError(f"{self.layout.run_summary()} is not there yet.")
        return night

    def sibling(self, task: type[NightTask], **parameters: Any) -> Any:
        """Return another task of the same night and production."""
        return self.of_night(self.date, task, **parameters)

    def of_night(self, date: datetime.date, task: type[NightTask], **parameters: Any) -> Any:
        """Return a task of another night of the same production."""
        return task(date=date, telescope=self.telescope, prod_id=self.prod_id, **parameters)


@functools.cache
def _parameters(task: type[NightTask]) -> tuple[tuple[str, luigi.Parameter], ...]:
    return tuple(super(NightTask, task).get_params())


class NightProduct(NightTask, SlurmTask):
    """A product of a night, made by one command.

    One that :attr:`is_passing` may be removed once all that is made of it is there. Where
    :attr:`is_alike` the outputs of the subruns of a run differ by the number of the subrun only.
    Of one that :attr:`is_random` the tool draws numbers without a seed: made again, it is another.
    """

    is_passing: ClassVar[bool] = False
    is_alike: ClassVar[bool] = True
    is_random: ClassVar[bool] = False

    @property
    def unit(self) -> str:
        """What the product is of: ``Run01807.0003``, ``Run01807`` or the date."""
        return self.layout.flat_date

    @property
    def title(self) -> str:
        """The product in an operator's words."""
        return f"{self.task_family} {self.unit}"

    @property
    def record(self) -> Path:
        """The record of how it was made."""
        return self.layout.record(self.record_name)

    @property
    def job_unit(self) -> str:
        """What the jobs of one array have in common."""
        return self.unit

    @property
    def job_number(self) -> int | None:
        """Which one of an array the job is, if it has a number."""
        return None

    @property
    def record_name(self) -> str:
        """What log and record of the product are called."""
        return f"{self.unit}_{self.task_family}"

    def refused(self) -> str:
        """Return why it is done without, though it is not made; nothing if it is made, or to be."""
        return ""

    def is_done_with(self, path: str) -> bool:
        """Whether a file of the product was removed on purpose, and nothing needs it any more."""
        return False

    def files(self) -> list[Path]:
        """Return all files that say that the product is made."""
        return [Path(target.path) for target in luigi.task.flatten(self.output())]

    def targets(self, outputs: Mapping[str, Path]) -> dict[str, luigi.LocalTarget]:
        """Return files as Targets."""
        return {name: luigi.LocalTarget(str(path)) for name, path in outputs.items()}

    def make_job(
        self,
        argv: tuple[str, ...],
        outputs: Iterable[Output],
        inputs: Iterable[Path | str] = (),
        staged: Mapping[str, Path | str] | None = None,
        real: Iterable[Path] = (),
        copied: Mapping[str, Path | str] | None = None,
        links: Mapping[Path, Path] | None = None,
        resource_class: str = "data",
        tools: Tools | None = None,
        refusal: Path | None = None,
        choices: Iterable[str] = (),
    ) -> Job:
        """Return the command with everything that is the same for all products.

        *tools* are those that the command is of, if not those of the production; *refusal* is
        where the tool's own verdict is kept, if it counts instead of the product; *choices* are
        what was chosen for it, and why.
        """
        name, tools = self.record_name, tools or self.tools
        places = ProvenanceLayout(self.layout.directories)
        cache = self.layout.cache()  # made by the first job: who only asks for jobs writes nothing
        return Job(
            name=name,
            title=self.title,
            argv=tools.command(argv) if argv else (),
            outputs=tuple(outputs),
            inputs=tuple(str(path) for path in inputs if str(path)),
            staged={key: str(path) for key, path in (staged or {}).items()},
            real=tuple(str(path) for path in real),
            copied={key: str(path) for key, path in (copied or {}).items()},
            links={str(at): str(to) for at, to in (links or {}).items()},
            environment=tools.variables(cache),
            warm_up=tools.warm_up(),
            is_warm=str(cache / f"warm-v{tools.version}") if tools.warm_up() else "",
            log=str(self.layout.log(name)),
            record=str(self.record),
            scratch=str(self.layout.scratch()),
            arrays=str(self.layout.arrays()),
            product=str(self.task_family),
            unit=self.job_unit,
            number=self.job_number,
            group=f"{self.telescope}-{self.layout.flat_date}-{self.prod_id}",
            resource_class=resource_class,
            priority=self.priority,
            decided=self._decided(),
            refusal="" if refusal is None else str(refusal),
            choices=tuple(choices),
            software=tools.software(),
            configs=str(self.layout.kept_config("").parent),
            versions=str(self.layout.kept_software("").parent),
            hash_raw=self.settings.provenance.hash_raw,
            about=self._about(),
            hash_store=str(places.hashes()),
            made_below=tuple(str(path) for path in places.made_below()),
        )

    def _about(self) -> dict[str, Any]:
        """Return what the product is of, and which service asked for it, for the record."""
        found = {"prod_id": str(self.prod_id)}
        found |= {name: str(getattr(self, name)) for name in OF_PRODUCTION if hasattr(self, name)}
        return {
            "telescope": str(self.telescope),
            "date": str(self.date),
            "run": getattr(self, "run_id", None),
            "prod_ids": found,
            "service": service(),
            "is_random": self.is_random,
        }

    def make_own_job(
        self, argv: tuple[str, ...], outputs: Iterable[Output], inputs: Iterable[Path | str] = ()
    ) -> Job:
        """Return a command of this package, which needs neither the tools nor their caches."""
        job = self.make_job((), outputs, inputs, resource_class="calibration")
        return job._replace(argv=argv, warm_up=(), is_warm="", software=own_software())

    def _decided(self) -> tuple[str, ...]:
        night = self.night
        known = decisions_of(self.layout) if night is None else night.related
        return tuple(decision.text for decision in known.active)


class RunTask(NightTask):
    """A task of one run."""

    run_id = luigi.IntParameter(description="run number")

    @property
    def unit(self) -> str:
        """The run as it stands in file names."""
        return f"Run{self.run_id:05d}"


class SubrunTask(RunTask):
    """A task of one subrun; those of a run may become one batch."""

    subrun = BatchParameter(description="subrun number, from 0")
    batch_key: ClassVar[str | None] = "subrun"

    @property
    def number(self) -> int:
        """The subrun as a number."""
        return int(str(self.subrun))

    @property
    def unit(self) -> str:
        """The subrun as it stands in file names."""
        return f"Run{self.run_id:05d}.{self.number:04d}"

    @property
    def job_unit(self) -> str:
        """The run: its subruns form an array."""
        return f"Run{self.run_id:05d}"

    @property
    def job_number(self) -> int | None:
        """The subrun as a number."""
        return self.number


class External(NightTask, luigi.ExternalTask):
    """Something that only the outside can supply."""

    @abc.abstractmethod
    def hint(self) -> str:
        """Say what is missing and what to do."""
