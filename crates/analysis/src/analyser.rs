//! Analyses one file: parses it once, runs every engine on it and turns hits into findings.
