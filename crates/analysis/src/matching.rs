//! Match rules: local shapes, scheduled by literals and node kinds.
