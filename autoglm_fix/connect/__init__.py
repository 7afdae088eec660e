"""How frames reach an agent: one file a transport, and the client that speaks to it."""

from .channel import Channel, ChannelClosed, Execute, NotConnected, Stream
from .client import Agent, AgentError, Reply, Request

__all__ = [
    "Agent",
    "AgentError",
    "Channel",
    "ChannelClosed",
    "Execute",
    "NotConnected",
    "Reply",
    "Request",
    "Stream",
]
