//! Runs the analysis in child processes with limits; a child that dies costs its file, nothing else.
