//! A parsed file: its text, its syntax tree and its lines.
