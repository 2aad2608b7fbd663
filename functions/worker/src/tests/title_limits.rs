//! What titles may cost: their number in a day, Gemini's rate limit, and the spending caps.

use std::time::Duration;

use serde_json::json;
use testkit::TestApp;

use super::spending::{COST, with_caps};
use super::titles::{QUESTION, asked, is_concluded, listed};
use super::{deliver, status};

#[tokio::test]
async fn titles_of_a_user_are_limited_by_day() {
    let app = TestApp::serving(chatroom::routes()).var("TITLE_MAX_PER_DAY", "1").start().await;
    let user = app.user().await;
    let other = app.user().await;
    for (user, title) in [(&user, "Eier kochen"), (&user, QUESTION), (&other, "Eier kochen")] {
        let (_, id) = asked(&app, user, json!({})).await;
        app.model.answer_with("Etwa acht Minuten.");
        let calls = app.model.prompts().len();
        if title != QUESTION {
            app.model.answer_with(title);
        }
        assert!(deliver(&app, &[&id]).await.is_empty());
        assert_eq!(listed(&app, user).await["name"], title);
        assert_eq!(app.model.prompts().len() - calls, 1 + usize::from(title != QUESTION));
        assert!(is_concluded(&app).await);
    }
    app.advance(Duration::from_hours(24));
    let (_, id) = asked(&app, &user, json!({})).await;
    app.model.answer_with("Etwa acht Minuten.");
    app.model.answer_with("Am nächsten Tag");
    assert!(deliver(&app, &[&id]).await.is_empty());
    assert_eq!(listed(&app, &user).await["name"], "Am nächsten Tag");
}

#[tokio::test]
async fn limit_of_zero_disables_titles() {
    let app = TestApp::serving(chatroom::routes()).var("TITLE_MAX_PER_DAY", "0").start().await;
    let user = app.user().await;
    let (_, id) = asked(&app, &user, json!({})).await;
    assert!(deliver(&app, &[&id]).await.is_empty());
    assert_eq!((listed(&app, &user).await["name"].as_str(), app.model.prompts().len()), (Some(QUESTION), 1));
    assert!(is_concluded(&app).await);
}

#[tokio::test]
async fn title_stays_within_the_rate_limit() {
    let app = TestApp::serving(chatroom::routes()).var("GEMINI_REQUESTS_PER_MINUTE", "1").start().await;
    let user = app.user().await;
    let (_, id) = asked(&app, &user, json!({})).await;
    assert!(deliver(&app, &[&id]).await.is_empty());
    assert_eq!((listed(&app, &user).await["name"].as_str(), app.model.prompts().len()), (Some(QUESTION), 1));
    assert!(is_concluded(&app).await);
}

#[tokio::test]
async fn reached_cap_leaves_the_first_words_and_refuses_no_message() {
    let app = with_caps(Some(100), None).start().await;
    let user = app.user().await;
    let (chatroom, id) = asked(&app, &user, json!({})).await;
    assert!(deliver(&app, &[&id]).await.is_empty());
    assert_eq!((listed(&app, &user).await["name"].as_str(), app.model.prompts().len()), (Some(QUESTION), 1));
    let spent = "SELECT cost_micro_usd * 100 + reserved_micro_usd FROM daily_usage";
    assert_eq!(app.query_value::<i64>(spent).await, 100 * COST);
    let next = app.send_message(&user, &chatroom, "Und hart?").await;
    assert!(deliver(&app, &[&next]).await.is_empty());
    assert_eq!(status(&app, &user, &next).await["processing_status"], "completed");
}

#[tokio::test]
async fn cost_of_a_title_takes_the_place_of_its_reservation() {
    let app = with_caps(None, Some(1_000_000)).start().await;
    let user = app.user().await;
    let (_, id) = asked(&app, &user, json!({})).await;
    assert!(deliver(&app, &[&id]).await.is_empty());
    assert_eq!(app.model.prompts().len(), 2);
    for table in ["daily_usage", "service_spending"] {
        let spent = format!("SELECT cost_micro_usd * 100 + reserved_micro_usd FROM {table}");
        assert_eq!(app.query_value::<i64>(&spent).await, 100 * 2 * COST, "{table}");
    }
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM spending_reservations").await, 0);
}
