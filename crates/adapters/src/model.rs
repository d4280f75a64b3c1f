//! Models of providers, each spoken to in its own words over one kind of request.

mod anthropic;
#[cfg(feature = "aws")]
mod bedrock;
pub mod cassette;
mod gemini;
mod openai_compatible;
mod post;
mod tokens;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use pullmill_core::models::{Catalogue, Entry, ProviderKind};
use pullmill_core::ports::clock::Clock;
use pullmill_core::ports::model::{Answer, Ask, Model, ModelError, Progress, Reservation};

use crate::http::{AddressError, Place};

/// A provider's key. It is not shown by anything.
#[derive(Clone)]
pub struct Key(String);

impl Key {
    /// A key as it stands in a variable or a file; `None` if that is empty or cannot be sent.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let is_usable = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_usable.then(|| Self(text.to_owned()))
    }
}

/// Whether a provider can be asked, and with what.
#[derive(Clone)]
pub enum Access {
    /// With a key.
    Key(Key),
    /// Without any.
    Open,
}

/// The providers of a catalogue that can be asked.
pub struct Providers {
    catalogue: Arc<Catalogue>,
    clock: Arc<dyn Clock>,
    open: BTreeMap<String, Provider>,
}

/// A provider that can be asked.
struct Provider {
    access: Access,
    is_azure: bool,
    speaks: Speaks,
}

/// How a provider is spoken to.
enum Speaks {
    /// Over a request of our own.
    Http(ProviderKind, Place, openai_compatible::NoSchema),
    /// By an SDK, at an address if one was given.
    #[cfg(feature = "aws")]
    Bedrock(String, bedrock::Bedrock),
    /// Not by this program.
    #[cfg(not(feature = "aws"))]
    Nothing,
}

impl Providers {
    /// Those to which there is access. Nothing is asked yet.
    ///
    /// # Errors
    /// Names the provider whose address cannot be used.
    pub fn new(
        catalogue: Arc<Catalogue>,
        access: BTreeMap<String, Access>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, (String, AddressError)> {
        let mut open = BTreeMap::new();
        for (name, access) in access {
            let Some(provider) = catalogue.providers.get(&name) else {
                continue;
            };
            let speaks = match provider.kind {
                #[cfg(feature = "aws")]
                ProviderKind::Bedrock => {
                    Speaks::Bedrock(provider.endpoint.clone(), bedrock::Bedrock::default())
                }
                #[cfg(not(feature = "aws"))]
                ProviderKind::Bedrock => Speaks::Nothing,
                kind => {
                    let place = Place::new(&provider.endpoint);
                    let place = place.map_err(|error| (name.clone(), error))?;
                    Speaks::Http(kind, place, openai_compatible::NoSchema::default())
                }
            };
            let provider = Provider {
                access,
                is_azure: provider.is_azure,
                speaks,
            };
            open.insert(name, provider);
        }
        Ok(Self {
            catalogue,
            clock,
            open,
        })
    }

    fn find(&self, model: &str) -> Option<(&Entry, &Provider)> {
        let entry = self.catalogue.models.get(model)?;
        Some((entry, self.open.get(&entry.provider)?))
    }
}

#[async_trait]
impl Model for Providers {
    async fn ask(
        &self,
        ask: &Ask,
        _paid: &Reservation,
        progress: &mut dyn Progress,
    ) -> Result<Answer, ModelError> {
        let Some((entry, provider)) = self.find(&ask.model) else {
            return Err(ModelError::Refused(format!(
                "there is no access to {}",
                ask.model
            )));
        };
        let limits = &self.catalogue.limits;
        let (kind, place, no_schema) = match &provider.speaks {
            Speaks::Http(kind, place, no_schema) => (kind, place, no_schema),
            #[cfg(feature = "aws")]
            Speaks::Bedrock(endpoint, bedrock) => {
                let clock = &*self.clock;
                let asked = bedrock.ask(endpoint, clock, limits, entry, ask, progress);
                return asked.await;
            }
            #[cfg(not(feature = "aws"))]
            Speaks::Nothing => {
                let why = "Bedrock needs a build with the feature `aws`";
                return Err(ModelError::Refused(why.to_owned()));
            }
        };
        let call = post::Call {
            place,
            access: &provider.access,
            clock: &*self.clock,
            limits,
            progress,
        };
        match kind {
            ProviderKind::Anthropic => anthropic::ask(call, entry, ask).await,
            ProviderKind::Gemini => gemini::ask(call, entry, ask).await,
            ProviderKind::Openai | ProviderKind::Bedrock => {
                openai_compatible::ask(call, provider.is_azure, no_schema, entry, ask).await
            }
        }
    }

    fn count(&self, model: &str, text: &str) -> u32 {
        tokens::count_for(&self.catalogue, model, text)
    }

    fn has(&self, model: &str) -> bool {
        self.find(model).is_some()
    }
}
