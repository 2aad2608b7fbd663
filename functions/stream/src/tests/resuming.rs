//! A reader that was cut off continues where it was, at any id, and a reader that has everything gets
//! nothing.

use clients::redis::live_text::Ending;
use domain::message::ProcessingStatus;
use secrecy::ExposeSecret as _;
use testkit::TestApp;

use super::{begun, claim, deliver, flush, names, open, request, sent, start, store_answer, text};

#[tokio::test]
async fn reader_continues_after_each_id() {
    let app = start().await;
    let (user, id, _) = begun(&app, "lost ").await;
    let mut writer = claim(&app, &id, 3).await;
    for piece in ["Grü", "ße ", "😀\n"] {
        flush(&mut writer, piece).await;
    }
    let whole = "Grüße 😀\n";
    for (last, had) in [
        (None, ""),
        (Some("1-1"), ""),
        (Some("1-2"), "lost "),
        (Some("3-0"), ""),
        (Some("3-1"), ""),
        (Some("3-2"), "Grü"),
        (Some("3-3"), "Grüße "),
        (Some("2-done"), "anything"),
        (Some("9-9"), "anything"),
        (Some("nonsense"), "anything"),
    ] {
        let mut stream = open(&app, &user, &id, last).await;
        stream.expect("status").await;
        let mut events = vec![stream.next().await.unwrap()];
        if events[0].event == "restart" {
            events.push(stream.next().await.unwrap());
            assert_eq!(text(&events), whole, "{last:?}");
        } else {
            assert_eq!(format!("{had}{}", text(&events)), whole, "{last:?}");
        }
        assert_eq!(events.last().unwrap().id.as_deref(), Some("3-4"), "{last:?}");
        assert_eq!(events.len() == 2, had == "lost " || had == "anything" || last == Some("1-1"), "{last:?}");
    }
}

#[tokio::test]
async fn reader_of_the_end_gets_204() {
    let app = start().await;
    let (user, id) = sent(&app).await;
    let _ = request(&app, &user, &id).header("last-event-id", "0-replaced").send().await.expect(204);
    deliver(&app, &id).await;
    for last in ["1-done", "1-replaced"] {
        let nothing = request(&app, &user, &id).header("last-event-id", last).send().await.expect(204);
        assert_eq!(nothing.header("content-type"), None);
    }
    // A reader that was cut off before `done` gets it.
    let rest = open(&app, &user, &id, Some("1-all")).await.rest().await;
    assert_eq!(names(&rest), ["done"]);
    let rest = open(&app, &user, &id, Some("1-2")).await.rest().await;
    assert_eq!((names(&rest), text(&rest)), (vec!["restart", "delta", "done"], "Echo: hello".to_owned()));
}

#[tokio::test]
async fn another_answer_is_followed_with_larger_ids() {
    let app = start().await;
    let (user, id) = sent(&app).await;
    deliver(&app, &id).await;
    let path = format!("/api/chatroom/message/{id}/regenerate");
    let _ = app.request("POST", &path).by(&user).send().await.expect(201);
    let generation = app.queue.sent().last().unwrap().1.to_string();
    let mut stream = open(&app, &user, &id, Some("1-done")).await;
    stream.expect("status").await;
    let (events, ()) = tokio::join!(stream.rest(), deliver(&app, &generation));
    assert_eq!(text(&events), "Echo: hello");
    assert_eq!(events.iter().filter(|event| event.event == "restart").count(), 1);
    let ids = events.iter().filter_map(|event| event.id.as_deref());
    assert!(ids.clone().all(|id| id.starts_with("3-")), "{:?}", ids.collect::<Vec<_>>());
}

async fn delete_live_text(app: &TestApp, id: &str) {
    let client = redis::Client::open(app.app.config.redis_url.expose_secret()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    redis::cmd("DEL").arg(format!("live:{{{id}}}")).exec_async(&mut connection).await.unwrap();
}

#[tokio::test]
async fn text_that_redis_has_lost_comes_whole_at_the_end() {
    let app = start().await;
    let (user, id, mut writer) = begun(&app, "The ").await;
    let mut stream = open(&app, &user, &id, None).await;
    stream.expect("status").await;
    assert_eq!(stream.expect("delta").await.data["text"], "The ");
    delete_live_text(&app, &id).await;
    flush(&mut writer, "whole ").await;
    // This one has read "The ", but Redis no longer knows how long that is.
    let mut resumed = open(&app, &user, &id, Some("1-2")).await;
    resumed.expect("status").await;
    let mut late = open(&app, &user, &id, None).await;
    late.expect("status").await;
    writer.push("answer");
    store_answer(&app, &id, "The whole answer").await;
    writer.finish(Ending::End(ProcessingStatus::Completed)).await.unwrap();
    let rest = resumed.rest().await;
    assert_eq!(
        (names(&rest), text(&rest)),
        (vec!["restart", "delta", "done"], "The whole answer".to_owned())
    );
    let rest = late.rest().await;
    assert_eq!((names(&rest), text(&rest)), (vec!["delta", "done"], "The whole answer".to_owned()));
    // Nothing is missing for a reader that was there.
    let rest = stream.rest().await;
    assert!(!names(&rest).contains(&"restart"), "{rest:?}");
    assert_eq!(text(&rest), "whole answer");
}
