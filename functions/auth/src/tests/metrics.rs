//! What sign-up and sign-in count.

use testkit::{PASSWORD, random_number};

use super::{login, signup_code, start, verify, wrong};

#[tokio::test]
async fn codes_that_were_sent_and_used_are_counted() {
    let (app, number) = (start().await, random_number());
    let code = signup_code(&app, &number).await;
    let _ = verify(&app, &number, &wrong(&code)).await.expect_problem(400, "invalid_code");
    assert_eq!(app.metrics.names(), ["CodesSent"]);
    let _ = verify(&app, &number, &code).await.expect(201);
    assert_eq!(app.metrics.names(), ["CodesSent", "CodesVerified"]);
}

#[tokio::test]
async fn refused_logins_are_counted() {
    let app = start().await;
    let user = app.user().await;
    let _ = login(&app, &user.mobile_number, PASSWORD).await.expect(200);
    assert!(app.metrics.names().is_empty());
    let _ =
        login(&app, &user.mobile_number, "wrong password").await.expect_problem(401, "invalid_credentials");
    assert_eq!(app.metrics.names(), ["LoginsRefused"]);
}
