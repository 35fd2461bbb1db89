"""Codebooks: few levels shared by many values (k-means weight sharing), fitted, finetuned, and their coded size."""
