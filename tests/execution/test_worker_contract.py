"""Luigi's private API as the worker uses it: a new version that changes it fails here, loudly."""

import inspect
import json
from collections.abc import Callable
from typing import Any

import luigi
import luigi.execution_summary
import luigi.interface
import luigi.retcodes
import luigi.rpc
import luigi.scheduler
import luigi.task
import luigi.worker
import pytest
from luigi.task_status import BATCH_RUNNING, DONE, FAILED, PENDING, RUNNING

import lstosa_luigi  # noqa: F401 - installs the worker
from lstosa_luigi.execution.batch import Batch
from lstosa_luigi.execution.worker import JobWorker, WorkerFactory

LuigiFactory = WorkerFactory.__mro__[1]
OVERRIDDEN = sorted(
    name
    for name, ours in vars(JobWorker).items()
    if inspect.isfunction(ours) and name in vars(luigi.worker.Worker) and name != "__init__"
)


class Plain(luigi.Task):
    """A task without parameters."""

    def complete(self) -> bool:
        return False


class Many(luigi.Task):
    """A task that luigid may merge."""

    number = luigi.Parameter(batch_method=",".join)
    max_batch_size = 200

    def complete(self) -> bool:
        return False


@pytest.fixture
def worker() -> luigi.worker.Worker:
    return luigi.worker.Worker(scheduler=luigi.scheduler.Scheduler(), worker_processes=2)


def parameters(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (luigi.worker.Worker.add, ["self", "task", "multiprocess", "processes"]),
        (luigi.worker.Worker.run, ["self"]),
        (luigi.worker.Worker.__enter__, ["self"]),
        (luigi.worker.Worker.__exit__, ["self", "type", "value", "traceback"]),
        (luigi.worker.Worker._add, ["self", "task", "is_complete"]),
        (luigi.worker.Worker._add_task, ["self", "args", "kwargs"]),
        (luigi.worker.Worker._create_task_process, ["self", "task"]),
        (luigi.worker.Worker._get_work, ["self"]),
        (luigi.worker.Worker._keep_alive, ["self", "get_work_response"]),
        (luigi.worker.Worker._log_complete_error, ["self", "task", "tb"]),
        (luigi.worker.Worker._log_dependency_error, ["self", "task", "tb"]),
        (luigi.worker._get_retry_policy_dict, ["task"]),
        (luigi.worker._is_external, ["task"]),
        (
            luigi.worker.TaskStatusReporter.__init__,
            ["self", "scheduler", "task_id", "worker_id", "scheduler_messages"],
        ),
        (
            LuigiFactory.create_worker,
            ["self", "scheduler", "worker_processes", "assistant"],
        ),
        (LuigiFactory.create_remote_scheduler, ["self", "url"]),
        (LuigiFactory.create_local_scheduler, ["self"]),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)
def test_what_is_overridden_or_called_has_the_signature_it_had(
    function: Callable[..., Any], expected: list[str]
) -> None:
    assert parameters(function) == expected


def test_the_overridden_methods_are_the_known_ones() -> None:
    assert OVERRIDDEN == [
        "__enter__",
        "__exit__",
        "_add",
        "_add_task",
        "_create_task_process",
        "_get_work",
        "_keep_alive",
        "_log_complete_error",
        "_log_dependency_error",
        "add",
        "run",
    ]


@pytest.mark.parametrize("name", OVERRIDDEN)
def test_every_method_that_the_worker_overrides_takes_what_luigi_passes(name: str) -> None:
    given = inspect.signature(vars(JobWorker)[name]).parameters.values()
    takes_any = any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in given)
    theirs = parameters(getattr(luigi.worker.Worker, name))
    assert takes_any or [p.name for p in given] == theirs


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("_id", str),
        ("_scheduler", luigi.scheduler.Scheduler),
        ("_scheduled_tasks", dict),
        ("_running_tasks", dict),
        ("_batch_running_tasks", dict),
        ("_add_task_history", list),
        ("_get_work_response_history", list),
        ("run_succeeded", bool),
        ("add_succeeded", bool),
    ],
)
def test_a_worker_has_the_attributes_that_are_read_or_changed(
    worker: luigi.worker.Worker, name: str, kind: type
) -> None:
    assert isinstance(getattr(worker, name), kind)


def test_results_of_tasks_are_put_into_a_queue_that_the_worker_reads(
    worker: luigi.worker.Worker,
) -> None:
    assert callable(worker._task_result_queue.put)
    source = inspect.getsource(luigi.worker.Worker._handle_next_task)
    assert "task_id, status, expl, missing, new_requirements = self._task_result_queue.get" in (
        source
    )


@pytest.mark.parametrize("name", ["use_multiprocessing", "timeout_time", "worker_timeout"])
def test_a_batch_has_what_luigi_asks_of_a_process(name: str) -> None:
    process = luigi.worker.TaskProcess(Plain(), "worker", None, None)
    assert hasattr(process, name)
    assert hasattr(Batch, name)


def test_a_batch_has_every_attribute_that_the_worker_reads_of_a_process() -> None:
    source = inspect.getsource(luigi.worker.Worker)
    for name in ("p.is_alive()", "p.exitcode", "p.timeout_time", "p.terminate()", "p.task"):
        assert name in source
        attribute = name[2:].removesuffix("()")
        assert hasattr(Batch, attribute) or attribute == "task"
    assert "task_process.run()" in source
    assert "status_reporter.scheduler_messages" in source


def test_the_process_of_a_plain_task_can_be_told_to_stay_in_this_process(
    worker: luigi.worker.Worker,
) -> None:
    process = worker._create_task_process(Plain())
    assert process.use_multiprocessing is True
    assert process.check_unfulfilled_deps is True
    process.use_multiprocessing = False
    worker._scheduled_tasks[Plain().task_id] = Plain()
    process.run()
    task_id, status, *_ = worker._task_result_queue.get(timeout=10)
    assert task_id == Plain().task_id
    assert status in (DONE, FAILED)


def test_importing_the_package_makes_luigi_use_its_factory() -> None:
    assert luigi.interface._WorkerSchedulerFactory is WorkerFactory
    source = inspect.getsource(luigi.interface._schedule_and_run)
    assert "worker_scheduler_factory = _WorkerSchedulerFactory()" in source
    assert LuigiFactory.__qualname__ == "_WorkerSchedulerFactory"


def test_the_module_is_imported_before_the_exit_codes_are_read() -> None:
    source = inspect.getsource(luigi.retcodes.run_with_retcodes)
    assert source.index("CmdlineParser.global_instance(argv)") < source.index("retcode()")
    assert issubclass(luigi.interface.PidLockAlreadyTakenExit, SystemExit)
    names = {name for name, _ in luigi.retcodes.retcode.get_params()}
    assert {
        "already_running",
        "missing_data",
        "not_run",
        "task_failed",
        "scheduling_error",
        "unhandled_exception",
    } <= names


def test_the_summary_is_made_of_the_history_that_the_worker_corrects(
    worker: luigi.worker.Worker,
) -> None:
    task = Plain()
    worker._add_task_history += [(task, PENDING, True), (task, DONE, True)]
    assert luigi.execution_summary._summary_dict(worker)["completed"] == {task}


def add(scheduler: luigi.scheduler.Scheduler, worker: str, **given: Any) -> None:
    scheduler.add_task(worker=worker, family="Many", module="tests", batchable=True, **given)


def merged(scheduler: luigi.scheduler.Scheduler, worker: str = "W") -> dict[str, Any]:
    """Let luigid merge three tasks for a worker, as :meth:`Worker._get_work` does."""
    scheduler.add_task_batcher(
        worker=worker, task_family="Many", batched_args=["number"], max_batch_size=200
    )
    for number in ("1", "2", "3"):
        add(scheduler, worker, task_id=f"Many_{number}", params={"number": number})
    work = scheduler.get_work(worker=worker, current_tasks=[])
    task = luigi.task.Register.get_task_cls("Many").from_str_params(work["task_params"])
    add(
        scheduler,
        worker,
        task_id="Many_all",
        params=task.to_str_params(),
        status=RUNNING,
        batch_id=work["batch_id"],
    )
    return work


def status(scheduler: luigi.scheduler.Scheduler, task_id: str) -> str:
    return scheduler._state.get_task(task_id).status


def test_members_are_reported_one_by_one_while_the_merged_task_goes_on() -> None:
    scheduler = luigi.scheduler.Scheduler()
    work = merged(scheduler)
    assert sorted(work["batch_task_ids"]) == ["Many_1", "Many_2", "Many_3"]
    assert sorted(work["task_params"]["number"]) == ["1", "2", "3"]
    assert status(scheduler, "Many_2") == BATCH_RUNNING
    scheduler.add_task(
        worker="W", task_id="Next", deps=["Many_2"], family="Next", module="tests", params={}
    )
    scheduler.add_task(worker="W", task_id="Many_2", status=DONE, expl=json.dumps(""))
    assert status(scheduler, "Many_2") == DONE
    assert status(scheduler, "Many_1") == BATCH_RUNNING
    assert status(scheduler, "Many_all") == RUNNING
    again = scheduler.get_work(worker="W", current_tasks=["Many_all"])
    assert again["task_id"] == "Next", "what needs a member does not wait for its mates"


def test_members_that_failed_keep_their_text_and_the_merged_task_ends_well() -> None:
    scheduler = luigi.scheduler.Scheduler()
    merged(scheduler)
    for task_id, end, text in (
        ("Many_1", DONE, ""),
        ("Many_3", DONE, ""),
        ("Many_2", FAILED, "broken file"),
        ("Many_all", DONE, "broken file"),
    ):
        scheduler.add_task(worker="W", task_id=task_id, status=end, expl=json.dumps(text))
    assert [status(scheduler, f"Many_{n}") for n in "123"] == [DONE, FAILED, DONE]
    assert "broken file" in scheduler.fetch_error("Many_2")["error"]
    assert list(scheduler.task_list(FAILED, "")) == ["Many_2"]


def test_a_worker_of_the_same_name_gets_its_merged_task_back_at_once() -> None:
    scheduler = luigi.scheduler.Scheduler()
    merged(scheduler)
    assert scheduler.get_work(worker="other", current_tasks=[])["task_id"] is None
    again = scheduler.get_work(worker="W", current_tasks=[])
    assert again["task_id"] == "Many_all"
    assert sorted(again["task_params"]["number"].split(",")) == ["1", "2", "3"]


def test_the_scheduler_lists_tasks_by_state_for_workers_too() -> None:
    scheduler = luigi.scheduler.Scheduler()
    merged(scheduler)
    assert set(scheduler.task_list(RUNNING, "")) == {"Many_all"}
    assert set(scheduler.task_list(BATCH_RUNNING, "")) == {"Many_1", "Many_2", "Many_3"}
    assert "task_list" in dir(luigi.rpc.RemoteScheduler)


def test_luigid_is_slow_to_believe_that_a_finished_task_is_to_be_done_again() -> None:
    scheduler = luigi.scheduler.Scheduler(stable_done_cooldown_secs=10)
    add(scheduler, "W", task_id="Many_1", params={"number": "1"})
    add(scheduler, "W", task_id="Many_1", status=DONE)
    add(scheduler, "W", task_id="Many_1", status=PENDING)
    assert status(scheduler, "Many_1") == DONE
    quick = luigi.scheduler.Scheduler(stable_done_cooldown_secs=0)
    add(quick, "W", task_id="Many_1", params={"number": "1"})
    add(quick, "W", task_id="Many_1", status=DONE)
    add(quick, "W", task_id="Many_1", status=PENDING)
    assert status(quick, "Many_1") == PENDING


def test_a_task_that_asks_for_more_tells_which_tasks() -> None:
    asked = Many(number="7")

    class Asking(luigi.Task):
        def run(self) -> Any:
            yield [asked]

    process = luigi.worker.TaskProcess(Asking(), "worker", None, None)
    ((_, family, given),) = process._run_get_new_deps()
    assert (family, given) == ("Many", {"number": "7"})
