"""From what a host showed to the services on it, each as an inventory has it. Pure."""

from .clients import Client, clients
from .found import Found, Remark
from .services import services
from .suggestion import suggestion
from .written import document, inventory

__all__ = ["Client", "Found", "Remark", "clients", "document", "inventory", "services", "suggestion"]
