//! Data flow: follows untrusted values from where they come in to where they do harm.
