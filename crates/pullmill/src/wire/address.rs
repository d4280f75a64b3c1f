//! How places of records and blobs are written, and what may be shown of them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where records are kept.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreAddress {
    /// One file, of one process.
    Sqlite(PathBuf),
    /// A database, which many processes share.
    Postgres(String),
    /// A table of DynamoDB, which many processes share.
    DynamoDb(String),
}

/// Where blobs are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlobAddress {
    /// Files in a folder.
    Folder(PathBuf),
    /// Objects in a bucket, under a prefix that may be empty.
    S3 {
        /// The bucket.
        bucket: String,
        /// How the names of objects begin.
        prefix: String,
    },
}

/// Where everything is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Records.
    pub records: StoreAddress,
    /// Large bodies.
    pub blobs: BlobAddress,
}

impl Place {
    /// A place; the blobs of a file are beside it, those of other stores must be told.
    pub fn new(records: StoreAddress, blobs: Option<BlobAddress>) -> Result<Self, String> {
        let blobs = match (blobs, &records) {
            (Some(blobs), _) => blobs,
            (None, StoreAddress::Sqlite(path)) => BlobAddress::Folder(beside(path, ".blobs")),
            (None, _) => {
                return Err(format!(
                    "{records} is shared, so say where all who use it find the blobs: --blobs folder:DIR, or s3:BUCKET"
                ));
            }
        };
        Ok(Self { records, blobs })
    }

    /// The file of a store that one process has for itself.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match &self.records {
            StoreAddress::Sqlite(path) => Some(path),
            StoreAddress::Postgres(_) | StoreAddress::DynamoDb(_) => None,
        }
    }

    /// Where the server that has such a file answers to this machine's owner.
    #[must_use]
    pub fn socket(&self) -> Option<PathBuf> {
        self.file().map(|path| beside(path, ".sock"))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.records.fmt(out)
    }
}

/// A file's name with an ending.
#[must_use]
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

impl FromStr for StoreAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(PathBuf::from(path))),
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
                Ok(Self::Postgres(text.to_owned()))
            }
            Some(("dynamodb", table)) if is_name(table) => Ok(Self::DynamoDb(table.to_owned())),
            _ => Err(
                "a store is written sqlite:FILE, postgres://USER@HOST/DATABASE or dynamodb:TABLE"
                    .to_owned(),
            ),
        }
    }
}

impl fmt::Display for StoreAddress {
    /// Without user, password and parameters.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(out, "sqlite:{}", path.display()),
            Self::Postgres(address) => {
                let (_, rest) = address.split_once("//").unwrap_or_default();
                let plain = rest.split('?').next().unwrap_or_default();
                let place = plain.rsplit('@').next().unwrap_or_default();
                // More of these than there should be: who knows where a password ends.
                let is_plain = rest.matches('@').count() == plain.matches('@').count()
                    && plain.matches('@').count() <= 1;
                write!(out, "postgres://{}", if is_plain { place } else { "…" })
            }
            Self::DynamoDb(table) => write!(out, "dynamodb:{table}"),
        }
    }
}

impl fmt::Debug for StoreAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl FromStr for BlobAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("folder", path)) if !path.is_empty() => Ok(Self::Folder(PathBuf::from(path))),
            Some(("s3", place)) => {
                let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
                if !is_name(bucket) {
                    return Err(format!("`{bucket}` is no name of a bucket"));
                }
                Ok(Self::S3 {
                    bucket: bucket.to_owned(),
                    prefix: prefix.to_owned(),
                })
            }
            _ => Err("blobs are written folder:DIR or s3:BUCKET/PREFIX".to_owned()),
        }
    }
}

/// What AWS takes as the name of a table or a bucket.
fn is_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (3..=255).contains(&text.len()) && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown() {
        for text in [
            "postgres://octo:p@ss?word@db.example:5432/pullmill",
            "postgres://octo:pa@ss@db.example/pullmill",
            "postgres://db.example/pullmill?user=octo&password=p@ss",
            "postgres://db.example/pullmill?user=octo&password=pass",
        ] {
            let address = text.parse::<StoreAddress>().unwrap();
            for shown in [address.to_string(), format!("{address:?}")] {
                assert!(!shown.contains("ss") && !shown.contains("octo"), "{shown}");
                assert!(!shown.contains("word"), "{shown}");
            }
        }
        let text = "postgres://octo:secret@db.example:5432/pullmill?sslmode=require";
        let shown = text.parse::<StoreAddress>().unwrap().to_string();
        assert_eq!(shown, "postgres://db.example:5432/pullmill");
    }

    #[test]
    fn a_shared_store_needs_a_place_for_blobs() {
        let records: StoreAddress = "postgres://db/pullmill".parse().unwrap();
        assert!(Place::new(records.clone(), None).is_err());
        let blobs = "folder:/srv/blobs".parse().ok();
        assert!(Place::new(records, blobs).is_ok());
        let own = Place::new("sqlite:a.db".parse().unwrap(), None).unwrap();
        assert_eq!(own.blobs, BlobAddress::Folder(PathBuf::from("a.db.blobs")));
        assert_eq!(own.socket(), Some(PathBuf::from("a.db.sock")));
    }

    #[test]
    fn addresses_are_read_or_said_to_be_wrong() {
        let blobs = |text: &str| text.parse::<BlobAddress>();
        let s3 = |bucket: &str, prefix: &str| BlobAddress::S3 {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
        };
        assert_eq!(blobs("s3:octo-blobs"), Ok(s3("octo-blobs", "")));
        assert_eq!(blobs("s3:octo-blobs/a/b"), Ok(s3("octo-blobs", "a/b")));
        for wrong in ["s3:", "s3:a b c", "folder:", "ftp:x", ""] {
            assert!(blobs(wrong).is_err(), "{wrong}");
        }
        let table = "dynamodb:pullmill-data".parse::<StoreAddress>();
        assert_eq!(table.unwrap().to_string(), "dynamodb:pullmill-data");
        for wrong in ["dynamodb:", "dynamodb:a#b", "postgres:db", "sqlite:", "x"] {
            assert!(wrong.parse::<StoreAddress>().is_err(), "{wrong}");
        }
    }
}
