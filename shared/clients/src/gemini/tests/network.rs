//! Network failures, and the bounds that the client sets.

use std::net::SocketAddr;

use domain::message::ErrorCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use wiremock::matchers::method;

use super::*;

/// A server that reads a request, writes these bytes and closes the connection.
async fn closing_server(bytes: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.read(&mut [0; 16 * 1024]).await;
            let _ = socket.write_all(bytes).await;
        }
    });
    address
}

#[tokio::test]
async fn huge_body_is_not_read_to_its_end() {
    let huge = "x".repeat(stream::MAX_STREAM + 1);
    let error = call_with_reply(reply(&huge, "STOP")).await.unwrap_err();
    assert_eq!(error, GenerateError::InvalidResponse { problem: "larger than an answer can be" });
    let error = call_server(ResponseTemplate::new(503).set_body_string(huge)).await.unwrap_err();
    assert_eq!(error, GenerateError::Overloaded { status: 503, retry_delay: None });
}

#[tokio::test]
async fn slow_answer_times_out() {
    let server = MockServer::start().await;
    let slow =
        ResponseTemplate::new(200).set_body_json(reply("late", "STOP")).set_delay(Duration::from_mins(1));
    Mock::given(method("POST")).respond_with(slow).mount(&server).await;
    let error = gemini_at(&server.uri(), Duration::from_millis(100))
        .generate_unobserved(&prompt())
        .await
        .unwrap_err();
    assert_eq!(error, GenerateError::Timeout);
    assert_eq!((error.error_code(), error.is_transient()), (ErrorCode::Timeout, true));
}

#[tokio::test]
async fn a_connection_cut_at_any_point_is_transient() {
    let points: [&[u8]; 3] = [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{\"candidates\":[{",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\n{\"candidates\":[{\r\n",
    ];
    for bytes in points {
        let address = closing_server(bytes).await;
        let gemini = gemini_at(&format!("http://{address}"), Duration::from_secs(20));
        let error = gemini.generate_unobserved(&prompt()).await.unwrap_err();
        assert!(matches!(error, GenerateError::ConnectionLost { .. }), "{error}");
        assert!(error.is_transient());
    }
}

#[tokio::test]
async fn a_refused_connection_is_transient() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let gemini = gemini_at(&format!("http://{address}"), Duration::from_secs(20));
    let error = gemini.generate_unobserved(&prompt()).await.unwrap_err();
    assert!(matches!(error, GenerateError::Unreachable { .. }), "{error}");
    assert_eq!((error.error_code(), error.is_transient()), (ErrorCode::GeminiOverloaded, true));
}

#[tokio::test]
async fn gemini_redirect_is_not_followed() {
    let elsewhere = ResponseTemplate::new(307).insert_header("location", "http://127.0.0.1:9/");
    assert!(matches!(call_server(elsewhere).await, Err(GenerateError::InvalidResponse { .. })));
}

#[tokio::test]
async fn model_name_cannot_reach_another_path() {
    let server = MockServer::start().await;
    let mut prompt = prompt();
    prompt.model = "../../files?x=".to_owned();
    let error =
        gemini_at(&server.uri(), Duration::from_secs(20)).generate_unobserved(&prompt).await.unwrap_err();
    assert_eq!(error, GenerateError::ModelNotFound { model: "....filesx".to_owned() });
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests[0].url.path(), "/v1beta/models/..%2F..%2Ffiles%3Fx=:streamGenerateContent");
    assert_eq!(requests[0].url.query(), Some("alt=sse"));
}

#[tokio::test]
async fn call_in_a_trace_sends_its_context() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_json(reply("hi", "STOP"));
    Mock::given(method("POST")).respond_with(answer).mount(&server).await;
    let gemini = gemini_at(&server.uri(), Duration::from_secs(20));
    let trace = TraceContext::root(0xabc, 1);
    for trace in [Some(trace), None] {
        let observer = Observer::new(&|_| {}, watch::channel(false).1).traced(trace);
        drop(gemini.generate(&prompt(), TIME_LIMIT, &observer).await);
    }
    let sent = server.received_requests().await.unwrap();
    let headers =
        sent.iter().map(|request| request.headers.get(TRACEPARENT).map(|value| value.to_str().unwrap()));
    assert_eq!(headers.collect::<Vec<_>>(), [Some(&*trace.to_string()), None]);
}
