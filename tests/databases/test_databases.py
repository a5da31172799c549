"""What the databases of the site tell: rules on documents (mongomock), the network with pymongo."""

import datetime
import socket
import time

import mongomock
import pytest

from lstosa_luigi.databases.camera import filters_of
from lstosa_luigi.databases.server import Unavailable, answers, connect
from lstosa_luigi.databases.telescope import run_time, source_of
from lstosa_luigi.observation.catalog import Source
from lstosa_luigi.observation.targets import RunTime
from lstosa_luigi.programs.filter_wheels import ask
from tests.conftest import free_port
from tests.fakes.mongo import add_observation, add_run, add_wheels, mongo_server

CRAB = {"name": "Crab Nebula", "source_ra": 83.633, "source_dec": 22.0145}
MRK = {"name": "Mrk 421", "source_ra": 166.11, "source_dec": 38.21}


@pytest.fixture
def client():
    return mongomock.MongoClient()


def source(client, run=1807):
    return source_of(client, run_time(client, run))


def test_run_is_of_the_target_of_the_observation_it_was_taken_in(client):
    add_run(client, 1807, 1000.0, 2200.0)
    add_observation(client, 0.0, 900.0, **MRK)
    add_observation(client, 950.0, 2300.0, **CRAB)
    add_observation(client, 2400.0, 3000.0, **MRK)
    choice = source(client)
    assert choice.value == Source("Crab Nebula", 83.633, 22.0145)
    assert choice.reason == "target of the observation from 00:16:40 to 00:36:40 UTC"


def test_of_two_observations_the_latest_counts_and_the_other_is_named(client):
    add_run(client, 1807, 1000.0, 2200.0)
    add_observation(client, 1500.0, 2300.0, **CRAB)
    add_observation(client, 950.0, 1499.0, **MRK)
    choice = source(client)
    assert choice.value.name == "Crab Nebula"
    assert choice.reason.endswith("; the latest of 2, the others of Mrk 421")


def test_run_that_the_database_does_not_know_has_no_source(client):
    assert source(client).value is None
    assert source(client).reason == "it has no start and end of the run"
    add_run(client, 1807, 1000.0, 2200.0)
    assert source(client).reason == "it has no observation from 00:16:40 to 00:36:40 UTC"


@pytest.mark.parametrize(
    "target",
    [
        {},
        {**CRAB, "name": "Desconocido"},
        {**CRAB, "name": " "},
        {**CRAB, "source_ra": "N/A"},
        {**CRAB, "source_dec": None},
        {**CRAB, "source_dec": 400},
        {**CRAB, "source_ra": float("nan")},
    ],
)
def test_target_without_name_or_place_is_no_source(client, target):
    add_run(client, 1807, 1000.0, 2200.0)
    add_observation(client, 950.0, 2300.0, **target)
    choice = source(client)
    assert choice.value is None
    assert "has no target with a name, source_ra and source_dec but {" in choice.reason


@pytest.mark.parametrize("data", [None, {}, {"structure": []}, {"structure": [{"target": "Crab"}]}])
def test_observation_of_another_shape_is_none(client, data):
    client["lst1_obs_summary"]["telescope"].insert_one({"tstart": 0, "tstop": 99, "data": data})
    assert source_of(client, RunTime(1, 2)).value is None


@pytest.mark.parametrize(
    ("start", "box", "filters"),
    [
        ("2022-12-03T23:59:59", {"wheel1 position": 5, "wheel2 position": "2"}, "52"),
        ("2024-03-02T20:00:00", {"CBOX_WheelPosition1": "4.", "CBOX_WheelPosition2": 3}, None),
        ("2024-03-02T20:00:00", {"CBOX_WheelPosition1": "4", "CBOX_WheelPosition2": 3.0}, "43"),
        ("2024-03-02T20:00:00Z", {"CBOX_WheelPosition1": 4, "CBOX_WheelPosition2": 3}, "43"),
        (datetime.datetime(2020, 1, 17), {"wheel1 position": 1, "wheel2 position": 2}, "12"),
        ("2024-03-02T20:00:00", {"wheel1 position": 5, "wheel2 position": 2}, None),
        ("2024-03-02T20:00:00", {"CBOX_WheelPosition1": "Not available"}, None),
    ],
)
def test_filter_wheels_are_named_anew_since_december_2022(client, start, box, filters):
    add_wheels(client, 1809, start, **box)
    choice = filters_of(client, 1809)
    assert choice.value == filters
    assert filters or choice.reason.startswith("its entry of the run has no ")


def test_run_without_entry_has_no_filters(client):
    add_wheels(client, 1808, "2020-01-17", **{"wheel1 position": 5, "wheel2 position": 2})
    assert filters_of(client, 1809).reason == "it has no entry of the run"


# --- the network -----------------------------------------------------------------------------


def test_pymongo_gets_over_the_network_what_the_rules_ask_for():
    with mongo_server() as server:
        add_run(server.client, 1807, 1000.0, 2200.0)
        add_observation(server.client, 950.0, 2300.0, **MRK)
        add_observation(server.client, 960.0, 2300.0, **CRAB)
        client = connect(server.address, 30)
        assert source(client).value.name == "Crab Nebula"
        client.close()


def test_server_that_refuses_is_named():
    port, begin = free_port(), time.monotonic()
    with pytest.raises(Unavailable, match=rf"^127.0.0.1:{port} does not answer \(.*refused"):
        connect(f"127.0.0.1:{port}", 3)
    assert time.monotonic() - begin < 60


def test_server_that_says_nothing_is_waited_for_no_longer_than_configured():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(Unavailable, match="does not answer"):
            connect(f"127.0.0.1:{silent.getsockname()[1]}", 0.3)


def test_server_that_is_lost_while_it_is_asked_is_named():
    with mongo_server() as server:
        client = connect(server.address, 30)
    with pytest.raises(Unavailable, match=rf"^{server.address} "), answers(server.address):
        raise_lost(client)


def raise_lost(client):
    import pymongo.errors

    raise pymongo.errors.AutoReconnect("connection closed")


def test_address_that_is_none_is_named():
    with pytest.raises(Unavailable, match=r"^mongodb:// refused: "):
        connect("mongodb://", 0.3)


def test_filters_are_asked_for_over_the_network_or_why_not_is_said():
    with mongo_server() as server:
        wheels = {"CBOX_WheelPosition1": 4, "CBOX_WheelPosition2": 3}
        add_wheels(server.client, 1809, "2024-03-02", **wheels)
        answer = ask(server.address, 30, 1809)
    assert answer.value == "43"
    assert answer.reason.startswith(f"CaCo database {server.address}: CBOX_WheelPosition1 4")
    answer = ask(f"127.0.0.1:{free_port()}", 1, 1809)
    assert answer.value is None
    assert "does not answer" in answer.reason
