//! Limits on sending codes: per address, per block of numbers, and by country.

use domain::MobileNumber;
use domain::otp::Purpose;
use serde_json::json;
use testkit::{PASSWORD, Response, TestApp, random_number};

use super::{login, retry_after, verify};

async fn request_code(app: &TestApp, number: &MobileNumber) -> Response {
    let body = json!({ "mobile_number": number.as_str() });
    app.request("POST", "/api/auth/send-signup-otp").json(body).send().await
}

#[tokio::test]
async fn codes_per_address_are_limited_over_all_numbers() {
    let app = TestApp::serving(crate::routes()).var("OTP_MAX_PER_ADDRESS", "2").start().await;
    for _ in 0..2 {
        let _ = request_code(&app, &random_number()).await.expect(200);
    }
    let number = random_number();
    let refused = request_code(&app, &number).await.expect_problem(429, "code_limit_reached");
    assert!(
        (1_700..=1_800).contains(&retry_after(&refused)),
        "the limit is two an hour, so the next code is allowed after half an hour"
    );
    // A refused request stores no code.
    assert!(!verify(&app, &number, "000000").await.body.to_string().contains("recently"));
}

#[tokio::test]
async fn codes_per_number_block_are_limited_over_all_addresses() {
    // Two of three for networks without a signed-in account, one for each network.
    let mut app = TestApp::serving(crate::routes()).var("OTP_MAX_PER_BLOCK", "3").start().await;
    let block = random_number().block().to_owned();
    let number = |last: u32| MobileNumber::from(format!("{block}{last:04}").as_str());
    for last in 1..=2 {
        app.address = format!("198.51.100.{last}");
        let _ = request_code(&app, &number(last)).await.expect(200);
    }
    app.address = "198.51.100.3".to_owned();
    let _ = request_code(&app, &number(3)).await.expect_problem(429, "code_limit_reached");
}

/// Requests codes from `network`, as if each was requested a minute after the one before, until one is
/// refused. Returns how many were sent.
async fn request_codes(app: &mut TestApp, number: &MobileNumber, purpose: Purpose, network: &str) -> usize {
    app.address = network.to_owned();
    let route = if purpose == Purpose::SignUp { "send-signup-otp" } else { "forgot-password" };
    for sent in 0.. {
        let body = json!({ "mobile_number": number.as_str() });
        let response = app.request("POST", &format!("/api/auth/{route}")).json(body).send().await;
        if response.status != 200 {
            let _ = response.expect_problem(429, "code_limit_reached");
            return sent;
        }
        app.app.redis.delete_code(purpose, number, &[]).await.unwrap();
    }
    unreachable!("the loop returns")
}

#[tokio::test]
async fn strangers_leave_the_owner_of_an_account_three_codes_a_day() {
    let mut app = TestApp::serving(crate::routes()).start().await;
    let number = app.user().await.mobile_number;
    let home = app.address.clone();
    let _ = login(&app, &number, PASSWORD).await.expect(200);
    let mut sent = Vec::new();
    for network in ["203.0.113.1", "203.0.113.2", "203.0.113.3", &home] {
        sent.push(request_codes(&mut app, &number, Purpose::ResetPassword, network).await);
    }
    assert_eq!(sent, [4, 3, 0, 3]);
}

/// Requests one code from `network` for each other number in the block of `number`, until one is
/// refused. Returns how many were sent.
async fn request_codes_in_block(app: &mut TestApp, number: &MobileNumber, network: &str) -> usize {
    app.address = network.to_owned();
    let numbers = (0..).map(|last: u32| MobileNumber::from(format!("{}{last:04}", number.block()).as_str()));
    for (sent, other) in numbers.filter(|other| other != number).enumerate() {
        let response = request_code(app, &other).await;
        if response.status != 200 {
            let _ = response.expect_problem(429, "code_limit_reached");
            return sent;
        }
        app.app.redis.delete_code(Purpose::SignUp, &other, &[]).await.unwrap();
    }
    unreachable!("the loop returns")
}

#[tokio::test]
async fn strangers_leave_codes_of_a_block_of_numbers_to_owners() {
    let mut app = TestApp::serving(crate::routes()).var("OTP_MAX_PER_BLOCK", "10").start().await;
    let number = app.user().await.mobile_number;
    let home = app.address.clone();
    let _ = login(&app, &number, PASSWORD).await.expect(200);
    let mut sent = Vec::new();
    for network in 1..=5 {
        let network = format!("203.0.113.{network}");
        sent.push(request_codes_in_block(&mut app, &number, &network).await);
    }
    assert_eq!(sent, [2, 2, 2, 1, 0], "one network gets two of ten, strangers together seven");
    assert_eq!(request_codes(&mut app, &number, Purpose::ResetPassword, &home).await, 3);
}

/// Requests codes for new numbers from each network, until one is refused. Returns how many each got of
/// 200 codes a day. No other test requests codes from these sites; all share the limit of the day, so few
/// are requested.
async fn codes_of_day(networks: &[&str]) -> Vec<usize> {
    let mut app = TestApp::serving(crate::routes()).var("OTP_MAX_TOTAL_PER_DAY", "200").start().await;
    let mut sent = Vec::new();
    for network in networks {
        app.address = (*network).to_owned();
        let mut count = 0;
        while request_code(&app, &random_number()).await.status == 200 {
            count += 1;
        }
        sent.push(count);
    }
    sent
}

#[tokio::test]
async fn networks_of_one_site_leave_codes_of_the_day_to_others() {
    let v4 = ["100.64.1.1", "100.64.1.2", "100.64.1.3", "100.64.2.5"];
    let v6 = ["2001:db8:51:1::1", "2001:db8:51:2::1", "2001:db8:51:3::1", "2001:db8:52:5::1"];
    for networks in [v4, v6] {
        let sent = codes_of_day(&networks).await;
        assert_eq!(sent, [10, 10, 0, 10], "a network gets a twentieth, a site a tenth");
    }
}

#[tokio::test]
async fn one_network_leaves_codes_of_an_unknown_number_to_others() {
    let mut app = TestApp::serving(crate::routes()).start().await;
    let number = random_number();
    assert_eq!(request_codes(&mut app, &number, Purpose::SignUp, "203.0.113.1").await, 4);
    assert_eq!(request_codes(&mut app, &number, Purpose::SignUp, "203.0.113.2").await, 3);
}

#[tokio::test]
async fn unreachable_numbers_are_refused_with_the_field_name() {
    let app = TestApp::serving(crate::routes()).var("OTP_COUNTRIES", "DE,AT").start().await;
    for number in ["+493012345678", "+448081570000", "+12025550123", "+919876543210"] {
        request_code(&app, &number.into()).await.expect_invalid(&["mobile_number"]);
    }
    let _ = request_code(&app, &random_number()).await.expect(200);
}
