"""Measures the project against its goals."""
