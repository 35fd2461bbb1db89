"""Number formats: each is a finite ascending list of levels with the boundaries between them."""
