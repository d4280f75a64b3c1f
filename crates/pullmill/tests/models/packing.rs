//! What is read of large changes through small windows.
