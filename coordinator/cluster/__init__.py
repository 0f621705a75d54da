"""Jobs over many stores: shards that any scheduler may run, kill, repeat or race, published together into a lake."""
