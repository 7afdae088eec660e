"""Connections over SSH with paramiko. Imported only when a host is reached so: paramiko takes 0.2 s to import."""
