"""What the `eventsourcing` library asks of every recorder, asked of ours, with the lock released early and late."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from eventsourcing.persistence import InfrastructureFactory
from eventsourcing.tests import application as examples
from eventsourcing.tests import persistence as base
from eventsourcing.utils import Environment

from eventstore import recorder as ours

MODES = ours.APPEND_MODES


@pytest.fixture(autouse=True)
def fresh(
    request: pytest.FixtureRequest, new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """A database for the test, known to the library's environment, and every factory closed after it."""
    made: list[ours.Factory] = []
    construct = ours.Factory.__init__

    def remember(self: ours.Factory, env: Any) -> None:
        construct(self, env)
        made.append(self)

    monkeypatch.setattr(ours.Factory, "__init__", remember)
    monkeypatch.setenv("PERSISTENCE_MODULE", "eventstore.recorder")
    monkeypatch.setenv("BITACORA_DSN", new_database())
    monkeypatch.setenv("APPEND_MODE", getattr(request.cls, "mode", MODES[0]))
    yield
    for factory in made:
        factory.close()


def factory() -> ours.Factory:
    made = InfrastructureFactory.construct(Environment("Shop", os.environ))
    assert isinstance(made, ours.Factory)
    return made


class Suite:
    """Not collected itself: each suite is made twice below, once for each append mode."""

    __test__ = False


class OfStreams(Suite, base.AggregateRecorderTestCase):
    def create_recorder(self) -> ours.StreamRecorder:
        made = factory().aggregate_recorder()
        assert isinstance(made, ours.StreamRecorder)
        return made


class OfSnapshots(Suite, base.AggregateRecorderTestCase):
    def create_recorder(self) -> ours.SnapshotRecorder:
        made = factory().aggregate_recorder("snapshots")
        assert isinstance(made, ours.SnapshotRecorder)
        return made


class OfTheLog(Suite, base.ApplicationRecorderTestCase[ours.LogRecorder]):
    EXPECT_CONTIGUOUS_NOTIFICATION_IDS = True

    def create_recorder(self) -> ours.LogRecorder:
        return factory().application_recorder()

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class OfTracking(Suite, base.TrackingRecorderTestCase):
    def create_recorder(self) -> ours.CheckpointRecorder:
        return factory().tracking_recorder()


class OfProcesses(Suite, base.ProcessRecorderTestCase):
    def create_recorder(self) -> ours.ReactionRecorder:
        return factory().process_recorder()


class OfReactionsAsALog(OfTheLog):
    def create_recorder(self) -> ours.ReactionRecorder:
        return factory().process_recorder()


class OfOrder(Suite, base.NonInterleavingNotificationIDsBaseCase):
    def create_recorder(self) -> ours.LogRecorder:
        return factory().application_recorder()


class OfFactories(Suite, base.InfrastructureFactoryTestCase[ours.Factory]):
    def setUp(self) -> None:
        self.env = Environment("Shop", os.environ)
        super().setUp()

    def expected_factory_class(self) -> type[ours.Factory]:
        return ours.Factory

    def expected_aggregate_recorder_class(self) -> type[ours.StreamRecorder]:
        return ours.StreamRecorder

    def expected_application_recorder_class(self) -> type[ours.LogRecorder]:
        return ours.LogRecorder

    def expected_tracking_recorder_class(self) -> type[ours.CheckpointRecorder]:
        return ours.CheckpointRecorder

    def tracking_recorder_subclass(self) -> type[ours.CheckpointRecorder]:
        return OwnCheckpoint

    def expected_process_recorder_class(self) -> type[ours.ReactionRecorder]:
        return ours.ReactionRecorder


class OwnCheckpoint(ours.CheckpointRecorder):
    """Somebody's own kind of tracking recorder."""


class OfApplications(Suite, examples.ExampleApplicationTestCase):
    expected_factory_topic = "eventstore.recorder:Factory"


SUITES = (
    OfStreams,
    OfSnapshots,
    OfTheLog,
    OfTracking,
    OfProcesses,
    OfReactionsAsALog,
    OfOrder,
    OfFactories,
    OfApplications,
)
for suite in SUITES:
    for mode in MODES:
        name = f"Test{suite.__name__}{mode.capitalize()}"
        globals()[name] = type(name, (suite,), {"mode": mode, "__test__": True, "__module__": __name__})
del suite
