//! The endpoints, in this process, on real Postgres and Redis and an emulated DynamoDB.

mod actions;
mod feedback;
mod spending;
mod views;

use std::time::Duration;

use clients::table::jobs::JobRecord;
use domain::MessageId;
use domain::message::{ErrorCode, ProcessingStatus};
use serde_json::{Value, json};
use store::generations::admin;
use testkit::{TestApp, TestUser};

async fn start() -> (TestApp, TestUser) {
    let app = TestApp::serving(chatroom::routes().merge(crate::routes())).start().await;
    let admin = app.user().await;
    app.make_admin(&admin).await;
    (app, admin)
}

/// Messages of one user that failed at intervals of a minute. The user's quota is exhausted.
async fn insert_failed(app: &TestApp, count: usize) -> Vec<String> {
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let mut ids = Vec::new();
    for _ in 0..count {
        let id = app.send_message(&user, &chatroom, "my secret").await;
        let now = app.app.clock.now().to_rfc3339();
        app.execute(&format!(
            "UPDATE messages SET processing_status = 'failed', error_code = 'timeout', attempts = 3, sweep_at = NULL,
             updated_at = '{now}' WHERE id = '{id}'"
        ))
        .await;
        app.advance(Duration::from_mins(1));
        ids.push(id);
    }
    app.execute("UPDATE daily_usage SET messages = 5").await;
    ids
}

async fn list_failed(app: &TestApp, admin: &TestUser, query: &str) -> (Vec<String>, Value) {
    let response =
        app.request("GET", &format!("/api/queue/failed{query}")).by(admin).send().await.expect(200);
    let ids = response.body["failed"].as_array().unwrap().iter();
    (ids.map(|job| job["id"].as_str().unwrap().to_owned()).collect(), response.body["next_cursor"].clone())
}

fn job_record(app: &TestApp, id: &str, status: ProcessingStatus) -> JobRecord {
    let now = app.app.clock.now();
    JobRecord {
        generation_id: id.parse().unwrap(),
        status,
        attempts: 3,
        error_code: Some(ErrorCode::Timeout),
        last_error: Some("gemini did not answer in time".to_owned()),
        model: Some("a model".to_owned()),
        started_at: now,
        finished_at: now,
    }
}

#[tokio::test]
async fn only_current_operators_have_access() {
    let (app, admin) = start().await;
    let id = insert_failed(&app, 1).await.remove(0);
    let user = app.user().await;
    let routes = [
        ("GET", "/api/queue/failed".to_owned()),
        ("GET", format!("/api/queue/jobs/{id}")),
        ("POST", format!("/api/queue/failed/{id}/retry")),
        ("POST", "/api/queue/redrive".to_owned()),
        ("DELETE", format!("/api/queue/failed/{id}")),
        ("GET", "/api/queue/actions".to_owned()),
        ("GET", "/api/queue/feedback".to_owned()),
        ("GET", "/api/queue/feedback/models".to_owned()),
        ("GET", "/api/queue/spending".to_owned()),
    ];
    app.execute(&format!("UPDATE users SET role = 'user' WHERE id = '{}'", admin.id)).await;
    for (method, path) in &routes {
        let _ = app.request(method, path).send().await.expect_problem(401, "not_authenticated");
        for caller in [&user, &admin] {
            let request = app.request(method, path).by(caller).json(json!({}));
            let _ = request.send().await.expect_problem(403, "forbidden");
        }
    }
    assert_eq!(app.query_value::<String>("SELECT processing_status FROM messages").await, "failed");
}

#[tokio::test]
async fn failed_jobs_are_listed_latest_first_without_text() {
    let (app, admin) = start().await;
    let mut ids = insert_failed(&app, 5).await;
    ids.reverse();
    let (first, cursor) = list_failed(&app, &admin, "?limit=3").await;
    let (second, end) =
        list_failed(&app, &admin, &format!("?limit=3&cursor={}", cursor.as_str().unwrap())).await;
    assert_eq!([first, second].concat(), ids);
    assert_eq!(end, json!(null));
    let response = app.request("GET", "/api/queue/failed").by(&admin).send().await.expect(200);
    assert!(!response.body.to_string().contains("my secret"));
    for cursor in [
        "x",
        "1.2",
        "99999999999999999999.018f0000-0000-7000-8000-000000000001",
        "-8000000000000000000.018f0000-0000-7000-8000-000000000001",
    ] {
        let request = app.request("GET", &format!("/api/queue/failed?cursor={cursor}")).by(&admin);
        request.send().await.expect_invalid(&["cursor"]);
    }
}

#[tokio::test]
async fn every_error_code_can_be_stored_and_is_listed() {
    let (app, admin) = start().await;
    insert_failed(&app, 1).await;
    for code in ErrorCode::ALL {
        app.execute(&format!("UPDATE generations SET error_code = '{}'", code.as_str())).await;
        let response = app.request("GET", "/api/queue/failed").by(&admin).send().await.expect(200);
        assert_eq!(response.body["failed"][0]["error_code"], code.as_str());
    }
}

#[tokio::test]
async fn job_shows_its_last_attempt_for_a_day() {
    let (app, admin) = start().await;
    let id = insert_failed(&app, 1).await.remove(0);
    services::jobs::record(&app.app, &[job_record(&app, &id, ProcessingStatus::Failed)]).await;
    let path = format!("/api/queue/jobs/{id}");
    let job = app.request("GET", &path).by(&admin).send().await.expect(200).body["job"].clone();
    assert_eq!((&job["processing_status"], &job["error_code"]), (&json!("failed"), &json!("timeout")));
    assert_eq!(job["last_attempt"]["error"], "gemini did not answer in time", "{job}");
    assert_eq!(job["last_attempt"]["model"], "a model");
    app.advance(Duration::from_hours(25));
    let later = app.request("GET", &path).by(&admin).send().await.expect(200);
    assert_eq!(later.body["job"]["last_attempt"], json!(null));
    let unknown = "/api/queue/jobs/018f0000-0000-7000-8000-00000000ffff";
    let _ = app.request("GET", unknown).by(&admin).send().await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn failed_jobs_are_listed_without_the_table() {
    let app = TestApp::serving(chatroom::routes().merge(crate::routes()));
    let app = app.var("TABLE_NAME", "absent").start().await;
    let admin = app.user().await;
    app.make_admin(&admin).await;
    let ids = insert_failed(&app, 1).await;
    assert_eq!(list_failed(&app, &admin, "").await.0, ids);
}

#[tokio::test]
async fn operator_retry_is_free_and_unlists_the_message() {
    let (app, admin) = start().await;
    let id = insert_failed(&app, 1).await.remove(0);
    let path = format!("/api/queue/failed/{id}/retry");
    let response = app.request("POST", &path).by(&admin).send().await.expect(200);
    assert_eq!(response.body["queued"], true);
    assert_eq!(app.queue.resends(), [0, 1]);
    assert!(list_failed(&app, &admin, "").await.0.is_empty());
    assert_eq!(app.query_value::<i32>("SELECT messages FROM daily_usage").await, 5);
    let again = app.request("POST", &path).by(&admin).send().await.expect_problem(409, "wrong_state");
    assert_eq!(again.body["processing_status"], "pending");
    // Without a quota day, a second failure refunds nothing.
    assert!(app.query_value::<bool>("SELECT quota_day IS NULL FROM messages").await);
}

#[tokio::test]
async fn redrive_retries_the_oldest_and_skips_discarded_jobs() {
    let (app, admin) = start().await;
    let ids = insert_failed(&app, 4).await;
    app.execute(&format!("UPDATE messages SET error_code = 'gemini_quota' WHERE id = '{}'", ids[0])).await;
    let _ =
        app.request("DELETE", &format!("/api/queue/failed/{}", ids[1])).by(&admin).send().await.expect(200);
    let redrive = |body: Value| app.request("POST", "/api/queue/redrive").by(&admin).json(body).send();
    let response = redrive(json!({ "error_code": "timeout", "limit": 1 })).await.expect(200);
    assert_eq!((&response.body["redriven"], &response.body["queued"]), (&json!(1), &json!(1)));
    assert_eq!(list_failed(&app, &admin, "").await.0, [ids[3].as_str(), ids[0].as_str()]);
    let blocked = app.send_message(&admin, &app.create_chatroom(&admin).await, "bad").await;
    app.execute(&format!(
        "UPDATE messages SET processing_status = 'failed', error_code = 'blocked_by_safety' WHERE id = '{blocked}'"
    ))
    .await;
    let rest = redrive(json!({})).await.expect(200);
    assert_eq!(rest.body["redriven"], 2);
    assert_eq!(redrive(json!({})).await.expect(200).body["redriven"], 0);
    redrive(json!({ "error_code": "nonsense" })).await.expect_invalid(&["error_code"]);
    redrive(json!({ "limit": 0 })).await.expect_invalid(&["limit"]);
}

#[tokio::test]
async fn discarded_job_stays_failed_for_its_owner() {
    let (app, admin) = start().await;
    let id = insert_failed(&app, 1).await.remove(0);
    let path = format!("/api/queue/failed/{id}");
    for _ in 0..2 {
        let _ = app.request("DELETE", &path).by(&admin).send().await.expect(200);
    }
    assert!(list_failed(&app, &admin, "").await.0.is_empty());
    assert_eq!(app.query_value::<String>("SELECT processing_status FROM messages").await, "failed");
    let unknown = format!("/api/queue/failed/{}", MessageId::new(app.app.clock.now()));
    let _ = app.request("DELETE", &unknown).by(&admin).send().await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn queue_status_is_public_and_counts_each_state() {
    let (app, _) = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let ids = [app.send_message(&user, &chatroom, "a").await, app.send_message(&user, &chatroom, "b").await];
    app.send_message(&user, &chatroom, "c").await;
    let soon = (app.app.clock.now() + Duration::from_mins(1)).to_rfc3339();
    app.execute(&format!(
        "UPDATE messages SET processing_status = 'processing', lease_owner = gen_random_uuid(), lease_until = '{soon}'
         WHERE id = '{}'; UPDATE messages SET lease_until = '{soon}' WHERE id = '{}'",
        ids[0], ids[1]
    ))
    .await;
    let db = app.app.db().await.unwrap();
    let counts = admin::count_backlog(&db, app.app.clock.now()).await.unwrap();
    assert_eq!((counts.waiting, counts.active, counts.delayed), (1, 1, 1));

    let table = app.app.table().unwrap();
    let before = table.job_totals(app.app.clock.now()).await.unwrap();
    for (id, status) in [(&ids[0], ProcessingStatus::Completed), (&ids[1], ProcessingStatus::Failed)] {
        table.save_jobs(&[job_record(&app, id, status)]).await.unwrap();
    }
    table.save_jobs(&[job_record(&app, &ids[0], ProcessingStatus::Pending)]).await.unwrap();
    let after = table.job_totals(app.app.clock.now()).await.unwrap();
    // Other tests add to the same totals.
    assert!(after.completed > before.completed && after.failed > before.failed, "{before:?} {after:?}");

    let response = app.request("GET", "/api/queue/status").send().await.expect(200);
    for name in ["waiting", "active", "delayed", "completed", "failed"] {
        assert!(response.body[name].is_i64(), "{name} in {}", response.body);
    }
}

#[tokio::test]
async fn integer_is_accepted_in_any_json_notation() {
    let (app, admin) = start().await;
    for (limit, taken) in [
        ("5", true),
        ("5.0", true),
        ("1e2", true),
        ("null", true),
        ("5.5", false),
        ("1e300", false),
        ("\"5\"", false),
    ] {
        let request = app.request("POST", "/api/queue/redrive").by(&admin);
        let request =
            request.body(&format!("{{\"limit\":{limit}}}")).header("content-type", "application/json");
        let response = request.send().await;
        assert_eq!(response.status == 200, taken, "{limit}: {}", response.body);
        if !taken {
            response.expect_invalid(&["limit"]);
        }
    }
}
