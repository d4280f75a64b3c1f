//! Reads a change from a patch.
