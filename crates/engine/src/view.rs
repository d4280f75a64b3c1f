//! What people ask for: executions, their events, and whether their stream is whole.

use std::time::Duration;

use pullmill_core::body;
use pullmill_core::execution::{Execution, Status};
use pullmill_core::id::{ExecutionId, TenantId};
use pullmill_core::keys;
use pullmill_core::ports::store::{IndexQuery, Page, Range, Slice};
use pullmill_core::stream::{self, ChainError, Event};
use pullmill_core::time::Timestamp;

use crate::{Engine, EngineError};

/// Which executions.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Only with this status.
    pub status: Option<Status>,
    /// Which part; newest first.
    pub page: Page,
    /// Of which month alone; lists by status have all months.
    pub month: Option<Timestamp>,
}

/// Months that are looked at: as many as an execution may live and be kept.
const MONTHS: usize = 7;

/// Pages that are read at once.
const PAGES: usize = 100;

impl Engine {
    /// Lists executions, newest first.
    pub async fn executions(
        &self,
        tenant: &TenantId,
        wanted: &Wanted,
    ) -> Result<(Vec<Execution>, Option<String>), EngineError> {
        let now = self.ports.clock.now();
        let query = match (wanted.status, wanted.month) {
            (Some(status), _) => IndexQuery::Status(format!("T#{tenant}#STATUS#{}", status.word())),
            (None, Some(month)) => IndexQuery::First(keys::executions_of(tenant, month)),
            (None, None) => return self.newest(tenant, &wanted.page).await,
        };
        let slice = self.ports.store.find(&query, &wanted.page, now).await?;
        Ok((decoded(&slice)?, slice.next))
    }

    /// Goes on from month to month, each of which has a list of its own. The cursor is a month and a place in its list.
    async fn newest(
        &self,
        tenant: &TenantId,
        page: &Page,
    ) -> Result<(Vec<Execution>, Option<String>), EngineError> {
        let now = self.ports.clock.now();
        let cursor = page
            .after
            .as_deref()
            .and_then(|cursor| cursor.split_once('/'));
        let (mut month, mut after) = match cursor {
            Some((month, after)) => (
                Timestamp::parse(month).unwrap_or(now),
                Some(after.to_owned()).filter(|after| !after.is_empty()),
            ),
            None => (now, None),
        };
        let mut executions = Vec::new();
        for _ in 0..MONTHS {
            let query = IndexQuery::First(keys::executions_of(tenant, month));
            let rest = Page::last(page.limit - executions.len()).after(after.take());
            let slice = self.ports.store.find(&query, &rest, now).await?;
            executions.extend(decoded(&slice)?);
            if let Some(next) = slice.next {
                return Ok((executions, Some(format!("{month}/{next}"))));
            }
            month = month_before(month);
            if executions.len() == page.limit {
                return Ok((executions, Some(format!("{month}/"))));
            }
        }
        Ok((executions, None))
    }

    /// Reads an execution.
    pub async fn execution(
        &self,
        tenant: &TenantId,
        id: &ExecutionId,
    ) -> Result<Execution, EngineError> {
        Ok(self.existing(tenant, id).await?.execution)
    }

    /// The events of an execution after a number, at most a few pages of them.
    pub async fn events(
        &self,
        tenant: &TenantId,
        id: &ExecutionId,
        after: u64,
    ) -> Result<Vec<Event>, EngineError> {
        let now = self.ports.clock.now();
        let range = events_range(tenant, id);
        // The page that holds the next number may begin with an earlier one: no page has more than this many.
        let cursor = after.checked_sub(MOST_IN_A_PAGE);
        let cursor = cursor.map(|first| keys::events(tenant, id, first).sk);
        let page = Page::first(PAGES).after(cursor);
        let slice = self.ports.store.list(&range, &page, now).await?;
        let mut events = Vec::new();
        for record in &slice.records {
            let page: stream::Page = body::decode(&record.draft.body)?;
            events.extend(page.events.into_iter().filter(|event| event.seq > after));
        }
        Ok(events)
    }

    /// Checks that no event of an execution is missing or was changed.
    pub async fn verify(
        &self,
        tenant: &TenantId,
        id: &ExecutionId,
    ) -> Result<Result<(), ChainError>, EngineError> {
        let execution = self.execution(tenant, id).await?;
        let range = events_range(tenant, id);
        let mut pages = Vec::new();
        let mut cursor = None;
        loop {
            let now = self.ports.clock.now();
            let page = Page::first(PAGES).after(cursor);
            let slice = self.ports.store.list(&range, &page, now).await?;
            for record in &slice.records {
                pages.push(body::decode(&record.draft.body)?);
            }
            cursor = slice.next;
            if cursor.is_none() {
                return Ok(stream::verify(&pages, &execution.stream));
            }
        }
    }
}

fn decoded(slice: &Slice) -> Result<Vec<Execution>, EngineError> {
    let records = slice.records.iter();
    let executions = records.map(|record| body::decode(&record.draft.body));
    Ok(executions.collect::<Result<_, _>>()?)
}

/// The last moment of the month before.
fn month_before(at: Timestamp) -> Timestamp {
    let text = at.to_string();
    let first = text.get(..7).unwrap_or_default();
    let first = Timestamp::parse(&format!("{first}-01T00:00:00Z"));
    first.unwrap_or_default() - Duration::from_millis(1)
}

/// A page has one commit's events, of which none is smaller than this many bytes of its limit allow.
const MOST_IN_A_PAGE: u64 = 500;

fn events_range(tenant: &TenantId, id: &ExecutionId) -> Range {
    Range {
        pk: keys::execution_partition(tenant, id),
        prefix: keys::EVENTS.to_owned(),
    }
}
