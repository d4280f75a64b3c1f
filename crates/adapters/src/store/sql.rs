//! What stores that speak SQL say alike of pages.

use pullmill_core::ports::store::Page;

/// The order of a page, and how what comes behind its cursor compares with it.
pub(super) fn order(page: &Page) -> (&'static str, &'static str) {
    if page.is_descending {
        ("DESC", "<")
    } else {
        ("ASC", ">")
    }
}

/// One more than wanted, to see whether there is more.
pub(super) fn limit(page: &Page) -> i64 {
    i64::try_from(page.limit.saturating_add(1)).unwrap_or(i64::MAX)
}

/// Integers of databases have a sign. Versions never get there.
pub(super) fn number(unsigned: u64) -> i64 {
    i64::try_from(unsigned).unwrap_or(i64::MAX)
}
