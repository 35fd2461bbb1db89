"""What devices and runtimes can express and how they compute, as data."""
