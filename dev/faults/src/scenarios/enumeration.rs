//! Whether status, body or response time reveals that a number is registered. Codes go by text
//! message, as in production.

mod counters;

use harness::Scale;
use stack::web;

use crate::prelude::*;

/// The largest difference of two medians: this, or this fraction of the smaller.
const MARGIN: Duration = Duration::from_millis(10);
const FRACTION: f64 = 0.05;

const ROUTES: [(&str, &str); 5] = [
    ("login", "a wrong password"),
    ("send-signup-otp", "a code to sign up"),
    ("forgot-password", "a code to reset"),
    ("verify-signup-otp", "a wrong code to sign up"),
    ("reset-password", "a wrong code to reset"),
];

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let count: usize = suite.scale.of(500, 20);
    let run = Run::start(suite, "enumeration", &[("OTP_DELIVERY", "sns")]).await?;
    sign_up_by_text_message(&run).await?;
    let registered = register(&run, count + 1).await?;
    let (other, registered) = registered.split_last().context("no account")?;
    counters::compare(&run, other).await?;
    for (path, what) in ROUTES {
        let (mut registered_times, mut unknown_times) = (Vec::new(), Vec::new());
        let mut expected: Option<(u16, Value)> = None;
        for (index, number) in registered.iter().enumerate() {
            let unknown = random_number();
            // Each kind comes first half of the time.
            let mut pair = [(number, &mut registered_times), (&unknown, &mut unknown_times)];
            if index % 2 == 1 {
                pair.reverse();
            }
            for (number, times) in pair {
                let start = Instant::now();
                let response = request(path, number).send(&run).await?;
                times.push(start.elapsed());
                let response = (response.status.as_u16(), constant_body(response.body));
                let is_same = expected.get_or_insert_with(|| response.clone()) == &response;
                check!(run, is_same, "{what}: {} {}", response.0, response.1);
            }
        }
        let pairs = registered_times.iter().zip(&unknown_times);
        let slower = pairs.filter(|(registered, unknown)| registered > unknown).count();
        let (registered, unknown) = (median(registered_times), median(unknown_times));
        let margin = MARGIN.max(registered.min(unknown).mul_f64(FRACTION));
        // Beside other tests single times vary, but for both kinds alike: a real difference shows
        // in nearly all pairs.
        let is_chance = suite.scale == Scale::Short && (count / 10..=count - count / 10).contains(&slower);
        check!(
            run,
            registered.abs_diff(unknown) <= margin || is_chance,
            "{what}: {registered:?} registered, {unknown:?} unknown, the registered slower {slower} times of {count}"
        );
        run.observe(format!("{what}: {:.1} / {:.1} ms", milliseconds(registered), milliseconds(unknown)));
    }
    run.done(format!("{count} registered and {count} unknown numbers, in turn"))
}

async fn sign_up_by_text_message(run: &Run) -> Result<()> {
    let number = random_number();
    let response = request("send-signup-otp", &number).send(run).await?.ensure(200)?;
    ensure!(response.body.get("otp").is_none(), "the response contains the code");
    let url = format!("{}/_ministack/sns/sms-messages", run.var("AWS_ENDPOINT_URL")?);
    let phones: Value = web::client().get(url).send().await?.json().await?;
    let text = phones["sms_messages"][&number][0]["Message"].as_str().context("no text message arrived")?;
    let otp = text.split(' ').next().unwrap_or_default();
    let body = json!({ "mobile_number": number, "otp": otp, "name": "Ada", "password": PASSWORD });
    Request::post("/api/auth/verify-signup-otp", &body).send(run).await?.ensure(201).map(drop)
}

/// Inserts `count` accounts, with the password hash of the user who signed up, and returns their
/// numbers.
async fn register(run: &Run, count: usize) -> Result<Vec<String>> {
    const SQL: &str = "
        INSERT INTO users (id, mobile_number, name, password_hash, created_at, updated_at)
        SELECT gen_random_uuid(), $1, 'Ada', (SELECT password_hash FROM users LIMIT 1), now(), now()";
    let mut numbers = Vec::with_capacity(count);
    for _ in 0..count {
        let number = random_number();
        run.db.execute(SQL, &[&number]).await?;
        numbers.push(number);
    }
    Ok(numbers)
}

fn request(path: &str, number: &str) -> Request {
    let body = json!({
        "mobile_number": number, "password": "this is a wrong one", "otp": "000000", "name": "Ada",
        "new_password": "this is a new one",
    });
    Request::post(format!("/api/auth/{path}"), &body)
}

/// `body` without `request_id` and `retry_after`, which differ in each response.
fn constant_body(mut body: Value) -> Value {
    if let Some(members) = body.as_object_mut() {
        members.remove("request_id");
        members.remove("retry_after");
    }
    body
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
