"""The commands of ``barhouse``: each wraps one public call."""
