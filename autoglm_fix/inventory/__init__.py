"""Hosts, groups and their variables, in Ansible's YAML; patterns over them; the services they declare."""

from .model import Group, Host, Inventory
from .services import services
from .sources import load_inventory

__all__ = ["Group", "Host", "Inventory", "load_inventory", "services"]
