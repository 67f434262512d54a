"""Forecasting: the next steps of time series."""
