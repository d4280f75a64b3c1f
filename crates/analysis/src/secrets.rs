//! Secrets in text: provider tokens, private keys, connection strings and passwords.
