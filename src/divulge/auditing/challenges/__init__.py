"""The challenges that divulge knows, a file a family: `ALL` of them, each an object."""
