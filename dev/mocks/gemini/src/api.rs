//! Gemini's API.

use std::convert::Infallible;
use std::io;
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::MockGemini;
use super::answer::{self, Answer, Envelope};
use super::connection::{Connection, now};
use super::error::GeminiError;
use super::request::{self, Method, ModelRequest};
use super::script;
use super::step::{AnswerStep, ScriptStep};

/// The time between sending the start of an answer and closing the connection, so that it arrives.
const CUT_DELAY: Duration = Duration::from_millis(30);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Object,
    /// A JSON array, sent element by element: `streamGenerateContent` without `alt=sse`.
    Array,
    Events,
}

pub async fn call(
    State(mock): State<MockGemini>,
    Path(call): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let method = call.rsplit_once(':').and_then(|(model, name)| Some((model, Method::from_name(name)?)));
    let Some((model, method)) = method else {
        return not_found().await.into_response();
    };
    let format = match method {
        Method::Stream if has_alt_sse(query.as_deref()) => Format::Events,
        Method::Stream => Format::Array,
        Method::Generate | Method::CountTokens => Format::Object,
    };
    let request = request::check_key(&headers)
        .and_then(|()| body.map_err(|_| GeminiError::too_large()))
        .and_then(|body| request::read(method, model, &body));
    let traceparent = headers.get("traceparent").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (request, id, step, latency) = admit(&mock, method, model, request, traceparent);
    let mut connection = Connection::new(&mock, id);
    sleep(latency).await;
    let response = match request {
        Err(error) => error_response(error, format),
        Ok(request) if method == Method::CountTokens => count_tokens(&request),
        Ok(request) => perform(step.unwrap_or_else(ScriptStep::plain), method, model, &request, format).await,
    };
    mock.state().calls.finish(id, response.status().as_u16());
    if response.body().size_hint().exact().is_some() {
        // It is sent at once.
        connection.is_answered = true;
        return response;
    }
    response.map(|body| Body::from_stream(connection.watch(body)))
}

type Request = Result<ModelRequest, GeminiError>;

/// Applies the quota, takes a script's step and logs the call, under one lock.
fn admit(
    mock: &MockGemini,
    method: Method,
    model: &str,
    request: Request,
    traceparent: Option<String>,
) -> (Request, u64, Option<ScriptStep>, Duration) {
    let mut state = mock.state();
    let request = request.and_then(|request| {
        let admitted = state.quota.admit(model, answer::prompt_tokens(&request), Instant::now());
        admitted.map(|()| request).map_err(|retry_delay| {
            GeminiError::quota(model, false, Some(&format!("{}s", retry_delay.as_secs_f64().ceil())))
        })
    });
    let step = match &request {
        Ok(request) if method != Method::CountTokens => {
            script::next_step(&mut state.scripts, request.last_user_text())
        }
        _ => None,
    };
    let empty = ModelRequest::default();
    let logged = request.as_ref().unwrap_or(&empty);
    let (kind, step) = step.unzip();
    let id = state.calls.begin(now(), method, model, logged, kind, traceparent);
    (request, id, step, state.latency)
}

/// `GET /v1beta/models/{model}`. Scripts do not apply, and the call is not logged.
pub async fn get_model(Path(model): Path<String>, headers: HeaderMap) -> Response {
    if model.contains(':') {
        return not_found().await.into_response();
    }
    match request::check_key(&headers).and_then(|()| request::check_model(&model, "getModel")) {
        Ok(()) => Json(json!({
            "name": format!("models/{model}"),
            "displayName": model,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
        }))
        .into_response(),
        Err(error) => error_response(error, Format::Object),
    }
}

/// Google's 404 for an unknown path: an HTML page, not JSON.
pub async fn not_found() -> impl IntoResponse {
    let page = "<!DOCTYPE html>\n<html lang=en>\n<title>Error 404 (Not Found)!!1</title>\n\
                <p><b>404.</b> <ins>That’s an error.</ins>\n";
    (StatusCode::NOT_FOUND, Html(page))
}

async fn perform(
    step: ScriptStep,
    method: Method,
    model: &str,
    request: &ModelRequest,
    format: Format,
) -> Response {
    let envelope = Envelope::new(model, request);
    let answer = |step| {
        let answer = Answer::new(model, request, step);
        if format == Format::Object { vec![answer.whole()] } else { answer.chunks() }
    };
    match step {
        ScriptStep::Answer(step) => {
            sleep(step.delay).await;
            let duration = step.duration;
            respond(&answer(step), format, duration)
        }
        ScriptStep::Error { status, message, details, array } => {
            let mut error = GeminiError::of_status(status, model, method.name());
            error.message = message.unwrap_or(error.message);
            (error.details, error.in_array) = (details, array);
            error_response(error, format)
        }
        ScriptStep::Raw { body, status, mut headers } => {
            let json = HeaderValue::from_static("application/json; charset=UTF-8");
            headers.entry(CONTENT_TYPE).or_insert(json);
            (status, headers, Body::from(body)).into_response()
        }
        ScriptStep::RateLimited { retry_delay, per_day, details, array } => {
            let mut error = if details.unwrap_or(true) {
                GeminiError::quota(model, per_day, retry_delay.as_deref())
            } else {
                GeminiError::of_status(StatusCode::TOO_MANY_REQUESTS, model, method.name())
            };
            error.in_array = array;
            error_response(error, format)
        }
        ScriptStep::BlockedPrompt { reason } => {
            let blocked = envelope.blocked_prompt(reason.as_deref().unwrap_or("PROHIBITED_CONTENT"));
            respond(&[blocked], format, Duration::ZERO)
        }
        ScriptStep::BlockedAnswer { reason } => {
            let blocked = envelope.blocked_answer(reason.as_deref().unwrap_or("SAFETY"));
            respond(&[blocked], format, Duration::ZERO)
        }
        ScriptStep::Cut { after_bytes, clean } => {
            let end = if clean { Ending::Clean } else { Ending::Cut };
            respond_in_two(&answer(AnswerStep::default()), format, after_bytes, CUT_DELAY, end)
        }
        ScriptStep::Slow { delay, after_bytes } => {
            respond_in_two(&answer(AnswerStep::default()), format, after_bytes, delay, Ending::Complete)
        }
        ScriptStep::Chunks { mut chunks, error } => {
            chunks.extend(error.map(|status| GeminiError::of_status(status, model, method.name()).body()));
            respond(&chunks, format, Duration::ZERO)
        }
        ScriptStep::Garbage {} => {
            (content_type(format), "<html><body>This is not what you are looking for.</body></html>")
                .into_response()
        }
    }
}

fn count_tokens(request: &ModelRequest) -> Response {
    let tokens = answer::prompt_tokens(request);
    let details = json!([{"modality": "TEXT", "tokenCount": tokens}]);
    respond(&[json!({"totalTokens": tokens, "promptTokensDetails": details})], Format::Object, Duration::ZERO)
}

fn error_response(mut error: GeminiError, format: Format) -> Response {
    // An error is in an array where the answer would be, but never a server-sent event.
    error.in_array |= format == Format::Array;
    (error.status, content_type(Format::Object), pretty(&error.body())).into_response()
}

/// Sends the chunks at even intervals over `duration`; a whole answer at its end.
fn respond(chunks: &[Value], format: Format, duration: Duration) -> Response {
    let chunks = encode(chunks, format);
    let interval = duration / u32::try_from(chunks.len()).unwrap_or(u32::MAX).max(1);
    let paced = stream::iter(chunks).then(move |chunk| async move {
        sleep(interval).await;
        Ok::<_, Infallible>(chunk)
    });
    (content_type(format), Body::from_stream(paced)).into_response()
}

/// How a response ends after its first part.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// With its second part.
    Complete,
    /// As if it were complete.
    Clean,
    /// With the connection.
    Cut,
}

/// Sends the first part at once, half of the answer unless `after_bytes` says how much, and the
/// ending after the pause.
fn respond_in_two(
    chunks: &[Value],
    format: Format,
    after_bytes: Option<usize>,
    pause: Duration,
    ending: Ending,
) -> Response {
    let mut first = encode(chunks, format).concat().into_bytes();
    let second = first.split_off(after_bytes.unwrap_or(first.len() / 2).min(first.len()));
    let rest = stream::once(async move {
        sleep(pause).await;
        match ending {
            Ending::Complete => Ok(second),
            Ending::Clean => Ok(Vec::new()),
            Ending::Cut => Err(io::Error::other("cut by a script")),
        }
    });
    (content_type(format), Body::from_stream(stream::once(async { Ok(first) }).chain(rest))).into_response()
}

fn encode(chunks: &[Value], format: Format) -> Vec<String> {
    match format {
        Format::Object => chunks.iter().map(pretty).collect(),
        Format::Events => chunks.iter().map(|chunk| format!("data: {chunk}\r\n\r\n")).collect(),
        Format::Array => {
            let opening = |index| if index == 0 { "[" } else { ",\r\n" };
            let element = |(index, chunk)| format!("{}{}", opening(index), pretty(chunk).trim_end());
            chunks.iter().enumerate().map(element).chain(["]\n".to_owned()]).collect()
        }
    }
}

fn content_type(format: Format) -> [(HeaderName, &'static str); 1] {
    let value =
        if format == Format::Events { "text/event-stream" } else { "application/json; charset=UTF-8" };
    [(CONTENT_TYPE, value)]
}

/// JSON as Google writes it: indented by two spaces, with a final line break.
fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn has_alt_sse(query: Option<&str>) -> bool {
    query.unwrap_or_default().split('&').any(|pair| matches!(pair, "alt=sse" | "$alt=sse" | "%24alt=sse"))
}
