//! The repository configuration `.pullmill.toml`.
