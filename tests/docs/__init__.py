"""What the documentation says is so: examples are run, the reference is made from the code, links lead somewhere.

``python -m tests.docs`` says which pages differ from that; ``python -m tests.docs --write`` writes them anew.
"""
