"""Tasks of anybody that are made by jobs: what they become, and which of them go along."""

from pathlib import Path

import luigi
import pytest
from luigi.task_status import DONE

from lstosa_luigi.execution.backend import Outcome
from lstosa_luigi.execution.batch import Batch
from lstosa_luigi.execution.spec import SCRATCH
from lstosa_luigi.execution.task import BatchParameter, SlurmTask
from tests.configuration import configure


class Squared(SlurmTask):
    """A task as a user writes it."""

    folder = luigi.Parameter()
    telescope = luigi.Parameter(default="LST1")
    number = BatchParameter()
    batch_key = "number"
    resource_class = "dl2"

    def output(self):
        return luigi.LocalTarget(f"{self.folder}/squared_{self.number}.txt")

    def command(self):
        return ("expr", self.number, "--output", self.aside())


class Checked(SlurmTask):
    folder = luigi.Parameter()
    telescope = luigi.Parameter(default="LST1")
    number = BatchParameter()
    batch_key = "number"
    follows = Squared

    def requires(self):
        return self.clone(Squared)

    def output(self):
        return {
            "table": luigi.LocalTarget(f"{self.folder}/checked_{self.number}.ecsv"),
            "plot": luigi.LocalTarget(f"{self.folder}/checked_{self.number}.pdf"),
        }

    def command(self):
        return ("check", self.input().path, self.aside("table"), self.aside("plot"))


@pytest.fixture
def root(tmp_path, monkeypatch):
    configure(monkeypatch, execution={"directory": str(tmp_path / "osa")})
    return tmp_path


@pytest.fixture
def squared(root):
    return Squared(folder=str(root / "final"), number="3")


def test_task_of_a_user_becomes_a_job(squared, root):
    job = squared.job()
    assert job.argv == ("expr", "3", "--output", f"{SCRATCH}/squared_3.txt")
    assert [(output.path, output.made) for output in job.outputs] == [
        (str(root / "final/squared_3.txt"), "squared_3.txt"),
    ]
    assert (job.product, job.number, job.resource_class) == ("Squared", 3, "dl2")
    assert job.name.startswith("Squared_")
    assert job.log == str(root / f"osa/log/{job.name}.log")
    assert job.record == str(root / f"osa/records/{job.name}.json")
    assert job.arrays == str(root / "osa/arrays")
    assert Path(job.scratch).parent == Path(job.outputs[0].path).parent


def test_names_of_different_tasks_are_different_and_can_be_file_names(root):
    tasks = [Squared(folder=folder, number=n) for folder in ("/a b", "/a/b") for n in "12"]
    names = [task.job().name for task in tasks]
    assert len(set(names)) == 4
    assert not [name for name in names if "/" in name or " " in name]


def test_tasks_that_differ_in_their_number_alone_share_an_array(root):
    one, two = (Squared(folder="/a", number=n).job() for n in "12")
    other = Squared(folder="/a", number="1", telescope="LST2").job()
    assert one.unit == two.unit
    assert one.unit != other.unit
    assert (one.number, two.number) == (1, 2)


def test_task_with_several_files_names_them(root):
    job = Checked(folder=str(root / "final"), number="3").job()
    assert job.argv[2:] == (f"{SCRATCH}/checked_3.ecsv", f"{SCRATCH}/checked_3.pdf")
    assert len(job.outputs) == 2
    assert job.inputs == (str(root / "final/squared_3.txt"),)


def test_relative_places_become_absolute_because_jobs_work_elsewhere(root, monkeypatch):
    monkeypatch.chdir(root)
    job = Squared(folder="final", number="3").job()
    assert job.outputs[0].path == str(root / "final/squared_3.txt")


def test_task_without_a_command_says_so(root):
    class Empty(SlurmTask):
        def output(self):
            return luigi.LocalTarget("/nosuch")

    with pytest.raises(NotImplementedError, match=r"^Empty has neither command\(\) nor job\(\)$"):
        Empty().job()


def test_task_names_what_may_be_done_right_after_it(squared):
    (follower,) = squared.followers()
    assert follower == Checked(folder=squared.folder, number="3")
    assert follower.followers() == []


def test_product_is_made_once_all_its_required_files_are_there(squared, root):
    job = Checked(folder=squared.folder, number="3").job()
    assert not job.is_made()
    (root / "final").mkdir()
    for output in job.outputs:
        assert not job.is_made()
        Path(output.path).touch()
    assert job.is_made()


# --- batches -------------------------------------------------------------------------------


class FakeConsole:
    def __init__(self):
        self.lines = []

    def product(self, title, outcome):
        self.lines.append(f"{title}: {'done' if outcome.done else outcome.cause}")


class FakeReporter:
    def __init__(self):
        self.texts = []
        self.percentage = 0

    def update_status_message(self, text):
        self.texts.append(text)

    def update_progress_percentage(self, percentage):
        self.percentage = percentage


class FakeOwner:
    """The worker, as a batch sees it."""

    def __init__(self, wanted=True):
        self.wanted = wanted
        self.console = FakeConsole()
        self.reporter = FakeReporter()
        self.jobs, self.followers, self.reports, self.finished = [], {}, [], None
        self.failures = {}

    def take_apart(self, task):
        return self.reporter

    def wants(self, task):
        return self.wanted

    def submit(self, batch, jobs, followers):
        self.jobs, self.followers = jobs, followers

    def failure_of(self, member):
        return self.failures.get(member.task_id)

    def failed(self, member, outcome):
        self.failures[member.task_id] = outcome

    def poll(self):
        pass

    def report(self, member, status, text, log):
        self.reports.append((member, status, text, log))

    def point_to(self, task, log):
        self.reports.append((task, log))

    def finish(self, task, status, text, needs):
        self.finished = (status, text, list(needs))


def make(task):
    for target in luigi.task.flatten(task.output()):
        Path(target.path).parent.mkdir(exist_ok=True)
        Path(target.path).touch()


@pytest.fixture
def three(root):
    return Squared(folder=str(root / "final"), number="1,2,3")


def test_batch_gives_its_members_with_those_that_may_go_along(three):
    owner = FakeOwner()
    batch = Batch(owner, three)
    batch.run()
    assert [job.number for job in owner.jobs] == [1, 2, 3]
    assert [[f.product for f in owner.followers[job.key]] for job in owner.jobs] == [
        ["Checked"]
    ] * 3
    assert batch.is_alive()


def test_follower_that_nobody_planned_does_not_go_along(three):
    owner = FakeOwner(wanted=False)
    Batch(owner, three).run()
    assert list(owner.followers.values()) == [[], [], []]


def test_follower_that_is_there_already_does_not_go_along(three):
    make(Checked(folder=three.folder, number="2"))
    owner = FakeOwner()
    Batch(owner, three).run()
    assert [len(followers) for followers in owner.followers.values()] == [1, 0, 1]


def test_follower_that_lacks_something_else_does_not_go_along(root):
    class Other(luigi.ExternalTask):
        def output(self):
            return luigi.LocalTarget(str(root / "other"))

    class Needy(SlurmTask):
        folder = luigi.Parameter()

        def output(self):
            return luigi.LocalTarget(f"{self.folder}/needy")

        def command(self):
            return ("true",)

    class Following(Needy):
        follows = Needy

        def requires(self):
            return [self.clone(Needy), Other()]

        def output(self):
            return luigi.LocalTarget(f"{self.folder}/following")

    owner = FakeOwner()
    Batch(owner, Needy(folder=str(root))).run()
    assert list(owner.followers.values()) == [[]]
    (root / "other").touch()
    Batch(owner, Needy(folder=str(root))).run()
    assert [[job.product for job in jobs] for jobs in owner.followers.values()] == [["Following"]]


def test_news_of_a_job_are_shown_with_its_task(three):
    owner = FakeOwner()
    batch = Batch(owner, three)
    batch.run()
    batch.tell("Slurm 100: 3 submitted")
    assert owner.reporter.texts == ["Slurm 100: 3 submitted"]


def test_each_member_of_a_batch_has_an_outcome_and_a_log_of_its_own(three):
    owner = FakeOwner()
    batch = Batch(owner, three)
    batch.run()
    one, two, last = owner.jobs
    make(Squared(folder=three.folder, number="1"))
    batch.take(Outcome(one.key, True, log="/log/one_100_1.log"))
    assert owner.reports == [(three.members()[0], DONE, "", "/log/one_100_1.log")]
    assert owner.reporter.texts == ["1 of 3 ended"]
    batch.take(Outcome(two.key, False, "out of time", "last line", "/log/two_100_2.log"))
    make(Squared(folder=three.folder, number="3"))
    assert batch.is_alive()
    batch.take(Outcome(last.key, True))
    assert not batch.is_alive()
    member, status, text, log = owner.reports[-1]
    assert (member, status, log) == (three.members()[1], "FAILED", "/log/two_100_2.log")
    assert text.endswith(": out of time\nlast line\n/log/two_100_2.log")


def test_what_failed_under_this_command_is_not_tried_again_whatever_luigid_offers(three):
    owner = FakeOwner()
    batch = Batch(owner, three)
    batch.run()
    for job in owner.jobs:
        batch.take(Outcome(job.key, False, "out of time", log=f"/log/{job.number}.log"))
    make(Squared(folder=three.folder, number="3"))  # by another command
    owner.reports.clear()
    again = Batch(owner, three)
    again.run()
    assert owner.jobs == []
    assert not again.is_alive()
    assert sorted((member.number, status) for member, status, *_ in owner.reports) == [
        ("1", "FAILED"),
        ("2", "FAILED"),
        ("3", DONE),
    ]
