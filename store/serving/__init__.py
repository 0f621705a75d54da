"""A published snapshot, served to whoever asks over HTTP; nothing a client asks runs in the process that serves."""
