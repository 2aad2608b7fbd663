//! What is tried by those who do not belong here: guessing, pumping, taking apart.

use std::time::Duration;

use domain::MobileNumber;
use futures::future::join_all;
use serde_json::json;
use testkit::{Answer, PASSWORD, TestApp, random_number};

use super::{login, signup_code, start, verify};

async fn ask_for_code(app: &TestApp, number: &MobileNumber) -> Answer {
    let body = json!({ "mobile_number": number.as_str() });
    app.request("POST", "/api/auth/send-signup-otp").json(body).send().await
}

fn wait(answer: &Answer) -> u64 {
    answer.header("retry-after").unwrap().parse().unwrap()
}

#[tokio::test]
async fn an_address_is_sent_only_so_many_codes_whomever_they_are_for() {
    let app = TestApp::serving(crate::routes()).var("OTP_MAX_PER_ADDRESS", "2").start().await;
    for _ in 0..2 {
        let _ = ask_for_code(&app, &random_number()).await.expect(200);
    }
    let number = random_number();
    let refused = ask_for_code(&app, &number).await.expect_problem(429, "code_limit_reached");
    assert!((1_700..=1_800).contains(&wait(&refused)), "half an hour until the next of two");
    // What was refused was charged to nobody, and no code stands in the way.
    assert!(!verify(&app, &number, "000000").await.body.to_string().contains("recently"));
}

#[tokio::test]
async fn a_block_of_numbers_is_sent_only_so_many_codes_from_wherever() {
    let mut app = TestApp::serving(crate::routes()).var("OTP_MAX_PER_BLOCK", "2").start().await;
    let block = random_number().block().to_owned();
    let number = |last: u32| MobileNumber::from(format!("{block}{last:04}").as_str());
    for last in 1..=2 {
        app.address = format!("198.51.100.{last}");
        let _ = ask_for_code(&app, &number(last)).await.expect(200);
    }
    app.address = "198.51.100.3".to_owned();
    let _ = ask_for_code(&app, &number(3)).await.expect_problem(429, "code_limit_reached");
}

#[tokio::test]
async fn numbers_that_cannot_receive_a_code_are_refused_by_name() {
    let app = TestApp::serving(crate::routes()).var("OTP_COUNTRIES", "DE,AT").start().await;
    for number in ["+493012345678", "+448081570000", "+12025550123", "+919876543210"] {
        ask_for_code(&app, &number.into()).await.expect_invalid(&["mobile_number"]);
    }
    let _ = ask_for_code(&app, &random_number()).await.expect(200);
}

#[tokio::test]
async fn the_ways_to_write_a_number_are_one_account() {
    let (app, number) = (start().await, random_number());
    let code = signup_code(&app, &number).await;
    let national = &number.as_str()[3..];
    let otherwise = MobileNumber::from(format!("0049 (0) {national}").as_str());
    let _ = verify(&app, &otherwise, &code).await.expect(201);
    for text in [format!("+49 0{national}"), format!("49{national}"), format!("+49-{national}")] {
        let body = json!({ "mobile_number": text, "password": "first password" });
        let answer = app.request("POST", "/api/auth/login").json(body).send().await.expect(200);
        assert_eq!(answer.body["user"]["mobile_number"], number.as_str());
    }
    assert_eq!(app.stored::<i64>("SELECT count(*) FROM users").await, 1);
}

#[tokio::test]
async fn passwords_guessed_at_once_share_the_free_guesses() {
    let app = start().await;
    let person = app.person().await;
    let guesses = (0..100).map(|number| {
        let guess = format!("guess number {number}");
        let app = &app;
        let number = &person.mobile_number;
        async move { login(app, number, &guess).await }
    });
    let answers = join_all(guesses).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 401).count(), 5);
    assert_eq!(answers.iter().filter(|answer| answer.status == 429).count(), 95);
    let refused = login(&app, &person.mobile_number, PASSWORD).await.expect_problem(429, "too_many_attempts");
    assert!((20..=30).contains(&wait(&refused)), "{}", wait(&refused));
}

#[tokio::test]
async fn guesses_that_could_not_be_looked_at_do_not_count() {
    let app = start().await;
    let person = app.person().await;
    let _ = login(&app, &person.mobile_number, "guess number 1").await.expect(401);
    app.execute("ALTER TABLE users RENAME TO hidden").await;
    for _ in 0..7 {
        let answer = login(&app, &person.mobile_number, PASSWORD).await;
        assert!(answer.status.is_server_error(), "{}", answer.status);
    }
    app.execute("ALTER TABLE hidden RENAME TO users").await;
    // The guess before still does: four are free and the next has to wait.
    for _ in 0..4 {
        let _ = login(&app, &person.mobile_number, "guess number 2").await.expect(401);
    }
    let _ = login(&app, &person.mobile_number, PASSWORD).await.expect_problem(429, "too_many_attempts");
}

#[tokio::test]
async fn a_number_without_an_account_is_guessed_at_no_more_often() {
    let (app, number) = (start().await, random_number());
    for _ in 0..5 {
        let _ = login(&app, &number, "guess number 1").await.expect_problem(401, "invalid_credentials");
    }
    let _ = login(&app, &number, "guess number 1").await.expect_problem(429, "too_many_attempts");
}

#[tokio::test]
async fn guesses_from_elsewhere_keep_the_owner_out_of_nothing() {
    let mut app = start().await;
    let person = app.person().await;
    let home = app.address.clone();
    let _ = login(&app, &person.mobile_number, PASSWORD).await.expect(200);
    app.address = "203.0.113.9".to_owned();
    for _ in 0..6 {
        let _ = login(&app, &person.mobile_number, "guess number 1").await;
    }
    let _ = login(&app, &person.mobile_number, PASSWORD).await.expect_problem(429, "too_many_attempts");
    app.address = home;
    let _ = login(&app, &person.mobile_number, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn guesses_from_ever_new_networks_share_a_count() {
    let mut app = start().await;
    let person = app.person().await;
    let mut looked_at = 0;
    for network in 0..20 {
        app.address = format!("203.0.113.{network}");
        for _ in 0..3 {
            let answer = login(&app, &person.mobile_number, "guess number 1").await;
            looked_at += usize::from(answer.status == 401);
        }
    }
    assert_eq!(looked_at, 50);
}

#[tokio::test]
async fn a_code_opens_what_was_guessed_at_too_often() {
    let app = start().await;
    let person = app.person().await;
    for _ in 0..6 {
        let _ = login(&app, &person.mobile_number, "guess number 1").await;
    }
    let number = json!({ "mobile_number": person.mobile_number.as_str() });
    let sent = app.request("POST", "/api/auth/forgot-password").json(number).send().await.expect(200);
    let body = json!({ "mobile_number": person.mobile_number.as_str(), "otp": sent.text("/otp"), "new_password": "a new one!" });
    let _ = app.request("POST", "/api/auth/reset-password").json(body).send().await.expect(200);
    let _ = login(&app, &person.mobile_number, "a new one!").await.expect(200);
}

#[tokio::test]
async fn whoever_has_a_token_guesses_at_the_password_no_more_often() {
    let app = start().await;
    let person = app.person().await;
    let body = json!({ "current_password": "guess number 1", "new_password": "a new one!" });
    let guess = || app.request("POST", "/api/auth/change-password").by(&person).json(body.clone()).send();
    for _ in 0..5 {
        let _ = guess().await.expect_problem(401, "invalid_credentials");
    }
    let _ = guess().await.expect_problem(429, "too_many_attempts");
}

#[tokio::test]
async fn without_redis_a_process_counts_guesses_for_itself() {
    let app = TestApp::serving(crate::routes()).var("REDIS_URL", "redis://127.0.0.1:1").start().await;
    let person = app.person().await;
    for _ in 0..5 {
        let answer = login(&app, &person.mobile_number, "guess number 1").await;
        let _ = answer.expect_problem(401, "invalid_credentials");
    }
    let _ =
        login(&app, &person.mobile_number, "guess number 1").await.expect_problem(429, "too_many_attempts");
}

#[tokio::test]
async fn hashes_brought_over_are_replaced_at_the_first_login() {
    let app = start().await;
    let person = app.person().await;
    // bcrypt of "old password" at cost 4, as the Node.js service made them.
    let old = "$2b$04$pJoaCe1GSVKVvbZjQshCeeT0tiw9QCSJMcXQe5cuoDvMNj7fKc5Ky";
    app.execute(&format!("UPDATE users SET password_hash = '{old}'")).await;
    let _ =
        login(&app, &person.mobile_number, "a wrong one").await.expect_problem(401, "invalid_credentials");
    assert_eq!(app.stored::<String>("SELECT password_hash FROM users").await, old);
    let answers = join_all((0..3).map(|_| login(&app, &person.mobile_number, "old password"))).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    let hash: String = app.stored("SELECT password_hash FROM users").await;
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    let _ = login(&app, &person.mobile_number, "old password").await.expect(200);
    assert_eq!(app.stored::<String>("SELECT password_hash FROM users").await, hash);
}

#[tokio::test]
async fn passwords_that_everybody_tries_first_are_refused_by_name() {
    let (app, number) = (start().await, random_number());
    let signup = |password: &str| json!({ "mobile_number": number.as_str(), "otp": "123456", "name": "Ada", "password": password });
    for password in
        ["12345678", "password1", "Iloveyou!", "qwertyuiop", number.as_str(), &number.as_str()[3..]]
    {
        let answer = app.request("POST", "/api/auth/verify-signup-otp").json(signup(password)).send().await;
        answer.expect_invalid(&["password"]);
    }
    let person = app.person().await;
    let body = json!({ "current_password": PASSWORD, "new_password": "sunshine1" });
    let answer = app.request("POST", "/api/auth/change-password").by(&person).json(body).send().await;
    answer.expect_invalid(&["new_password"]);
}

#[tokio::test]
async fn an_end_is_seen_by_the_next_request_even_of_a_session_that_was_just_used() {
    let app = start().await;
    let person = app.person().await;
    let list = |token: &str| app.request("GET", "/api/auth/sessions").token(token).send();
    let other = login(&app, &person.mobile_number, PASSWORD).await.expect(200).text("/token");
    for token in [&person.token, &other] {
        for _ in 0..2 {
            let _ = list(token).await.expect(200);
        }
    }
    let body = json!({ "current_password": PASSWORD, "new_password": "a new one!" });
    let change = app.request("POST", "/api/auth/change-password").by(&person).json(body).send();
    let _ = change.await.expect(200);
    let _ = list(&other).await.expect_problem(401, "not_authenticated");
    let _ = app.request("POST", "/api/auth/logout").by(&person).json(json!({})).send().await.expect(200);
    let _ = list(&person.token).await.expect_problem(401, "not_authenticated");
}

#[tokio::test]
async fn a_cached_session_ends_with_its_time() {
    let app = TestApp::serving(crate::routes()).var("REFRESH_EXPIRES_IN", "60s").start().await;
    let person = app.person().await;
    let _ = app.request("GET", "/api/auth/sessions").by(&person).send().await.expect(200);
    app.advance(Duration::from_secs(61));
    let _ = app
        .request("GET", "/api/auth/sessions")
        .by(&person)
        .send()
        .await
        .expect_problem(401, "not_authenticated");
}
