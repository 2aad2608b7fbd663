//! The responses as snapshots, with ids and times redacted.

use domain::message::ProcessingStatus;
use insta::{assert_json_snapshot, with_settings};
use serde_json::Value;

use super::{insert_failed, job_record, start};

/// Compares `body` with the snapshot `name`.
#[track_caller]
fn assert_snapshot(name: &str, body: &Value) {
    with_settings!({ sort_maps => true, prepend_module_to_snapshot => false }, {
        assert_json_snapshot!(name, body, {
            ".**.id" => "[id]",
            ".**.chatroom_id" => "[id]",
            ".**.message_id" => "[id]",
            ".**.user_id" => "[id]",
            ".**.created_at" => "[time]",
            ".**.updated_at" => "[time]",
            ".**.started_at" => "[time]",
            ".**.finished_at" => "[time]",
        });
    });
}

#[tokio::test]
async fn job_responses() {
    let (app, admin) = start().await;
    let id = insert_failed(&app, 1).await.remove(0);
    services::jobs::record(&app.app, &[job_record(&app, &id, ProcessingStatus::Failed)]).await;
    let job = app.request("GET", &format!("/api/queue/jobs/{id}")).by(&admin).send().await.expect(200);
    assert_snapshot("job", &job.body);
    let failed = app.request("GET", "/api/queue/failed").by(&admin).send().await.expect(200);
    assert_snapshot("failed_jobs", &failed.body);
    let path = format!("/api/queue/failed/{id}");
    let discarded = app.request("DELETE", &path).by(&admin).send().await.expect(200);
    assert_snapshot("discarded_job", &discarded.body);
    let retried = app.request("POST", &format!("{path}/retry")).by(&admin).send().await.expect(200);
    assert_snapshot("retried_job", &retried.body);
}
