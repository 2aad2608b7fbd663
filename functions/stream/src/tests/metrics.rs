//! What streams count.

use super::{begun, deliver, open, request, sent, start};

#[tokio::test]
async fn opened_and_resumed_streams_are_counted() {
    let app = start().await;
    let (user, id, _) = begun(&app, "Hel").await;
    open(&app, &user, &id, None).await.expect("status").await;
    open(&app, &user, &id, Some("1-2")).await.expect("status").await;
    let streams = ["StreamsOpened", "StreamsResumed", "StreamsReplaced"];
    assert_eq!(streams.map(|name| app.metrics.values(name).len()), [1, 1, 0]);
}

#[tokio::test]
async fn reader_of_the_end_counts_as_no_stream() {
    let app = start().await;
    let (user, id) = sent(&app).await;
    deliver(&app, &id).await;
    let _ = request(&app, &user, &id).header("last-event-id", "1-done").send().await.expect(204);
    assert!(app.metrics.names().iter().all(|name| !name.starts_with("Streams")));
}
