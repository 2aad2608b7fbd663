//! Whether a response reveals a registered number once attempts and codes are used up.

use futures::future::try_join;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::{constant_body, request};
use crate::prelude::*;

/// The network from which the account has signed in, which an attacker may share.
const HOME: &str = "198.51.100.7";
const STRANGE: &str = "198.51.100.200";
/// Five attempts from each of these networks are more than the fifty that all share.
const NETWORKS: usize = 12;
/// Headers whose values are ids and times.
const VARYING: [&str; 7] = [
    "x-request-id",
    "retry-after",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "ratelimit",
    "date",
];

/// What the client did, and the response without ids and times: status, body and headers.
type Step = (String, Vec<String>);

/// Sends the same requests for `registered` and for an unknown number, and compares each response.
pub async fn compare(run: &Run, registered: &str) -> Result<()> {
    let login = json!({ "mobile_number": registered, "password": PASSWORD });
    run.send_from(&Request::post("/api/auth/login", &login), HOME).await?.ensure(200)?;
    let unknown = random_number();
    let (known, unknown) = try_join(transcript(run, registered), transcript(run, &unknown)).await?;
    let mut limited = 0;
    for ((what, known), (_, unknown)) in known.iter().zip(&unknown) {
        let only = |one: &[String], other: &[String]| {
            one.iter().filter(|part| !other.contains(part)).cloned().collect::<Vec<_>>().join(" ")
        };
        let (of_known, of_unknown) = (only(known, unknown), only(unknown, known));
        check!(run, known == unknown, "{what}: {of_known} registered, {of_unknown} unknown");
        limited += usize::from(known[0] == "429");
    }
    check!(run, limited > 0, "no limit was reached");
    run.observe(format!(
        "{} requests as attempts and codes were used up: the same status, headers and body; {limited} were 429",
        known.len()
    ));
    Ok(())
}

async fn transcript(run: &Run, number: &str) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    for route in ["send-signup-otp", "forgot-password"] {
        steps.push(send(run, "with no code", route, number, STRANGE).await?);
    }
    let attempts = ["login", "verify-signup-otp", "reset-password"];
    let networks: Vec<String> = (0..NETWORKS).map(|network| format!("203.0.113.{network}")).collect();
    for attempt in 0..5 {
        let state = format!("after {} wrong attempts", attempt * NETWORKS);
        for route in attempts {
            let sent = networks.iter().map(|address| send(run, &state, route, number, address));
            steps.extend(try_join_all(sent).await?);
        }
    }
    for (state, address) in
        [("the same network", "203.0.113.0"), ("a new network", STRANGE), ("the owner's network", HOME)]
    {
        for _ in 0..6 {
            for route in attempts {
                steps.push(send(run, &format!("all used up, {state}"), route, number, address).await?);
            }
        }
    }
    for address in &networks[..4] {
        for code in 0..5 {
            for (route, purpose) in [("send-signup-otp", "signup"), ("forgot-password", "reset_password")] {
                delete(run, &format!("otp:{number}:{purpose}")).await?;
                steps.push(
                    send(run, &format!("{code} codes sent to {address}"), route, number, address).await?,
                );
            }
        }
    }
    Ok(steps)
}

async fn send(run: &Run, state: &str, route: &str, number: &str, address: &str) -> Result<Step> {
    let response = run.send_from(&request(route, number), address).await?;
    let headers = response.headers.iter().map(|(name, value)| {
        let value = if VARYING.contains(&name.as_str()) { "" } else { value.to_str().unwrap_or("?") };
        format!("{name}={value}")
    });
    let mut headers: Vec<String> = headers.collect();
    headers.sort();
    let parts =
        [vec![response.status.as_u16().to_string(), constant_body(response.body).to_string()], headers]
            .concat();
    Ok((format!("{route}, {state}"), parts))
}

/// Deletes a code, so that another can be requested before a minute has passed.
async fn delete(run: &Run, key: &str) -> Result<()> {
    let url = run.direct_url("REDIS_URL")?;
    let address = url.trim_start_matches("redis://").split('/').next().unwrap_or_default();
    let mut connection = BufReader::new(TcpStream::connect(address).await.context(address.to_owned())?);
    connection.write_all(format!("DEL {key}\r\n").as_bytes()).await?;
    let mut reply = String::new();
    connection.read_line(&mut reply).await?;
    ensure!(reply.starts_with(':'), "Redis answered {reply}");
    Ok(())
}
