"""How frames reach an agent: one file a transport, and the client that speaks to it."""

from .channel import Channel, ChannelClosed
from .client import Agent, AgentError, Reply, Request

__all__ = ["Agent", "AgentError", "Channel", "ChannelClosed", "Reply", "Request"]
