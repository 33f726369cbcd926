"""
All roads as one: what the rest of the program hands its messages to.

Rule: a message from memory goes to every road within its reach, an answer to the road it was asked
on. Each road's deliverer is a loop of its own; this holds no state and waits for none.
"""

from __future__ import annotations

from collections.abc import Sequence

from watcher.domain.alert import Message
from watcher.domain.road import Reach
from watcher.ports import Channel, DeliveryError
from watcher.service.deliver import Deliverer


class Outbound:
    """The deliverers of all roads, nearest to the person first."""

    def __init__(self, deliverers: Sequence[Deliverer]) -> None:
        assert deliverers, "there is always the chat"
        self.deliverers = tuple(deliverers)

    @property
    def contact_us(self) -> int | None:
        """When the chat last confirmed a message."""
        return self.deliverers[0].sender.contact_us

    def wake(self) -> None:
        for each in self.deliverers:
            each.wake()

    def tell(self, message: Message, *, channel: Channel | None = None) -> None:
        """Send *message* from memory: on *channel* alone, or as far as it reaches."""
        if channel is not None:
            of_road = (each for each in self.deliverers if each.sender.name == channel.name)
            next(of_road, self.deliverers[0]).tell(message, channel=channel)
            return
        for each in self.deliverers:
            if each.road <= message.reach:
                each.tell(message)

    def instead(self, message: Message) -> Deliverer | None:
        """Send *message* on the fallback where the chat has not confirmed it; None: no need."""
        chat, last = self.deliverers[0], self.deliverers[-1]
        if last.road is not Reach.FALLBACK or chat.rows.sent.get(message.key) is not None:
            return None
        last.tell(message)
        return last

    def warmed(self, error: DeliveryError | None) -> None:
        """Take what a sign of life says about the chat."""
        self.deliverers[0].warmed(error)

    def urgent_since_us(self) -> int | None:
        """Return the age of the oldest alert of lanes 0 and 1 that waits in memory."""
        ages = (each.urgent_since_us() for each in self.deliverers)
        return min((at_us for at_us in ages if at_us is not None), default=None)

    def inherit(self, before: Outbound) -> None:
        """Take over what waited in memory for the roads of *before*, each on its own road."""
        for old in before.deliverers:
            for new in self.deliverers:
                if new.road is old.road:
                    for message in old.unsent():
                        new.tell(message)

    def stop(self) -> None:
        for each in self.deliverers:
            each.stop()
