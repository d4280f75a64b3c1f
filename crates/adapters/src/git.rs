//! Reads changes from a git repository's object store; runs nothing the repository says.
