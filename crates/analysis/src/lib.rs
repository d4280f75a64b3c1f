//! Static review of one file at a time: parse, rules, data flow, secrets. CPU only; no network, no files, no clock.

pub mod analyser;
pub mod dependencies;
pub mod document;
pub mod examples;
pub mod flow;
pub mod grammar;
pub mod hit;
pub mod imports;
pub mod language;
pub mod matching;
pub mod measure;
pub mod names;
pub mod pack;
pub mod pattern;
pub mod rule;
pub mod secrets;
pub mod source;
