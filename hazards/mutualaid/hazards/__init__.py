"""Hazard layers on one common scale; empty until the first layer can be read."""

__all__: list[str] = []
