//! Hints by SQS: one standard queue per line of work, and one for what nobody could use.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{QueueAttributeName, SendMessageBatchRequestEntry};
use futures_util::future::try_join_all;
use pullmill_core::id::QueueName;
use pullmill_core::ports::Source;
use pullmill_core::ports::queue::Hint;
use pullmill_core::ports::store::{Due, Key};
use pullmill_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::aws::Said;

/// SQS's longest delay. What falls due later is hinted at by the sweeper when its time comes.
pub(super) const FORESIGHT: Duration = Duration::from_secs(900);
/// SQS's longest wait.
const PATIENCE: Duration = Duration::from_secs(20);
/// Messages of one request.
const TOGETHER: usize = 10;
/// How long a message stays away after it was given out: six times the longest function.
const VISIBILITY: &str = "360";
/// How long a queue and the one for what is left over keep messages: 4 and 14 days.
const KEEP: [&str; 2] = ["345600", "1209600"];

/// What a message says.
#[derive(Serialize, Deserialize)]
struct Message<'m> {
    queue: QueueName,
    pk: std::borrow::Cow<'m, str>,
    sk: std::borrow::Cow<'m, str>,
}

/// The queues whose names begin alike.
pub(super) struct Hints {
    client: Client,
    prefix: String,
    urls: Mutex<BTreeMap<QueueName, String>>,
}

impl Hints {
    pub(super) fn new(client: Client, prefix: String) -> Self {
        Self {
            client,
            prefix,
            urls: Mutex::default(),
        }
    }

    /// Says that records are due, or soon will be.
    pub(super) async fn send(&self, hints: &[(Due, Key)], now: Timestamp) -> Result<(), Source> {
        let mut lines: BTreeMap<&QueueName, Vec<(&Due, &Key)>> = BTreeMap::new();
        for (due, key) in hints {
            if due.at.since(now) <= FORESIGHT {
                lines.entry(&due.queue).or_default().push((due, key));
            }
        }
        for (queue, hints) in lines {
            let url = self.url(queue).await?;
            let parts = hints
                .chunks(TOGETHER)
                .map(|part| self.send_part(&url, part, now));
            try_join_all(parts).await?;
        }
        Ok(())
    }

    async fn send_part(
        &self,
        url: &str,
        hints: &[(&Due, &Key)],
        now: Timestamp,
    ) -> Result<(), Source> {
        let entries = hints.iter().enumerate().map(|(number, (due, key))| {
            let message = Message {
                queue: due.queue.clone(),
                pk: key.pk.as_str().into(),
                sk: key.sk.as_str().into(),
            };
            let delay = due.at.since(now).as_millis().div_ceil(1000);
            let entry = SendMessageBatchRequestEntry::builder()
                .id(number.to_string())
                .message_body(serde_json::to_string(&message)?)
                .delay_seconds(i32::try_from(delay).unwrap_or(900))
                // Standard queues serve such groups in turn.
                .message_group_id(due.tenant.as_str())
                .build()?;
            Ok::<_, Source>(entry)
        });
        let entries = entries.collect::<Result<_, _>>()?;
        let request = self.client.send_message_batch().queue_url(url);
        let answer = request.set_entries(Some(entries)).send().await;
        match answer.map_err(Said::of)?.failed.first() {
            Some(failed) => Err(format!("{}: {:?}", failed.code, failed.message).into()),
            None => Ok(()),
        }
    }

    /// Waits for messages.
    pub(super) async fn receive(
        &self,
        queue: &QueueName,
        max: usize,
        wait: Duration,
    ) -> Result<Vec<Hint>, Source> {
        let url = self.url(queue).await?;
        let seconds = wait.min(PATIENCE).as_secs();
        let request = self
            .client
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(i32::try_from(max.clamp(1, TOGETHER)).unwrap_or(1))
            .wait_time_seconds(i32::try_from(seconds).unwrap_or(0));
        let answer = request.send().await.map_err(Said::of)?;
        let messages = answer.messages.unwrap_or_default().into_iter();
        let hints = messages.filter_map(|message| {
            let body = message.body?;
            // What is no hint ends up among what is left over.
            let said: Message<'_> = serde_json::from_str(&body).ok()?;
            Some(Hint {
                queue: said.queue,
                key: Key::new(said.pk, said.sk),
                receipt: message.receipt_handle,
            })
        });
        Ok(hints.collect())
    }

    /// Forgets a message.
    pub(super) async fn forget(&self, queue: &QueueName, receipt: &str) -> Result<(), Source> {
        let url = self.url(queue).await?;
        let request = self.client.delete_message().queue_url(url);
        request
            .receipt_handle(receipt)
            .send()
            .await
            .map_err(Said::of)?;
        Ok(())
    }

    fn name(&self, queue: &QueueName) -> String {
        format!("{}-{queue}", self.prefix).replace(['.', ':'], "_")
    }

    /// A queue's address; it is made if it is not there.
    async fn url(&self, queue: &QueueName) -> Result<String, Source> {
        let known = self.urls().get(queue).cloned();
        if let Some(url) = known {
            return Ok(url);
        }
        let name = self.name(queue);
        let found = self.client.get_queue_url().queue_name(&name).send().await;
        let url = match found {
            Ok(found) => found.queue_url,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_queue_does_not_exist()) =>
            {
                self.make(&name).await?
            }
            Err(error) => return Err(Said::of(error).into()),
        };
        let url = url.ok_or("SQS gave no address")?;
        self.urls().insert(queue.clone(), url.clone());
        Ok(url)
    }

    async fn make(&self, name: &str) -> Result<Option<String>, Source> {
        let rest = self
            .client
            .create_queue()
            .queue_name(format!("{name}-dlq"))
            .attributes(QueueAttributeName::MessageRetentionPeriod, KEEP[1])
            .send()
            .await
            .map_err(Said::of)?;
        let rest = rest.queue_url.unwrap_or_default();
        let answer = self
            .client
            .get_queue_attributes()
            .queue_url(rest)
            .attribute_names(QueueAttributeName::QueueArn)
            .send()
            .await
            .map_err(Said::of)?;
        let known: HashMap<QueueAttributeName, String> = answer.attributes.unwrap_or_default();
        let arn = known.get(&QueueAttributeName::QueueArn);
        let redrive = serde_json::json!({"deadLetterTargetArn": arn, "maxReceiveCount": 5});
        let made = self
            .client
            .create_queue()
            .queue_name(name)
            .attributes(QueueAttributeName::MessageRetentionPeriod, KEEP[0])
            .attributes(QueueAttributeName::VisibilityTimeout, VISIBILITY)
            .attributes(QueueAttributeName::RedrivePolicy, redrive.to_string())
            .send()
            .await
            .map_err(Said::of)?;
        Ok(made.queue_url)
    }

    fn urls(&self) -> std::sync::MutexGuard<'_, BTreeMap<QueueName, String>> {
        self.urls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
