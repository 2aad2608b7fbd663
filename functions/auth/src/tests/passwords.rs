//! Logging in and changing the password.

use domain::SessionId;
use serde_json::json;
use store::sessions::{self, NewSession};
use testkit::{PASSWORD, random_number};

use super::{login, start};

#[tokio::test]
async fn a_login_begins_a_session_of_its_own() {
    let app = start().await;
    let person = app.person().await;
    let answer = login(&app, &person.mobile_number, PASSWORD).await.expect(200);
    assert_eq!(answer.body["user"]["id"], person.id.to_string());
    assert_ne!(answer.text("/token"), person.token);
    assert_eq!(app.stored::<i64>("SELECT count(*) FROM sessions").await, 2);
    let address: String = app.stored("SELECT address FROM sessions WHERE address IS NOT NULL").await;
    assert_eq!(address, app.address);
}

#[tokio::test]
async fn unknown_numbers_and_wrong_passwords_are_one_answer() {
    let app = start().await;
    let person = app.person().await;
    let wrong =
        login(&app, &person.mobile_number, "wrong password").await.expect_problem(401, "invalid_credentials");
    let unknown = login(&app, &random_number(), PASSWORD).await.expect_problem(401, "invalid_credentials");
    assert_eq!(wrong.body["detail"], unknown.body["detail"]);
    assert_eq!(app.stored::<i64>("SELECT count(*) FROM sessions").await, 1);
}

#[tokio::test]
async fn a_changed_password_ends_every_other_session() {
    let app = start().await;
    let person = app.person().await;
    let other = login(&app, &person.mobile_number, PASSWORD).await.expect(200).text("/token");

    let body = json!({ "current_password": PASSWORD, "new_password": "a new one!" });
    let _ = app
        .request("POST", "/api/auth/change-password")
        .by(&person)
        .json(body.clone())
        .send()
        .await
        .expect(200);

    let refused = app.request("POST", "/api/auth/change-password").token(&other).json(body).send().await;
    let _ = refused.expect_problem(401, "not_authenticated");
    assert_eq!(app.stored::<i64>("SELECT count(*) FROM sessions").await, 1);
    let _ = login(&app, &person.mobile_number, "a new one!").await.expect(200);
}

#[tokio::test]
async fn the_current_password_is_needed_to_change_it() {
    let app = start().await;
    let person = app.person().await;
    let body = json!({ "current_password": "not this one", "new_password": "a new one!" });
    let answer = app.request("POST", "/api/auth/change-password").by(&person).json(body.clone()).send().await;
    let _ = answer.expect_problem(401, "invalid_credentials");
    let anonymous = app.request("POST", "/api/auth/change-password").json(body).send().await;
    let _ = anonymous.expect_problem(401, "not_authenticated");
    let _ = login(&app, &person.mobile_number, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_token_that_was_tampered_with_opens_nothing() {
    let app = start().await;
    let person = app.person().await;
    let body = json!({ "current_password": PASSWORD, "new_password": "a new one!" });
    for token in [
        &person.token[..person.token.len() - 2],
        "x.y.z",
        "",
        &format!("{} ", person.token.replace('.', " ")),
    ] {
        let answer =
            app.request("POST", "/api/auth/change-password").token(token).json(body.clone()).send().await;
        let _ = answer.expect_problem(401, "not_authenticated");
    }
}

#[tokio::test]
async fn a_login_that_was_overtaken_by_a_reset_begins_no_session() {
    let app = start().await;
    let person = app.person().await;
    let seen: String = app.stored("SELECT password_hash FROM users").await;
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
    assert!(!sessions::insert(&db, person.id, &seen, &session).await.unwrap());
    assert!(sessions::insert(&db, person.id, "another", &session).await.unwrap());
}

/// A session of `person` that a login is just about to begin: it has seen the password, and has not
/// committed.
async fn login_under_way<'a>(
    client: &'a mut store::Client,
    person: &testkit::Person,
    now: chrono::DateTime<chrono::Utc>,
) -> deadpool_postgres::Transaction<'a> {
    let transaction = client.transaction().await.unwrap();
    let hash: String = transaction
        .query_one("SELECT password_hash FROM users WHERE id = $1", &[&person.id.0])
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
    assert!(sessions::insert(&transaction, person.id, &hash, &session).await.unwrap());
    transaction
}

#[tokio::test]
async fn a_login_beside_a_reset_a_change_or_a_deletion_does_not_outlive_it() {
    let app = start().await;
    for way in ["reset", "change", "deletion"] {
        let person = app.person().await;
        let now = app.app.clock.now();
        let (mut client, mut other) = (app.app.db().await.unwrap(), app.app.db().await.unwrap());
        let login = login_under_way(&mut client, &person, now).await;
        let hash: String = login
            .query_one("SELECT password_hash FROM users WHERE id = $1", &[&person.id.0])
            .await
            .unwrap()
            .get(0);
        let end = async {
            match way {
                "reset" => {
                    store::users::credentials::update_password_by_number(
                        &mut other,
                        &person.mobile_number,
                        "another",
                        now,
                    )
                    .await
                }
                "change" => {
                    let kept = SessionId::new(now);
                    store::users::credentials::update_password(
                        &mut other, person.id, kept, &hash, "another", now,
                    )
                    .await
                }
                _ => store::account_deletion::start(&mut other, person.id, &hash, now).await,
            }
        };
        // It waits for the login, which then commits.
        let commit = async {
            while app.stored::<i64>("SELECT count(*) FROM pg_locks WHERE NOT granted").await == 0 {
                tokio::task::yield_now().await;
            }
            login.commit().await.unwrap();
        };
        let (ended, ()) = futures::join!(end, commit);
        assert_eq!(ended.unwrap().unwrap().len(), 2, "{way}");
        let left = format!("SELECT count(*) FROM sessions WHERE user_id = '{}'", person.id);
        assert_eq!(app.stored::<i64>(&left).await, 0, "{way}");
    }
}
