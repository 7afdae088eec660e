"""autoglm-fix: find why a served model gives no output, repair it, prove that it generates."""

__version__ = "0.1.0"
