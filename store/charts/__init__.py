"""Bars drawn: as a page with a chart library in it, and as a picture."""
