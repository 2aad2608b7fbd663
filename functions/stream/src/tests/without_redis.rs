//! Without Redis a reader sees the state, and the whole answer at the end.

use testkit::TestApp;

use super::{building, deliver, names, open, sent, state, text};
use crate::live_body::Timing;

/// Nothing listens on port 1.
async fn start() -> TestApp {
    building(Timing::default()).var("REDIS_URL", "redis://127.0.0.1:1").start().await
}

#[tokio::test]
async fn answer_comes_whole_at_the_end() {
    let app = start().await;
    let (user, id) = sent(&app).await;
    app.model.hold();
    let mut stream = open(&app, &user, &id, None).await;
    let reading = async {
        assert_eq!(state(&stream.expect("status").await), "pending");
        assert_eq!(state(&stream.expect("status").await), "processing");
        app.model.release();
        stream.rest().await
    };
    let (rest, ()) = tokio::join!(reading, deliver(&app, &id));
    assert_eq!((names(&rest), text(&rest)), (vec!["delta", "done"], "Echo: hello".to_owned()));
}

#[tokio::test]
async fn finished_answer_comes_at_once() {
    let app = start().await;
    let (user, id) = sent(&app).await;
    deliver(&app, &id).await;
    let rest = open(&app, &user, &id, Some("1-2")).await.rest().await;
    assert_eq!((names(&rest), text(&rest)), (vec!["restart", "delta", "done"], "Echo: hello".to_owned()));
}
