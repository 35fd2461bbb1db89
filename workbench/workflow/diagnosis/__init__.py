"""The kinds of evidence that `workbench.workflow.diagnose` looks for, one file each, and what they have in common."""
