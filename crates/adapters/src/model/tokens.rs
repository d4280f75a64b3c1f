//! Counts tokens with the vocabulary o200k, in time that grows with the text alone: hostile texts make other counters slow.

use pullmill_core::models::Catalogue;

/// Tokens of a model of the catalogue; as of o200k for one that is not in it.
pub(super) fn count_for(catalogue: &Catalogue, model: &str, text: &str) -> u32 {
    let counted = bpe_openai::o200k_base().count(text);
    match catalogue.models.get(model) {
        Some(entry) => entry.count(counted),
        None => u32::try_from(counted).unwrap_or(u32::MAX),
    }
}
