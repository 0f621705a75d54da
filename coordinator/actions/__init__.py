"""Corporate actions: from the rows of a source to splits and dividends in the store."""
