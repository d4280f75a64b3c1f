//! Effects: what steps have earned is planned in their own commit, and carried out by the sender of an installation, which alone may write.

mod markers;
mod note;
mod outcome;
mod plan;
mod sender;

use std::sync::Arc;
use std::time::Duration;

use pullmill_core::effect::SendLaw;
use pullmill_core::marker::MarkerKey;
use pullmill_core::pace::PaceLaw;
use pullmill_core::ports::forge::{ForgeRead, ForgeWrite};
use pullmill_core::time::Timestamp;
use serde::{Deserialize, Serialize};

pub use markers::marker_key;
pub(crate) use plan::KeptEffect;

/// A forge, as the sender holds it.
#[derive(Clone)]
pub struct Forge {
    /// To see whether a head is still the one.
    pub read: Arc<dyn ForgeRead>,
    /// To change something.
    pub write: Arc<dyn ForgeWrite>,
    /// To recognise what is ours.
    pub markers: MarkerKey,
    /// How sending goes on.
    pub send: SendLaw,
    /// How fast it may go.
    pub pace: PaceLaw,
    /// How often deliveries that failed are looked for; never if it is nothing.
    pub reconcile: Duration,
}

/// An item in the mailbox of a sender: which object wants attention, and when.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Outgoing {
    pub(crate) object: String,
    pub(crate) not_before: Timestamp,
}
