//! Amazon Bedrock's ConverseStream by its SDK: <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html>.
//! Credentials and region are found where AWS's own tools find them. An answer with a schema is the input of a tool that must be used.

use std::time::Duration;

use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::config::StalledStreamProtectionConfig;
use aws_sdk_bedrockruntime::config::retry::RetryConfig;
use aws_sdk_bedrockruntime::config::timeout::TimeoutConfig;
use aws_sdk_bedrockruntime::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_bedrockruntime::operation::RequestId as _;
use aws_sdk_bedrockruntime::operation::converse_stream::builders::ConverseStreamFluentBuilder;
use aws_sdk_bedrockruntime::types::{
    AnyToolChoice, ContentBlock, ContentBlockDelta, ConversationRole, ConverseStreamOutput,
    InferenceConfiguration, Message, StopReason, SystemContentBlock, TokenUsage, Tool, ToolChoice,
    ToolConfiguration, ToolInputSchema, ToolSpecification,
};
use aws_smithy_types::{Document, Number};
use pullmill_core::models::{Entry, Limits};
use pullmill_core::ports::clock::Clock;
use pullmill_core::ports::model::{Answer, Ask, ModelError, Progress, Stop, Usage};
use serde_json::Value;

use crate::aws;
use crate::http::{OutOfTime, within};

/// A client that is made when it is first asked: reading credentials takes network.
#[derive(Default)]
pub(super) struct Bedrock(tokio::sync::OnceCell<Client>);

impl Bedrock {
    async fn client(&self, endpoint: &str, limits: &Limits) -> &Client {
        let (begin, whole) = (limits.begin(), limits.whole());
        self.0.get_or_init(|| client(endpoint, begin, whole)).await
    }

    pub(super) async fn ask(
        &self,
        endpoint: &str,
        clock: &dyn Clock,
        limits: &Limits,
        entry: &Entry,
        ask: &Ask,
        progress: &mut dyn Progress,
    ) -> Result<Answer, ModelError> {
        let request = self.client(endpoint, limits).await.converse_stream();
        let request = filled(request, limits, entry, ask)?;
        let begun = clock.monotonic();
        let end = begun + limits.whole();
        let late =
            |what: &str, seconds: u32| ModelError::Late(format!("{what} within {seconds} s"));
        let sent = within(clock, begun + limits.begin(), request.send()).await;
        let sent = sent.map_err(|OutOfTime| late("no answer began", limits.begin_seconds))?;
        let mut output = sent.map_err(refusal)?;
        let mut heard = Heard::default();
        loop {
            let pause = (clock.monotonic() + limits.pause()).min(end);
            let event = within(clock, pause, output.stream.recv()).await;
            if clock.monotonic() >= end {
                return Err(late("it was not whole", limits.answer_seconds));
            }
            let event =
                event.map_err(|OutOfTime| late("nothing more came", limits.pause_seconds))?;
            let Some(event) = event.map_err(refusal)? else {
                break;
            };
            progress.received(heard.take(event));
            if heard.text.len() > limits.max_answer_bytes as usize {
                return Err(ModelError::TooLarge(limits.max_answer_bytes));
            }
        }
        heard.answer(output.request_id())
    }
}

/// Everything that is asked.
fn filled(
    request: ConverseStreamFluentBuilder,
    limits: &Limits,
    entry: &Entry,
    ask: &Ask,
) -> Result<ConverseStreamFluentBuilder, ModelError> {
    let message = Message::builder()
        .role(ConversationRole::User)
        .content(ContentBlock::Text(ask.content.clone()))
        .build();
    let most = i32::try_from(ask.max_output).unwrap_or(i32::MAX);
    let mut inference = InferenceConfiguration::builder().max_tokens(most);
    if entry.has_temperature {
        inference = inference.temperature(limits.temperature);
    }
    let request = request
        .model_id(&entry.id)
        .system(SystemContentBlock::Text(ask.system.clone()))
        .messages(message.map_err(unbuilt)?)
        .inference_config(inference.build());
    let Some(schema) = &ask.schema else {
        return Ok(request);
    };
    let tool = ToolSpecification::builder()
        .name(schema.name)
        .description("Takes the answer.")
        .input_schema(ToolInputSchema::Json(document(&schema.json)));
    let tools = ToolConfiguration::builder()
        .tools(Tool::ToolSpec(tool.build().map_err(unbuilt)?))
        .tool_choice(ToolChoice::Any(AnyToolChoice::builder().build()));
    Ok(request.tool_config(tools.build().map_err(unbuilt)?))
}

/// What was said so far.
#[derive(Default)]
struct Heard {
    text: String,
    stop: Option<StopReason>,
    usage: Usage,
}

impl Heard {
    /// Takes an event in; gives how many bytes it says.
    fn take(&mut self, event: ConverseStreamOutput) -> usize {
        let before = self.text.len();
        match event {
            ConverseStreamOutput::ContentBlockDelta(event) => match event.delta {
                Some(ContentBlockDelta::Text(said)) => self.text.push_str(&said),
                Some(ContentBlockDelta::ToolUse(used)) => self.text.push_str(used.input()),
                _ => {}
            },
            ConverseStreamOutput::MessageStop(event) => self.stop = Some(event.stop_reason),
            ConverseStreamOutput::Metadata(event) => {
                self.usage = event.usage().map(usage).unwrap_or_default();
            }
            _ => {}
        }
        self.text.len() - before
    }

    /// The answer, if it came to an end.
    fn answer(self, request: Option<&str>) -> Result<Answer, ModelError> {
        let stop = self.stop.ok_or_else(|| {
            ModelError::Unavailable("the answer broke off: it has no end".to_owned())
        })?;
        Ok(Answer {
            text: self.text,
            stop: match stop {
                StopReason::MaxTokens | StopReason::ModelContextWindowExceeded => Stop::Length,
                StopReason::ContentFiltered | StopReason::GuardrailIntervened => Stop::Refused,
                _ => Stop::Done,
            },
            usage: self.usage,
            request: request.map(str::to_owned),
        })
    }
}

fn usage(usage: &TokenUsage) -> Usage {
    let count = |tokens: i32| u64::try_from(tokens).unwrap_or(0);
    Usage {
        input: count(usage.input_tokens()),
        cache_read: count(usage.cache_read_input_tokens().unwrap_or(0)),
        cache_write: count(usage.cache_write_input_tokens().unwrap_or(0)),
        output: count(usage.output_tokens()),
    }
}

async fn client(endpoint: &str, begin: Duration, whole: Duration) -> Client {
    let shared = aws::configuration().await;
    let times = TimeoutConfig::builder()
        .connect_timeout(begin)
        .operation_timeout(whole)
        .build();
    // Whoever pays says how often something is tried.
    let mut config = aws_sdk_bedrockruntime::config::Builder::from(&shared)
        .retry_config(RetryConfig::disabled())
        // A model may think for longer than the SDK waits for the next byte; pauses are limited here.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .timeout_config(times);
    if !endpoint.is_empty() {
        config = config.endpoint_url(endpoint);
    }
    Client::from_conf(config.build())
}

fn unbuilt(error: BuildError) -> ModelError {
    ModelError::Refused(format!("the request cannot be written: {error}"))
}

/// What an error means, before the answer or in the middle of it.
fn refusal<E, R>(error: SdkError<E, R>) -> ModelError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    if let SdkError::TimeoutError(_) = error {
        return ModelError::Late("Bedrock did not answer in time".to_owned());
    }
    let code = error.code().unwrap_or_default().to_owned();
    let said: String = aws::Said::of(error).to_string().chars().take(200).collect();
    match code.as_str() {
        "ThrottlingException" | "ServiceQuotaExceededException" => ModelError::Limited(None),
        "ModelTimeoutException" => ModelError::Late(said),
        "AccessDeniedException" | "ValidationException" | "ResourceNotFoundException" => {
            ModelError::Refused(said)
        }
        _ => ModelError::Unavailable(said),
    }
}

/// JSON as the SDK has it.
fn document(value: &Value) -> Document {
    match value {
        Value::Null => Document::Null,
        Value::Bool(is) => Document::Bool(*is),
        Value::Number(number) => Document::Number(match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Number::PosInt(number),
            (None, Some(number)) => Number::NegInt(number),
            (None, None) => Number::Float(number.as_f64().unwrap_or(0.0)),
        }),
        Value::String(text) => Document::String(text.clone()),
        Value::Array(items) => Document::Array(items.iter().map(document).collect()),
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| (name.clone(), document(value)));
            Document::Object(fields.collect())
        }
    }
}
