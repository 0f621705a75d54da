"""``make soak``: the random tests in their long form, in turn and with new seeds, until a time budget is used."""
