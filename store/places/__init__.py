"""Where files lie that others have, too: folders, near or shared, and buckets of an object store."""
