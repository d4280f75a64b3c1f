//! Google's generateContent: <https://ai.google.dev/api/generate-content>.

use pullmill_core::models::Entry;
use pullmill_core::ports::model::{Answer, Ask, ModelError, Stop, Usage};
use serde_json::{Value, json};

use super::anthropic::rounded;
use super::post::{Call, Pieces, Post};

pub(super) async fn ask(
    mut call: Call<'_>,
    entry: &Entry,
    ask: &Ask,
) -> Result<Answer, ModelError> {
    let mut config = json!({"maxOutputTokens": ask.max_output});
    if entry.has_temperature {
        config["temperature"] = json!(rounded(call.limits.temperature));
    }
    if let Some(schema) = &ask.schema {
        config["responseMimeType"] = json!("application/json");
        config["responseJsonSchema"] = schema.json.clone();
    }
    let post = Post {
        path: format!("/models/{}:streamGenerateContent?alt=sse", entry.id),
        key: ("x-goog-api-key", ""),
        headers: &[],
        body: json!({
            "systemInstruction": {"parts": [{"text": ask.system}]},
            "contents": [{"role": "user", "parts": [{"text": ask.content}]}],
            "generationConfig": config,
        }),
    };
    let mut content = Content::default();
    let request = call.post(&post, &mut content).await?;
    content.finish(request)
}

#[derive(Default)]
struct Content {
    text: String,
    stop: Option<Stop>,
    usage: Usage,
    id: Option<String>,
}

impl Pieces for Content {
    fn take(&mut self, piece: &Value) -> Result<(), ModelError> {
        if let Some(kind) = piece["error"]["status"].as_str() {
            return Err(ModelError::Unavailable(format!("it broke off: {kind}")));
        }
        if piece["promptFeedback"]["blockReason"].is_string() {
            self.stop = Some(Stop::Refused);
        }
        let candidate = &piece["candidates"][0];
        for part in candidate["content"]["parts"]
            .as_array()
            .into_iter()
            .flatten()
        {
            // What it thinks is not what it says.
            if part["thought"] != true {
                self.text
                    .push_str(part["text"].as_str().unwrap_or_default());
            }
        }
        self.stop = match candidate["finishReason"].as_str() {
            Some("STOP") => Some(Stop::Done),
            Some("MAX_TOKENS") => Some(Stop::Length),
            Some("FINISH_REASON_UNSPECIFIED") | None => self.stop,
            Some(_) => Some(Stop::Refused),
        };
        let usage = &piece["usageMetadata"];
        if let Some(sent) = usage["promptTokenCount"].as_u64() {
            let cached = usage["cachedContentTokenCount"]
                .as_u64()
                .unwrap_or(0)
                .min(sent);
            let thought = usage["thoughtsTokenCount"].as_u64().unwrap_or(0);
            self.usage = Usage {
                input: sent - cached,
                cache_read: cached,
                cache_write: 0,
                output: usage["candidatesTokenCount"].as_u64().unwrap_or(0) + thought,
            };
        }
        if let Some(id) = piece["responseId"].as_str() {
            self.id = Some(id.chars().take(100).collect());
        }
        Ok(())
    }
}

impl Content {
    fn finish(self, request: Option<String>) -> Result<Answer, ModelError> {
        let Some(stop) = self.stop else {
            return Err(ModelError::Unavailable("the answer broke off".to_owned()));
        };
        Ok(Answer {
            text: self.text,
            stop,
            usage: self.usage,
            request: self.id.or(request),
        })
    }
}
