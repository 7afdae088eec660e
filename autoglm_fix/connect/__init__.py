"""How frames reach an agent: one file a transport, and the client that speaks to it."""

from .channel import Channel, ChannelClosed, Execute, Greeted, NotConnected, Stream
from .client import Agent
from .request import AgentError, Reply, Request

__all__ = [
    "Agent",
    "AgentError",
    "Channel",
    "ChannelClosed",
    "Execute",
    "Greeted",
    "NotConnected",
    "Reply",
    "Request",
    "Stream",
]
