//! The proxy in front of an echo server.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::*;

async fn echo() -> Proxy {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                tokio::io::copy(&mut from, &mut to).await
            });
        }
    });
    Proxy::start(address).await.unwrap()
}

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port)).await.unwrap()
}

/// The echo of `text`: `None` if nothing arrives, empty if the connection is closed.
async fn print(stream: &mut TcpStream, text: &str) -> Option<String> {
    let _ = stream.write_all(text.as_bytes()).await;
    let mut buffer = [0; 100];
    let read = timeout(Duration::from_millis(200), stream.read(&mut buffer)).await.ok()?;
    Some(String::from_utf8_lossy(&buffer[..read.unwrap_or(0)]).into_owned())
}

#[tokio::test]
async fn each_mode_applies_to_open_and_new_connections() {
    let proxy = echo().await;
    let mut open = connect(&proxy).await;
    assert_eq!(print(&mut open, "a").await.as_deref(), Some("a"));
    proxy.set(Mode::BlackHole);
    assert_eq!(print(&mut open, "b").await, None);
    assert_eq!(print(&mut connect(&proxy).await, "c").await, None);
    proxy.set(Mode::Refuse);
    assert_eq!(print(&mut open, "d").await.as_deref(), Some(""));
    assert_eq!(print(&mut connect(&proxy).await, "e").await.as_deref(), Some(""));
    proxy.set(Mode::Pass);
    assert_eq!(print(&mut connect(&proxy).await, "f").await.as_deref(), Some("f"));
}

#[tokio::test]
async fn silence_open_silences_open_connections_only() {
    let proxy = echo().await;
    let mut open = connect(&proxy).await;
    assert_eq!(print(&mut open, "a").await.as_deref(), Some("a"));
    proxy.silence_open();
    assert_eq!(print(&mut open, "b").await, None);
    assert_eq!(print(&mut connect(&proxy).await, "c").await.as_deref(), Some("c"));
}

#[tokio::test]
async fn a_connection_pauses_at_the_last_point() {
    let proxy = echo().await;
    let mut open = connect(&proxy).await;
    let paused = proxy.pause_at(&[(Side::Client, "COMMIT"), (Side::Server, "done")]);
    assert_eq!(print(&mut open, "done").await.as_deref(), Some("done"), "COMMIT was not sent yet");
    assert_eq!(print(&mut open, "COMMIT").await.as_deref(), Some("COMMIT"));
    assert_eq!(print(&mut open, "it is done").await, None);
    paused.await.unwrap();
}

#[tokio::test]
async fn round_trips_are_counted_and_delayed() {
    let proxy = echo().await;
    let mut open = connect(&proxy).await;
    for _ in 0..3 {
        assert_eq!(print(&mut open, "a").await.as_deref(), Some("a"));
    }
    assert_eq!(proxy.round_trips(), 3);
    proxy.set_delay(Duration::from_millis(20));
    let start = Instant::now();
    assert_eq!(print(&mut open, "b").await.as_deref(), Some("b"));
    assert!(start.elapsed() >= Duration::from_millis(40));
}

#[test]
fn addresses_are_read_from_urls() {
    let urls =
        ["postgres://u:p@127.0.0.1:5/db", "redis://127.0.0.1:5", "http://127.0.0.1:5/a?b", "127.0.0.1:5"];
    for url in urls {
        assert_eq!(address_of(url).unwrap().port(), 5, "{url}");
    }
    assert!(address_of("http://localhost/").is_err());
}
