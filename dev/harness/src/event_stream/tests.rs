//! The client against a server that sends given bytes.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;

const BODY: &str = "event: delta\ndata: {\"text\":\"é\"}\nid: 1-1\n\n: alive\n\ndata: {}\nid: 1-2\n\n";

/// Answers one connection by `response`, and returns the request.
async fn serve(response: Vec<u8>) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(connection.read_u8().await.unwrap());
        }
        connection.write_all(&response).await.unwrap();
        String::from_utf8(request).unwrap()
    });
    (url, served)
}

/// A response with `body` in chunks of `size` bytes, and the last chunk if it is complete.
fn chunked(body: &str, size: usize, is_complete: bool) -> Vec<u8> {
    let mut response = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for chunk in body.as_bytes().chunks(size) {
        response.extend(format!("{:x}\r\n", chunk.len()).bytes());
        response.extend(chunk);
        response.extend(b"\r\n");
    }
    response.extend(if is_complete { b"0\r\nx: y\r\n\r\n".as_slice() } else { b"" });
    response
}

fn request(url: &str) -> StreamRequest {
    let user = TestUser { number: String::new(), token: "token".to_owned(), refresh_token: String::new() };
    StreamRequest::new(url, &user, Uuid::nil())
}

fn ids(events: &[StreamEvent]) -> Vec<&str> {
    events.iter().filter_map(|event| event.id.as_deref()).collect()
}

#[tokio::test]
async fn events_are_read_from_chunks_of_any_size() {
    for size in [1, 2, 7, 1000] {
        let (url, served) = serve(chunked(BODY, size, true)).await;
        let mut stream = request(&url).after(Some("1-0")).open_live().await.unwrap();
        let events = stream.rest().await.unwrap();
        assert_eq!((ids(&events), stream.end()), (vec!["1-1", "1-2"], Some(StreamEnd::Complete)));
        assert_eq!(
            (events[0].event.as_str(), events[0].json().unwrap()["text"].as_str()),
            ("delta", Some("é"))
        );
        assert_eq!((stream.comments(), stream.last_event_id()), (1, Some("1-2")));
        let sent = served.await.unwrap();
        assert!(sent.starts_with("GET /api/stream/00000000-0000-0000-0000-000000000000 HTTP/1.1\r\n"));
        assert!(sent.contains("\r\nauthorization: Bearer token\r\nlast-event-id: 1-0\r\n"), "{sent}");
    }
}

#[tokio::test]
async fn cut_at_any_byte_keeps_the_events_before_it() {
    let first = BODY.find("\n\n").unwrap() + 2;
    for bytes in 0..=BODY.len() {
        let (url, _served) = serve(chunked(BODY, 10, false)).await;
        let mut stream = request(&url).cut_after(bytes).open_live().await.unwrap();
        let events = stream.rest().await.unwrap();
        let expected = usize::from(bytes >= first) + usize::from(bytes >= BODY.len());
        assert_eq!((events.len(), stream.end()), (expected, Some(StreamEnd::Cut)), "{bytes}");
        assert_eq!(stream.last_event_id(), ids(&events).last().copied(), "{bytes}");
    }
}

#[tokio::test]
async fn connection_that_closes_early_is_told_from_the_end() {
    let (url, _served) = serve(chunked(BODY, 10, false)).await;
    let mut stream = request(&url).open_live().await.unwrap();
    assert_eq!(stream.rest().await.unwrap().len(), 2);
    assert_eq!(stream.end(), Some(StreamEnd::Broken));
}

#[tokio::test]
async fn slow_reader_gets_the_same_events() {
    let (url, _served) = serve(chunked(BODY, 1000, true)).await;
    let pace = Pace { bytes: 5, interval: Duration::from_millis(1) };
    let mut stream = request(&url).pace(pace).open_live().await.unwrap();
    assert_eq!(ids(&stream.rest().await.unwrap()), ["1-1", "1-2"]);
}

#[tokio::test]
async fn other_responses_are_read_whole() {
    let problem = "HTTP/1.1 404 Not Found\r\ncontent-type: application/problem+json\r\ncontent-length: 20\r\n\r\n\
                   {\"code\":\"not_found\"}and more";
    let (url, _served) = serve(problem.as_bytes().to_vec()).await;
    let response = request(&url).open().await.unwrap().into_response().await.unwrap();
    assert_eq!((response.status.as_u16(), &response.body["code"]), (404, &"not_found".into()));

    let (url, _served) = serve(problem.as_bytes().to_vec()).await;
    let error = format!("{:#}", request(&url).open_live().await.unwrap_err());
    assert!(error.contains("404 Not Found") && error.contains("not_found"), "{error}");

    let (url, _served) = serve(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()).await;
    let mut stream = request(&url).open().await.unwrap();
    assert_eq!((stream.status.as_u16(), stream.rest().await.unwrap().len()), (204, 0));
    assert_eq!(stream.end(), Some(StreamEnd::Complete));
}
