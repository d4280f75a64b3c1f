//! Consulting scripted models.
