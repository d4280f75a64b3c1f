//! A hostile model achieves nothing.
