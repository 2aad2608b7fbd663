//! Accounts that interrupted runs have left.

use domain::MobileNumber;

use super::{MockApi, config};
use crate::smoke::abandoned_accounts;
use crate::tests::connect;

/// A migrated database with an account for each name, number and age in minutes.
async fn database(accounts: &[(&str, &str, i32)]) -> String {
    let url = testkit::empty_schema().await;
    crate::run(&config(&[("DATABASE_URL", &url), ("MIGRATION_DATABASE_URL", "")])).await.unwrap();
    let client = connect(&url).await;
    for (name, number, age) in accounts {
        let sql = "INSERT INTO users (id, mobile_number, name, password_hash, created_at, updated_at)
            SELECT gen_random_uuid(), $1, $2, 'x', at, at
            FROM (SELECT now() - make_interval(mins => $3) AS at) AS ages";
        client.execute(sql, &[number, name, age]).await.unwrap();
    }
    url
}

/// The numbers of the accounts that are not being deleted.
async fn numbers(url: &str) -> Vec<String> {
    let sql = "SELECT mobile_number FROM users WHERE deleted_at IS NULL ORDER BY mobile_number";
    let rows = connect(url).await.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn next_run_deletes_the_account_of_an_interrupted_one_and_no_other() {
    let url = database(&[
        ("Smoke test", "+12125550101", 7),   // interrupted
        ("Smoke test", "+12125550102", 5),   // may be in progress
        ("Smoke test", "+12125550103", 7),   // a test number
        ("Smoke test", "+12125550200", 7),   // not reserved
        ("Smoke test", "+4915555501001", 7), // of another country
        ("Ada", "+12125550104", 7),
    ])
    .await;
    let api = MockApi::start().await;
    let changes = [("DATABASE_URL", url.as_str()), ("OTP_TEST_NUMBERS", "+12125550103:123456")];
    assert_eq!(api.run_with(&changes).await.failure(), None);
    let kept = ["+12125550102", "+12125550103", "+12125550104", "+12125550200", "+4915555501001"];
    assert_eq!(numbers(&url).await, kept);
}

#[tokio::test]
async fn account_that_the_api_does_not_delete_is_deleted_in_the_database() {
    let url = database(&[
        ("Smoke test", "+12125550101", 0),
        ("Smoke test", "+12125550102", 0),
        ("Ada", "+12125550103", 0),
        ("Smoke test", "+12125550104", 0), // a test number
    ])
    .await;
    let config = config(&[("DATABASE_URL", &url), ("OTP_TEST_NUMBERS", "+12125550104:123456")]);
    for number in ["+12125550101", "+12125550103", "+12125550104", "+12125550109"] {
        abandoned_accounts::delete_account(&config, &MobileNumber::from(number)).await;
    }
    assert_eq!(numbers(&url).await, ["+12125550102", "+12125550103", "+12125550104"]);
}
