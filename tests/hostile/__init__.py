"""Hostile input: sound inputs of every kind, mutated by thousands; each is taken rightly, or refused in words."""
