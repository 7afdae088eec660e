"""Measured comparisons, one command each: ``python -m benchmarks.NAME``. Quote ratios and medians."""
