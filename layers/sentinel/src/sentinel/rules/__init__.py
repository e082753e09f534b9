"""Judgements: one rule per file, named after what is wrong."""
