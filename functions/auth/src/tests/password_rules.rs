//! Which passwords and spellings of a number are accepted, and how hashes are upgraded.

use domain::MobileNumber;
use futures::future::join_all;
use serde_json::json;
use testkit::{PASSWORD, random_number};

use super::{login, signup_code, start, verify};

#[tokio::test]
async fn all_spellings_of_a_number_are_one_account() {
    let (app, number) = (start().await, random_number());
    let code = signup_code(&app, &number).await;
    let national = &number.as_str()[3..];
    let otherwise = MobileNumber::from(format!("0049 (0) {national}").as_str());
    let _ = verify(&app, &otherwise, &code).await.expect(201);
    for text in [format!("+49 0{national}"), format!("49{national}"), format!("+49-{national}")] {
        let body = json!({ "mobile_number": text, "password": "first password" });
        let response = app.request("POST", "/api/auth/login").json(body).send().await.expect(200);
        assert_eq!(response.body["user"]["mobile_number"], number.as_str());
    }
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM users").await, 1);
}

#[tokio::test]
async fn bcrypt_hash_is_replaced_at_the_first_login() {
    let app = start().await;
    let user = app.user().await;
    // bcrypt of "old password" with cost 4, in the format of the Node.js service.
    let old = "$2b$04$pJoaCe1GSVKVvbZjQshCeeT0tiw9QCSJMcXQe5cuoDvMNj7fKc5Ky";
    app.execute(&format!("UPDATE users SET password_hash = '{old}'")).await;
    let _ = login(&app, &user.mobile_number, "a wrong one").await.expect_problem(401, "invalid_credentials");
    assert_eq!(app.query_value::<String>("SELECT password_hash FROM users").await, old);
    let responses = join_all((0..3).map(|_| login(&app, &user.mobile_number, "old password"))).await;
    assert!(responses.iter().all(|response| response.status == 200), "{responses:?}");
    let hash: String = app.query_value("SELECT password_hash FROM users").await;
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    let _ = login(&app, &user.mobile_number, "old password").await.expect(200);
    assert_eq!(app.query_value::<String>("SELECT password_hash FROM users").await, hash);
}

#[tokio::test]
async fn breached_passwords_and_the_own_number_are_refused_with_the_field_name() {
    let (app, number) = (start().await, random_number());
    let signup = |password: &str| json!({ "mobile_number": number.as_str(), "otp": "123456", "name": "Ada", "password": password });
    for password in
        ["12345678", "password1", "Iloveyou!", "qwertyuiop", number.as_str(), &number.as_str()[3..]]
    {
        let response = app.request("POST", "/api/auth/verify-signup-otp").json(signup(password)).send().await;
        response.expect_invalid(&["password"]);
    }
    let user = app.user().await;
    let body = json!({ "current_password": PASSWORD, "new_password": "sunshine1" });
    let response = app.request("POST", "/api/auth/change-password").by(&user).json(body).send().await;
    response.expect_invalid(&["new_password"]);
}
