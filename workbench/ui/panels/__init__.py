"""Panels: each is one widget around one `Study`; none imports another."""
