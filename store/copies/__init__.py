"""The file as others get it: published, backed up, restored, compacted, exported."""
