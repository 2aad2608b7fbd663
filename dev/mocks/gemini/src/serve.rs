//! The vendor's interface.

use std::convert::Infallible;
use std::io;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use chrono::Utc;
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::StandIn;
use super::answer::{self, Answer, Envelope};
use super::error::VendorError;
use super::request::{self, Asked, Method};
use super::script::Step;

/// The pause between the pieces of a streamed answer.
const BETWEEN_PIECES: Duration = Duration::from_millis(15);

/// How long half an answer is left to travel before the connection is cut.
const BEFORE_CUT: Duration = Duration::from_millis(30);

/// How a reply is laid out in the body.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// One JSON object.
    Object,
    /// A JSON array that grows: what `streamGenerateContent` sends without `alt=sse`.
    Array,
    /// Server-sent events.
    Events,
}

/// `POST /v1beta/models/{model}:{method}`
pub(super) async fn call(
    State(stand_in): State<StandIn>,
    Path(call): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let method = call.rsplit_once(':').and_then(|(model, name)| Some((model, Method::named(name)?)));
    let Some((model, method)) = method else {
        return not_found().await.into_response();
    };
    let layout = match method {
        Method::Stream if has_alt_sse(query.as_deref()) => Layout::Events,
        Method::Stream => Layout::Array,
        Method::Generate | Method::CountTokens => Layout::Object,
    };

    let asked = request::check_key(&headers)
        .and_then(|()| body.map_err(|_| VendorError::too_large()))
        .and_then(|body| request::read(method, model, &body));
    let (asked, id, step, latency) = {
        let mut memory = stand_in.memory();
        let asked = asked.and_then(|asked| {
            let taken = memory.quota.take(model, answer::prompt_tokens(&asked), Instant::now());
            let over = |wait: Duration| {
                VendorError::quota(model, false, Some(&format!("{}s", wait.as_secs_f64().ceil())))
            };
            taken.map(|()| asked).map_err(over)
        });
        let step = match &asked {
            Ok(asked) if method != Method::CountTokens => memory.scripts.take(asked.last_user_text()),
            _ => None,
        };
        #[expect(clippy::disallowed_methods, reason = "a program of its own, whose time nobody moves")]
        let now = Utc::now();
        let nothing = Asked::default();
        let seen = asked.as_ref().unwrap_or(&nothing);
        let id = memory.calls.begin(now, method, model, seen, step.as_ref().map(Step::kind));
        (asked, id, step, memory.latency)
    };
    sleep(latency).await;

    let response = match asked {
        Err(error) => refuse(error, layout),
        Ok(asked) if method == Method::CountTokens => count_tokens(&asked),
        Ok(asked) => act(step.unwrap_or(Step::PLAIN), method, model, &asked, layout).await,
    };
    stand_in.memory().calls.finish(id, response.status().as_u16());
    response
}

/// `GET /v1beta/models/{model}`: what the model is called and can do. Scripts do not apply, and it is no call.
pub(super) async fn model(Path(model): Path<String>, headers: HeaderMap) -> Response {
    if model.contains(':') {
        return not_found().await.into_response();
    }
    let known = request::check_key(&headers).and_then(|()| request::check_model(&model, "getModel"));
    match known {
        Ok(()) => axum::Json(json!({
            "name": format!("models/{model}"),
            "displayName": model,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
        }))
        .into_response(),
        Err(error) => refuse(error, Layout::Object),
    }
}

/// What Google says of a path that it does not have: a page, not JSON.
pub(super) async fn not_found() -> impl IntoResponse {
    let page = "<!DOCTYPE html>\n<html lang=en>\n<title>Error 404 (Not Found)!!1</title>\n\
                <p><b>404.</b> <ins>That’s an error.</ins>\n";
    (StatusCode::NOT_FOUND, Html(page))
}

async fn act(step: Step, method: Method, model: &str, asked: &Asked, layout: Layout) -> Response {
    let envelope = Envelope::new(model, asked);
    let answer = |envelope, text, reason| {
        let answer = Answer::new(envelope, asked, text, reason);
        if layout == Layout::Object { vec![answer.whole()] } else { answer.pieces() }
    };
    match step {
        Step::Answer { text, delay, finish_reason } => {
            sleep(delay).await;
            reply(&answer(envelope, text, finish_reason), layout)
        }
        Step::Error { status } => refuse(VendorError::plain(status, model, method.name()), layout),
        Step::RateLimited { retry_delay, per_day, details, array } => {
            let mut error = if details {
                VendorError::quota(model, per_day, retry_delay.as_deref())
            } else {
                VendorError::quota_without_details()
            };
            error.in_array = array;
            refuse(error, layout)
        }
        Step::BlockedPrompt { reason } => reply(&[envelope.blocked_prompt(&reason)], layout),
        Step::BlockedAnswer { reason } => reply(&[envelope.blocked_answer(&reason)], layout),
        Step::Cut => reply_in_halves(&answer(envelope, None, None), layout, BEFORE_CUT, false),
        Step::Slow { delay } => reply_in_halves(&answer(envelope, None, None), layout, delay, true),
        Step::Garbage => {
            (head(layout), "<html><body>This is not what you are looking for.</body></html>").into_response()
        }
    }
}

fn count_tokens(asked: &Asked) -> Response {
    let tokens = answer::prompt_tokens(asked);
    let details = json!([{"modality": "TEXT", "tokenCount": tokens}]);
    reply(&[json!({"totalTokens": tokens, "promptTokensDetails": details})], Layout::Object)
}

fn refuse(mut error: VendorError, layout: Layout) -> Response {
    // The growing array holds the error too; events give way to plain JSON.
    error.in_array |= layout == Layout::Array;
    (error.status, head(Layout::Object), pretty(&error.body())).into_response()
}

fn reply(replies: &[Value], layout: Layout) -> Response {
    let pieces = lay_out(replies, layout);
    if layout == Layout::Object {
        return (head(layout), pieces.concat()).into_response();
    }
    let paced = stream::iter(pieces).then(|piece| async {
        sleep(BETWEEN_PIECES).await;
        Ok::<_, Infallible>(piece)
    });
    (head(layout), Body::from_stream(paced)).into_response()
}

/// The first half at once; after the pause the second, or the end of the connection.
fn reply_in_halves(replies: &[Value], layout: Layout, pause: Duration, whole: bool) -> Response {
    let mut first = lay_out(replies, layout).concat();
    let middle = first.floor_char_boundary(first.len() / 2);
    let second = first.split_off(middle);
    let rest = stream::once(async move {
        sleep(pause).await;
        if whole { Ok(second) } else { Err(io::Error::other("cut as scripted")) }
    });
    (head(layout), Body::from_stream(stream::once(async { Ok(first) }).chain(rest))).into_response()
}

fn lay_out(replies: &[Value], layout: Layout) -> Vec<String> {
    match layout {
        Layout::Object => replies.iter().map(pretty).collect(),
        Layout::Events => replies.iter().map(|reply| format!("data: {reply}\r\n\r\n")).collect(),
        Layout::Array => {
            let opening = |index| if index == 0 { "[" } else { ",\r\n" };
            let elements = replies.iter().enumerate();
            let elements =
                elements.map(|(index, reply)| format!("{}{}", opening(index), pretty(reply).trim_end()));
            elements.chain(["]\n".to_owned()]).collect()
        }
    }
}

fn head(layout: Layout) -> [(axum::http::HeaderName, &'static str); 1] {
    let kind = if layout == Layout::Events { "text/event-stream" } else { "application/json; charset=UTF-8" };
    [(CONTENT_TYPE, kind)]
}

/// Google indents its JSON by two spaces and ends it with a line break.
fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn has_alt_sse(query: Option<&str>) -> bool {
    query.unwrap_or_default().split('&').any(|pair| matches!(pair, "alt=sse" | "$alt=sse" | "%24alt=sse"))
}
