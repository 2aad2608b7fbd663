//! Sessions: refreshing them, seeing them, ending them.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use testkit::{Answer, PASSWORD, Person, TestApp};

use super::{login, start};

/// A further session of `person`: its answer to the login.
async fn begin(app: &TestApp, person: &Person) -> Answer {
    login(app, &person.mobile_number, PASSWORD).await.expect(200)
}

async fn refresh(app: &TestApp, token: &str) -> Answer {
    app.request("POST", "/api/auth/refresh").json(json!({ "refresh_token": token })).send().await
}

/// Whether an access token opens anything.
async fn opens(app: &TestApp, token: &str) -> bool {
    app.request("GET", "/api/auth/sessions").token(token).send().await.status == 200
}

async fn logout(app: &TestApp, token: &str, body: Value) -> Answer {
    app.request("POST", "/api/auth/logout").token(token).json(body).send().await
}

#[tokio::test]
async fn a_session_is_renewed_with_new_tokens_and_for_as_long_again() {
    let app = start().await;
    let person = app.person().await;
    let first = begin(&app, &person).await;
    app.advance(Duration::from_hours(29 * 24));
    let second = refresh(&app, &first.text("/refresh_token")).await.expect(200);
    assert_ne!(second.text("/refresh_token"), first.text("/refresh_token"));
    assert_eq!(second.body["expires_in"], 604_800);
    assert!(opens(&app, &second.text("/token")).await);
    app.advance(Duration::from_hours(29 * 24));
    let _ = refresh(&app, &second.text("/refresh_token")).await.expect(200);
}

#[tokio::test]
async fn a_refresh_token_that_comes_twice_ends_its_session_and_no_other() {
    let app = start().await;
    let person = app.person().await;
    let stolen = begin(&app, &person).await.text("/refresh_token");
    let renewed = refresh(&app, &stolen).await.expect(200);
    let _ = refresh(&app, &stolen).await.expect_problem(401, "invalid_refresh_token");
    assert!(!opens(&app, &renewed.text("/token")).await);
    let _ = refresh(&app, &renewed.text("/refresh_token")).await.expect_problem(401, "invalid_refresh_token");
    assert!(opens(&app, &person.token).await);
}

#[tokio::test]
async fn of_twenty_refreshes_at_once_one_wins_and_the_session_ends() {
    let app = start().await;
    let person = app.person().await;
    let token = begin(&app, &person).await.text("/refresh_token");
    let answers = join_all((0..20).map(|_| refresh(&app, &token))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.status == 401).count(), 19);
    assert_eq!(
        app.stored::<i64>("SELECT count(*) FROM sessions").await,
        1,
        "the other session of the person"
    );
}

#[tokio::test]
async fn what_is_no_refresh_token_opens_nothing_and_ends_nothing() {
    let app = start().await;
    let person = app.person().await;
    let session = begin(&app, &person).await;
    let access = session.text("/token");
    for token in ["x", access.as_str(), &session.text("/refresh_token")[1..]] {
        let _ = refresh(&app, token).await.expect_problem(401, "invalid_refresh_token");
    }
    // Nor does it end a session that its id is known of.
    let list = app.request("GET", "/api/auth/sessions").token(&access).send().await.expect(200);
    let id: domain::SessionId = list.text("/sessions/0/id").parse().unwrap();
    let guessed = [id.0.as_bytes().as_slice(), &[0; 64]].concat();
    let guessed = base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, guessed);
    let _ = refresh(&app, &guessed).await.expect_problem(401, "invalid_refresh_token");
    let as_access = app.request("GET", "/api/auth/sessions").token(&session.text("/refresh_token"));
    let _ = as_access.send().await.expect_problem(401, "not_authenticated");
    assert!(opens(&app, &access).await);
    app.advance(Duration::from_hours(30 * 24));
    let _ = refresh(&app, &session.text("/refresh_token")).await.expect_problem(401, "invalid_refresh_token");
}

#[tokio::test]
async fn a_logout_ends_this_session_the_others_or_all() {
    let app = start().await;
    for (body, this_lasts, other_lasts) in [
        (json!({}), false, true),
        (json!({ "scope": "this" }), false, true),
        (json!({ "scope": "others" }), true, false),
        (json!({ "scope": "all" }), false, false),
    ] {
        let person = app.person().await;
        let other = begin(&app, &person).await.text("/token");
        let _ = logout(&app, &person.token, body.clone()).await.expect(200);
        assert_eq!(
            (opens(&app, &person.token).await, opens(&app, &other).await),
            (this_lasts, other_lasts),
            "{body}"
        );
    }
    let person = app.person().await;
    logout(&app, &person.token, json!({ "scope": "everybody" })).await.expect_invalid(&["scope"]);
    assert!(opens(&app, &person.token).await);
}

#[tokio::test]
async fn sessions_are_listed_and_ended_by_their_owner_alone() {
    let app = start().await;
    let (person, stranger) = (app.person().await, app.person().await);
    let other = begin(&app, &person).await.text("/token");
    let list = app.request("GET", "/api/auth/sessions").token(&other).send().await.expect(200);
    let sessions = list.body["sessions"].as_array().unwrap().clone();
    assert_eq!(sessions.len(), 2);
    let current = sessions.iter().find(|session| session["current"] == true).unwrap();
    assert_eq!(current["address"], app.address.as_str());
    let first = sessions.iter().find(|session| session["current"] == false).unwrap()["id"].as_str().unwrap();

    let end = |token: &str| app.request("DELETE", &format!("/api/auth/sessions/{first}")).token(token).send();
    let _ = end(&stranger.token).await.expect_problem(404, "not_found");
    assert!(opens(&app, &person.token).await);
    let _ = end(&other).await.expect(200);
    assert!(!opens(&app, &person.token).await);
    let _ = end(&other).await.expect_problem(404, "not_found");
}
