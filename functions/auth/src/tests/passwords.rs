//! Login, password change and their races with each other.

use domain::SessionId;
use serde_json::json;
use store::sessions::{self, NewSession};
use testkit::{PASSWORD, random_number};

use super::{login, start};

#[tokio::test]
async fn login_starts_another_session() {
    let app = start().await;
    let user = app.user().await;
    let response = login(&app, &user.mobile_number, PASSWORD).await.expect(200);
    assert_eq!(response.body["user"]["id"], user.id.to_string());
    assert_ne!(response.text("/token"), user.token);
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM sessions").await, 2);
    let address: String = app.query_value("SELECT address FROM sessions WHERE address IS NOT NULL").await;
    assert_eq!(address, app.address);
}

#[tokio::test]
async fn unknown_number_and_wrong_password_get_the_same_response() {
    let app = start().await;
    let user = app.user().await;
    let wrong =
        login(&app, &user.mobile_number, "wrong password").await.expect_problem(401, "invalid_credentials");
    let unknown = login(&app, &random_number(), PASSWORD).await.expect_problem(401, "invalid_credentials");
    assert_eq!(wrong.body["detail"], unknown.body["detail"]);
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM sessions").await, 1);
}

#[tokio::test]
async fn password_change_ends_every_other_session() {
    let app = start().await;
    let user = app.user().await;
    let other = login(&app, &user.mobile_number, PASSWORD).await.expect(200).text("/token");

    let body = json!({ "current_password": PASSWORD, "new_password": "a new one!" });
    let _ = app
        .request("POST", "/api/auth/change-password")
        .by(&user)
        .json(body.clone())
        .send()
        .await
        .expect(200);

    let refused = app.request("POST", "/api/auth/change-password").token(&other).json(body).send().await;
    let _ = refused.expect_problem(401, "not_authenticated");
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM sessions").await, 1);
    let _ = login(&app, &user.mobile_number, "a new one!").await.expect(200);
}

#[tokio::test]
async fn password_change_requires_the_current_password() {
    let app = start().await;
    let user = app.user().await;
    let body = json!({ "current_password": "not this one", "new_password": "a new one!" });
    let response = app.request("POST", "/api/auth/change-password").by(&user).json(body.clone()).send().await;
    let _ = response.expect_problem(400, "wrong_password");
    let anonymous = app.request("POST", "/api/auth/change-password").json(body).send().await;
    let _ = anonymous.expect_problem(401, "not_authenticated");
    let _ = login(&app, &user.mobile_number, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn manipulated_access_tokens_are_refused() {
    let app = start().await;
    let user = app.user().await;
    let body = json!({ "current_password": PASSWORD, "new_password": "a new one!" });
    for token in
        [&user.token[..user.token.len() - 2], "x.y.z", "", &format!("{} ", user.token.replace('.', " "))]
    {
        let response =
            app.request("POST", "/api/auth/change-password").token(token).json(body.clone()).send().await;
        let _ = response.expect_problem(401, "not_authenticated");
    }
}

#[tokio::test]
async fn login_with_a_replaced_password_hash_starts_no_session() {
    let app = start().await;
    let user = app.user().await;
    let verified: String = app.query_value("SELECT password_hash FROM users").await;
    app.execute("UPDATE users SET password_hash = 'another'; DELETE FROM sessions").await;
    let now = app.app.clock.now();
    let session = NewSession {
        id: SessionId::new(now),
        refresh_token_hash: b"none",
        address: None,
        user_agent: None,
        created_at: now,
        expires_at: now,
    };
    let db = app.app.db().await.unwrap();
    assert!(!sessions::insert(&db, user.id, &verified, &session).await.unwrap());
    assert!(sessions::insert(&db, user.id, "another", &session).await.unwrap());
}

/// Opens the transaction of a concurrent login of `user`, which has inserted its session and not
/// yet committed.
async fn uncommitted_login<'a>(
    client: &'a mut store::Client,
    user: &testkit::TestUser,
    now: chrono::DateTime<chrono::Utc>,
) -> deadpool_postgres::Transaction<'a> {
    let transaction = client.transaction().await.unwrap();
    let hash: String = transaction
        .query_one("SELECT password_hash FROM users WHERE id = $1", &[&user.id.0])
        .await
        .unwrap()
        .get(0);
    let session = NewSession {
        id: SessionId::new(now),
        refresh_token_hash: b"none",
        address: None,
        user_agent: None,
        created_at: now,
        expires_at: now + chrono::TimeDelta::days(1),
    };
    assert!(sessions::insert(&transaction, user.id, &hash, &session).await.unwrap());
    transaction
}

#[tokio::test]
async fn concurrent_login_does_not_survive_a_reset_change_or_deletion() {
    let app = start().await;
    for change in ["reset", "change", "deletion"] {
        let user = app.user().await;
        let now = app.app.clock.now();
        let (mut client, mut other) = (app.app.db().await.unwrap(), app.app.db().await.unwrap());
        let login = uncommitted_login(&mut client, &user, now).await;
        let hash: String = login
            .query_one("SELECT password_hash FROM users WHERE id = $1", &[&user.id.0])
            .await
            .unwrap()
            .get(0);
        let end = async {
            match change {
                "reset" => {
                    store::users::credentials::update_password_by_number(
                        &mut other,
                        &user.mobile_number,
                        "another",
                        now,
                        now,
                    )
                    .await
                }
                "change" => {
                    let kept = SessionId::new(now);
                    store::users::credentials::update_password(
                        &mut other, user.id, kept, &hash, "another", now,
                    )
                    .await
                }
                _ => store::account_deletion::start(&mut other, user.id, &hash, b"h", now).await,
            }
        };
        // The change waits for the lock of the login, which then commits.
        let commit = async {
            while app.query_value::<i64>("SELECT count(*) FROM pg_locks WHERE NOT granted").await == 0 {
                tokio::task::yield_now().await;
            }
            login.commit().await.unwrap();
        };
        let (ended, ()) = futures::join!(end, commit);
        assert_eq!(ended.unwrap().unwrap().len(), 2, "{change}");
        let left = format!("SELECT count(*) FROM sessions WHERE user_id = '{}'", user.id);
        assert_eq!(app.query_value::<i64>(&left).await, 0, "{change}");
    }
}
