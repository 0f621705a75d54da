"""What a command did, or would do, as sentences for people: a report in, a text out; by what was done."""
