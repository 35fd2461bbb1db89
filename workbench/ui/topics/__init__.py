"""What is worked out about a study as long as somebody looks at it: one file a question."""
