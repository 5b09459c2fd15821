"""The words of the trade.  One file a word; imports numpy and the standard library, nothing of ours above."""
