from __future__ import annotations

from plait.engine.events import Compared, Event, EventStream, Level, Listed, Message
from plait.engine.steps import Side


def test_a_subscriber_sees_what_it_asked_for_from_then_on() -> None:
    stream = EventStream()
    everything, listed = list[Event](), list[Event]()
    first, second = Listed(Side.SOURCE, 1), Message(Level.INFO, "hello")
    stream.emit(Compared("="))
    stream.subscribe(listed.append, Listed)
    stream.emit(first)
    stream.subscribe(everything.append)
    stream.emit(second)
    stream.emit(first)
    assert listed == [first, first]
    assert everything == [second, first]
