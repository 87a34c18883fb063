"""The investigators' Dash application."""
