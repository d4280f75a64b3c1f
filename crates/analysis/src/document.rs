//! Document rules: paths and predicates over YAML, JSON, HCL and Dockerfiles.
