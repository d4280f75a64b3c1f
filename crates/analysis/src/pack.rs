//! The built-in rule packs and the rules of a repository.
