"""The version of this package, for reports and cards."""

__version__ = "0.1.0"
