//! Refreshing, listing and ending sessions.

use std::time::Duration;

use futures::future::join_all;
use insta::assert_json_snapshot;
use serde_json::{Value, json};
use testkit::{PASSWORD, Response, TestApp, TestUser};

use super::{login, start};

/// Starts another session of `user` and returns the response to the login.
async fn start_session(app: &TestApp, user: &TestUser) -> Response {
    login(app, &user.mobile_number, PASSWORD).await.expect(200)
}

async fn refresh(app: &TestApp, token: &str) -> Response {
    app.request("POST", "/api/auth/refresh").json(json!({ "refresh_token": token })).send().await
}

/// Whether an access token is accepted.
async fn is_accepted(app: &TestApp, token: &str) -> bool {
    app.request("GET", "/api/auth/sessions").token(token).send().await.status == 200
}

async fn logout(app: &TestApp, token: &str, body: Value) -> Response {
    app.request("POST", "/api/auth/logout").token(token).json(body).send().await
}

#[tokio::test]
async fn refresh_returns_new_tokens_and_extends_the_session() {
    let app = start().await;
    let user = app.user().await;
    let first = start_session(&app, &user).await;
    app.advance(Duration::from_hours(29 * 24));
    let second = refresh(&app, &first.text("/refresh_token")).await.expect(200);
    assert_ne!(second.text("/refresh_token"), first.text("/refresh_token"));
    assert_eq!(second.body["expires_in"], 604_800);
    assert!(is_accepted(&app, &second.text("/token")).await);
    app.advance(Duration::from_hours(29 * 24));
    let _ = refresh(&app, &second.text("/refresh_token")).await.expect(200);
}

#[tokio::test]
async fn refresh_token_reused_after_ten_seconds_ends_only_its_session() {
    let app = start().await;
    let user = app.user().await;
    let stolen = start_session(&app, &user).await.text("/refresh_token");
    let renewed = refresh(&app, &stolen).await.expect(200);
    app.advance(Duration::from_secs(10));
    let _ = refresh(&app, &stolen).await.expect_problem(401, "invalid_refresh_token");
    assert!(!is_accepted(&app, &renewed.text("/token")).await);
    let _ = refresh(&app, &renewed.text("/refresh_token")).await.expect_problem(401, "invalid_refresh_token");
    assert!(is_accepted(&app, &user.token).await);
}

#[tokio::test]
async fn refresh_whose_response_was_lost_is_repeated_with_the_same_successor() {
    let app = start().await;
    let user = app.user().await;
    let old = start_session(&app, &user).await.text("/refresh_token");
    let lost = refresh(&app, &old).await.expect(200);
    app.advance(Duration::from_secs(9));
    let repeated = refresh(&app, &old).await.expect(200);
    assert_eq!(repeated.text("/refresh_token"), lost.text("/refresh_token"));
    assert!(is_accepted(&app, &repeated.text("/token")).await);
    app.advance(Duration::from_secs(11));
    let _ = refresh(&app, &lost.text("/refresh_token")).await.expect(200);
}

#[tokio::test]
async fn repeated_refresh_does_not_prolong_the_reuse_interval() {
    let app = start().await;
    let user = app.user().await;
    let old = start_session(&app, &user).await.text("/refresh_token");
    let _ = refresh(&app, &old).await.expect(200);
    app.advance(Duration::from_secs(6));
    let _ = refresh(&app, &old).await.expect(200);
    app.advance(Duration::from_secs(6));
    let _ = refresh(&app, &old).await.expect_problem(401, "invalid_refresh_token");
}

#[tokio::test]
async fn refresh_token_whose_successor_was_used_ends_the_session_at_once() {
    let app = start().await;
    let user = app.user().await;
    let stolen = start_session(&app, &user).await.text("/refresh_token");
    let second = refresh(&app, &stolen).await.expect(200).text("/refresh_token");
    let third = refresh(&app, &second).await.expect(200).text("/refresh_token");
    let _ = refresh(&app, &stolen).await.expect_problem(401, "invalid_refresh_token");
    let _ = refresh(&app, &third).await.expect_problem(401, "invalid_refresh_token");
}

#[tokio::test]
async fn twenty_concurrent_refreshes_get_one_successor() {
    let app = start().await;
    let user = app.user().await;
    let token = start_session(&app, &user).await.text("/refresh_token");
    let responses = join_all((0..20).map(|_| refresh(&app, &token))).await;
    let first = responses[0].text("/refresh_token");
    assert!(responses.iter().all(|response| response.status == 200));
    assert!(responses.iter().all(|response| response.text("/refresh_token") == first));
    app.advance(Duration::from_secs(11));
    let _ = refresh(&app, &first).await.expect(200);
}

#[tokio::test]
async fn repeated_refresh_of_an_ended_session_is_refused() {
    let app = start().await;
    let user = app.user().await;
    let old = start_session(&app, &user).await.text("/refresh_token");
    let renewed = refresh(&app, &old).await.expect(200);
    let _ = logout(&app, &renewed.text("/token"), json!({})).await.expect(200);
    let _ = refresh(&app, &old).await.expect_problem(401, "invalid_refresh_token");
}

#[tokio::test]
async fn invalid_refresh_tokens_are_refused_and_end_no_session() {
    let app = start().await;
    let user = app.user().await;
    let session = start_session(&app, &user).await;
    let access = session.text("/token");
    for token in ["x", access.as_str(), &session.text("/refresh_token")[1..]] {
        let _ = refresh(&app, token).await.expect_problem(401, "invalid_refresh_token");
    }
    // A forged token with the id of a session does not end that session.
    let list = app.request("GET", "/api/auth/sessions").token(&access).send().await.expect(200);
    let id: domain::SessionId = list.text("/sessions/0/id").parse().unwrap();
    let forged = [id.0.as_bytes().as_slice(), &[0; 64]].concat();
    let forged = base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, forged);
    let _ = refresh(&app, &forged).await.expect_problem(401, "invalid_refresh_token");
    let as_access = app.request("GET", "/api/auth/sessions").token(&session.text("/refresh_token"));
    let _ = as_access.send().await.expect_problem(401, "not_authenticated");
    assert!(is_accepted(&app, &access).await);
    app.advance(Duration::from_hours(30 * 24));
    let _ = refresh(&app, &session.text("/refresh_token")).await.expect_problem(401, "invalid_refresh_token");
}

#[tokio::test]
async fn logout_ends_this_session_the_others_or_all() {
    let app = start().await;
    for (body, this_remains, other_remains) in [
        (json!({}), false, true),
        (json!({ "scope": "this" }), false, true),
        (json!({ "scope": "others" }), true, false),
        (json!({ "scope": "all" }), false, false),
    ] {
        let user = app.user().await;
        let other = start_session(&app, &user).await.text("/token");
        let _ = logout(&app, &user.token, body.clone()).await.expect(200);
        assert_eq!(
            (is_accepted(&app, &user.token).await, is_accepted(&app, &other).await),
            (this_remains, other_remains),
            "{body}"
        );
    }
    let user = app.user().await;
    logout(&app, &user.token, json!({ "scope": "everybody" })).await.expect_invalid(&["scope"]);
    assert!(is_accepted(&app, &user.token).await);
}

#[tokio::test]
async fn only_the_owner_lists_and_ends_sessions() {
    let app = start().await;
    let (user, stranger) = (app.user().await, app.user().await);
    let other = start_session(&app, &user).await.text("/token");
    let list = app.request("GET", "/api/auth/sessions").token(&other).send().await.expect(200);
    assert_eq!(list.body["sessions"][0]["address"], app.address.as_str());
    let first = list.text("/sessions/1/id");
    assert_json_snapshot!(list.body, {
        ".sessions[].id" => "[id]", ".sessions[].address" => "[address]", ".sessions[].created_at" => "[time]",
        ".sessions[].last_seen_at" => "[time]"
    }, @r#"
    {
      "sessions": [
        {
          "address": "[address]",
          "created_at": "[time]",
          "current": true,
          "id": "[id]",
          "last_seen_at": "[time]",
          "user_agent": "ai-chat-client/1.0"
        },
        {
          "address": "[address]",
          "created_at": "[time]",
          "current": false,
          "id": "[id]",
          "last_seen_at": "[time]",
          "user_agent": null
        }
      ],
      "success": true
    }
    "#);

    let end = |token: &str| app.request("DELETE", &format!("/api/auth/sessions/{first}")).token(token).send();
    let _ = end(&stranger.token).await.expect_problem(404, "not_found");
    assert!(is_accepted(&app, &user.token).await);
    let _ = end(&other).await.expect(200);
    assert!(!is_accepted(&app, &user.token).await);
    let _ = end(&other).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn ended_session_is_refused_at_the_next_request_even_if_cached() {
    let app = start().await;
    let user = app.user().await;
    let list = |token: &str| app.request("GET", "/api/auth/sessions").token(token).send();
    let other = login(&app, &user.mobile_number, PASSWORD).await.expect(200).text("/token");
    for token in [&user.token, &other] {
        for _ in 0..2 {
            let _ = list(token).await.expect(200);
        }
    }
    let body = json!({ "current_password": PASSWORD, "new_password": "a new one!" });
    let change = app.request("POST", "/api/auth/change-password").by(&user).json(body).send();
    let _ = change.await.expect(200);
    let _ = list(&other).await.expect_problem(401, "not_authenticated");
    let _ = app.request("POST", "/api/auth/logout").by(&user).json(json!({})).send().await.expect(200);
    let _ = list(&user.token).await.expect_problem(401, "not_authenticated");
}

#[tokio::test]
async fn cached_session_expires_on_time() {
    let app = TestApp::serving(crate::routes()).var("REFRESH_EXPIRES_IN", "60s").start().await;
    let user = app.user().await;
    let _ = app.request("GET", "/api/auth/sessions").by(&user).send().await.expect(200);
    app.advance(Duration::from_secs(61));
    let _ = app
        .request("GET", "/api/auth/sessions")
        .by(&user)
        .send()
        .await
        .expect_problem(401, "not_authenticated");
}
