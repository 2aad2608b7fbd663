//! What operators do with accounts, and the entries that it leaves in the audit log.

use serde_json::{Value, json};
use store::operator_actions::{self, Entry};
use testkit::{Response, TestApp, TestUser};

use super::suspension::{act, start};

async fn entries(app: &TestApp) -> Vec<Entry> {
    operator_actions::list(&app.app.db().await.unwrap(), None, 100).await.unwrap()
}

async fn find(app: &TestApp, operator: &TestUser, number: &str) -> Response {
    let request = app.request("POST", "/api/user/find").by(operator);
    request.json(json!({ "mobile_number": number })).send().await
}

#[tokio::test]
async fn account_is_found_by_its_number_without_personal_data() {
    let (app, operator) = start().await;
    let user = app.user().await;
    let found = find(&app, &operator, user.mobile_number.as_str()).await.expect(200);
    let account = &found.body["account"];
    assert_eq!((&account["id"], &account["role"]), (&json!(user.id), &json!("user")));
    assert_eq!(account["suspended_at"], Value::Null);
    assert!(!found.body.to_string().contains(user.mobile_number.as_str()), "{}", found.body);
    let path = format!("/api/user/{}", user.id);
    let viewed = app.request("GET", &path).by(&operator).send().await.expect(200);
    assert_eq!(viewed.body["account"], *account);
    let _ = find(&app, &operator, "+4915199999999").await.expect_problem(404, "not_found");
    let logged: Vec<_> = entries(&app).await.into_iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(logged, ["view_account", "find_account"], "an unknown number leaves no entry");
}

#[tokio::test]
async fn account_is_found_by_every_spelling_of_its_number() {
    let (app, operator) = start().await;
    let user = app.user().await;
    let store = format!("UPDATE users SET mobile_number = $$ WHERE id = '{}'", user.id);
    for (stored, typed) in [
        ("+5215512345678", "+52 55 1234 5678"),
        ("+525512345678", "+52 1 55 1234 5678"),
        ("+1234567", "+1234567"),
    ] {
        app.execute(&store.replace("$$", &format!("'{stored}'"))).await;
        let found = find(&app, &operator, typed).await.expect(200);
        assert_eq!(found.body["account"]["id"], json!(user.id), "{stored} by {typed}");
    }
}

#[tokio::test]
async fn only_operators_act_on_accounts() {
    let (app, _) = start().await;
    let (user, other) = (app.user().await, app.user().await);
    for (method, path) in [
        ("POST", "/api/user/find".to_owned()),
        ("GET", format!("/api/user/{}", other.id)),
        ("POST", format!("/api/user/{}/suspend", other.id)),
        ("POST", format!("/api/user/{}/restore", other.id)),
    ] {
        let body = json!({ "mobile_number": other.mobile_number.as_str() });
        let refused = app.request(method, &path).by(&user).json(body).send().await;
        let _ = refused.expect_problem(403, "forbidden");
    }
    assert!(app.query_value::<bool>("SELECT bool_and(suspended_at IS NULL) FROM users").await);
    assert!(entries(&app).await.is_empty());
}

#[tokio::test]
async fn each_change_leaves_one_entry_and_a_failure_none() {
    let (app, operator) = start().await;
    let user = app.user().await;
    let mut requests = Vec::new();
    for action in ["suspend", "suspend", "restore", "restore"] {
        let response = act(&app, &operator, user.id, action).await.expect(200);
        requests.push(response.header("x-request-id").unwrap().to_owned());
    }
    let unknown = "018f0000-0000-7000-8000-00000000ffff".parse().unwrap();
    for action in ["suspend", "restore"] {
        let _ = act(&app, &operator, unknown, action).await.expect_problem(404, "not_found");
    }
    let entries = entries(&app).await;
    let logged: Vec<_> = entries.iter().map(|entry| (entry.action.as_str(), entry.result.as_str())).collect();
    assert_eq!(logged, [("restore_account", "active"), ("suspend_account", "suspended")]);
    for entry in &entries {
        assert_eq!((entry.operator_id, entry.target_id), (Some(operator.id), user.id.0));
        assert_eq!(entry.database_user, None);
    }
    let logged: Vec<_> = entries.iter().map(|entry| entry.request_id.as_ref()).collect();
    assert_eq!(logged, [Some(&requests[2]), Some(&requests[0])]);
}

#[tokio::test]
async fn entry_has_the_id_of_the_gateway_whatever_the_client_sends() {
    let (app, operator) = start().await;
    let user = app.user().await;
    let earlier = act(&app, &operator, user.id, "suspend").await.expect(200);
    let taken = earlier.header("x-request-id").unwrap();
    let path = format!("/api/user/{}/restore", user.id);
    let request = app.request("POST", &path).by(&operator).header("x-request-id", taken);
    let response = request.send().await.expect(200);
    assert_eq!(response.header("x-request-id"), Some(taken));
    let entries = entries(&app).await;
    assert_eq!((entries[0].action.as_str(), entries.len()), ("restore_account", 2));
    assert!(entries[0].request_id.as_deref().is_some_and(|id| id != taken));
}

#[tokio::test]
async fn operators_cannot_lock_themselves_out() {
    let (app, operator) = start().await;
    let _ = act(&app, &operator, operator.id, "suspend").await.expect_problem(409, "own_account");
    assert!(app.query_value::<bool>("SELECT bool_and(suspended_at IS NULL) FROM users").await);
    assert!(entries(&app).await.is_empty());
}

#[tokio::test]
async fn entry_that_cannot_be_written_undoes_the_action() {
    let (app, operator) = start().await;
    let user = app.user().await;
    app.execute("ALTER TABLE operator_actions ADD CONSTRAINT none CHECK (result = 'nothing')").await;
    let _ = act(&app, &operator, user.id, "suspend").await.expect(500);
    assert!(app.query_value::<bool>("SELECT bool_and(suspended_at IS NULL) FROM users").await);
}

#[tokio::test]
async fn entries_outlive_the_account_of_the_operator() {
    let (app, operator) = start().await;
    let user = app.user().await;
    let _ = act(&app, &operator, user.id, "suspend").await.expect(200);
    app.execute(&format!("DELETE FROM users WHERE id = '{}'", operator.id)).await;
    assert_eq!(entries(&app).await[0].operator_id, Some(operator.id));
}
