"""From base bars to the bars derived from them."""
