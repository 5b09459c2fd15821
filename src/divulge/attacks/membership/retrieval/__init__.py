"""Whether a document is in the index that a language model looks things up in: text goes in, and text comes out."""
