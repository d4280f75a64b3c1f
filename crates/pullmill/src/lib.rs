//! The parts of the `pullmill` executable.

pub mod render;
