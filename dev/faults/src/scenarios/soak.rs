//! Mixed load for hours, while busy workers and functions are killed at random: nothing is lost,
//! and the processes' memory and connections stay level.

use std::cell::Cell;
use std::fs;

use harness::processes;

use crate::prelude::*;

const USERS: usize = 6;
const MESSAGES_IN_A_CHATROOM: usize = 20;
/// The longest pause of a user between two messages.
const MAX_PAUSE_MS: usize = 1_500;
/// The longest pause between two kills.
const MAX_KILL_PAUSE_MS: usize = 12_000;
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);
const SAMPLES: u32 = 40;
/// From this duration on the samples are long enough after the start to be compared.
const COMPARED_FROM: Duration = Duration::from_mins(10);
/// For this time a client repeats a request whose function was killed.
const MAX_REPETITION: Duration = Duration::from_mins(2);
const WATCHED: [&str; 5] = ["auth", "chatroom", "stream", "sweeper", "worker"];

#[derive(Default)]
struct Counts {
    workers_killed: Cell<usize>,
    functions_killed: Cell<usize>,
    sweeps: Cell<usize>,
    repeated: Cell<usize>,
    reads: Cell<usize>,
}

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    // No answer may fail for repeated faults.
    let overrides = [("MESSAGE_MAX_ATTEMPTS", "100"), ("GEMINI_BREAKER_FAILURES", "1000")];
    let run = Run::start(suite, "soak", &overrides).await?;
    let answers = json!({"kind": "answer", "delay_ms": 200, "duration_ms": 600});
    let faults = [json!({"kind": "error", "status": 503}), json!({"kind": "cut"})];
    let steps: Vec<_> =
        faults.iter().flat_map(|fault| [vec![answers.clone(); 12], vec![fault.clone()]].concat()).collect();
    run.mocks.gemini("script", &json!({"steps": steps, "forever": true})).await?;
    run.start_worker().await?;
    let users = try_join_all((0..USERS).map(|_| TestUser::sign_up(&run))).await?;
    let (end, counts) = (Instant::now() + suite.soak, Counts::default());
    let load = async {
        let chats = users.into_iter().map(|user| chat(&run, user, end, &counts));
        let sent = try_join_all(chats).await?.concat();
        let recovery = run.wait_until_all_done(Duration::from_mins(4)).await?;
        anyhow::Ok((sent, recovery))
    };
    let samples = sample(&run, suite.soak / SAMPLES, end);
    let work = async { tokio::try_join!(load, samples) };
    let ((sent, recovery), samples) = tokio::select! {
        done = work => done?,
        never = kill(&run, &counts) => never,
        failed = sweep(&run, &counts) => return failed.map(|never| match never {}),
    };

    run.recovered_within(recovery);
    run.check_answers(&sent).await?;
    run.check_order().await?;
    run.check_invariants().await?;
    run.check_deadlocks().await?;
    let killed = counts.workers_killed.get() + counts.functions_killed.get();
    check!(run, killed > 0, "nothing was killed");
    observe(&run, &counts, sent.len());
    compare(&run, suite.soak, &samples);
    run.done(format!(
        "{:.1} minutes of {USERS} users who send, stream, list, search and refresh",
        suite.soak.as_secs_f64() / 60.0
    ))
}

fn observe(run: &Run, counts: &Counts, sent: usize) {
    run.observe(format!(
        "{sent} messages accepted, {} other reads, {} busy workers and {} busy functions killed, {} requests repeated, {} sweeps",
        counts.reads.get(),
        counts.workers_killed.get(),
        counts.functions_killed.get(),
        counts.repeated.get(),
        counts.sweeps.get(),
    ));
}

/// Sends messages until `end`, each with a key, and reads in between as clients do.
async fn chat(run: &Run, mut user: TestUser, end: Instant, counts: &Counts) -> Result<Vec<SentMessage>> {
    let (mut sent, mut room) = (Vec::new(), String::new());
    while Instant::now() < end {
        if sent.len().is_multiple_of(MESSAGES_IN_A_CHATROOM) {
            let create = user.request("POST", "/api/chatroom").json(&json!({ "name": "A chatroom" }));
            room = repeat(run, create, 201, counts).await?.string_at("/chatroom/id")?;
        }
        let text = unique("message");
        let response = repeat(run, user.message(&room, &text), 201, counts).await?;
        let message = SentMessage::read(&response, &text)?;
        let path = match random_below(6) {
            0 | 1 => format!("/api/stream/{}", message.id),
            2 => "/api/chatroom".to_owned(),
            3 => format!("/api/chatroom/search?q={}", text.replace(' ', "+")),
            4 => format!("/api/chatroom/{room}"),
            _ => format!("/api/chatroom/message/{}/status?wait=10", message.id),
        };
        repeat(run, user.request("GET", path), 200, counts).await?;
        counts.reads.set(counts.reads.get() + 1);
        sent.push(message);
        if sent.len().is_multiple_of(2 * MESSAGES_IN_A_CHATROOM) {
            refresh(run, &mut user, counts).await?;
        }
        sleep(Duration::from_millis(u64::try_from(random_below(MAX_PAUSE_MS))?)).await;
    }
    Ok(sent)
}

async fn refresh(run: &Run, user: &mut TestUser, counts: &Counts) -> Result<()> {
    let body = json!({ "refresh_token": user.refresh_token });
    let renewed = repeat(run, Request::post("/api/auth/refresh", &body), 200, counts).await?;
    user.token = renewed.string_at("/token")?;
    user.refresh_token = renewed.string_at("/refresh_token")?;
    Ok(())
}

/// Sends a request until it succeeds, under one key: its function may be killed at any time.
async fn repeat(run: &Run, request: Request, expected: u16, counts: &Counts) -> Result<Response> {
    let is_read = request.method == "GET";
    let request =
        if is_read { request } else { request.header("idempotency-key", &Uuid::new_v4().to_string()) };
    let start = Instant::now();
    loop {
        let outcome = match request.send(run).await {
            Ok(response) if response.status == expected => return Ok(response),
            Ok(response) => format!("{response}"),
            Err(error) => format!("{error:#}"),
        };
        ensure!(start.elapsed() < MAX_REPETITION, "{} {}: {outcome}", request.method, request.path);
        counts.repeated.set(counts.repeated.get() + 1);
        sleep(Duration::from_millis(500)).await;
    }
}

/// Kills busy processes for ever: of four, three workers and a function of the API.
async fn kill<T>(run: &Run, counts: &Counts) -> T {
    loop {
        let pause = 500 + random_below(MAX_KILL_PAUSE_MS);
        sleep(Duration::from_millis(u64::try_from(pause).unwrap_or_default())).await;
        let (function, count) = match random_below(4) {
            0 => (["chatroom", "auth", "stream"][random_below(3)], &counts.functions_killed),
            _ => ("worker", &counts.workers_killed),
        };
        if run.lambda.kill_busy(function).await {
            count.set(count.get() + 1);
        }
    }
}

/// Sweeps for ever.
async fn sweep(run: &Run, counts: &Counts) -> Result<std::convert::Infallible> {
    loop {
        sleep(SWEEP_INTERVAL).await;
        run.sweep().await?;
        counts.sweeps.set(counts.sweeps.get() + 1);
    }
}

/// What the processes use at one time.
#[derive(Debug, Clone, Copy, Default)]
struct Sample {
    /// The most resident memory of a process, in KiB.
    memory: u64,
    /// The most open sockets of a process.
    sockets: u64,
    /// The connections to Postgres.
    connections: u64,
}

async fn sample(run: &Run, interval: Duration, end: Instant) -> Result<Vec<Sample>> {
    const SQL: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()";
    let mut samples = Vec::new();
    while Instant::now() + interval <= end {
        sleep(interval).await;
        let connections: i64 = run.db.value(SQL, &[]).await?;
        let mut sample = Sample { connections: u64::try_from(connections)?, ..Sample::default() };
        for pid in WATCHED.iter().flat_map(|function| run.lambda.processes(function)) {
            // A killed process has none.
            sample.memory = sample.memory.max(processes::resident(pid).unwrap_or_default() / 1024);
            sample.sockets = sample.sockets.max(open_sockets(pid));
        }
        samples.push(sample);
    }
    Ok(samples)
}

fn open_sockets(pid: u32) -> u64 {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let targets = files.filter_map(|file| fs::read_link(file.path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count() as u64
}

/// What is compared: its name, its value in a sample, and by how much it may grow.
type Series = (&'static str, fn(&Sample) -> u64, u64);

/// Compares the second quarter of the samples with the last one.
fn compare(run: &Run, duration: Duration, samples: &[Sample]) {
    let series: [Series; 3] = [
        ("KiB of memory in a process", |sample| sample.memory, 4 * 1024),
        ("sockets of a process", |sample| sample.sockets, 3),
        ("connections to Postgres", |sample| sample.connections, 3),
    ];
    for (what, value, allowance) in series {
        let values: Vec<u64> = samples.iter().map(value).collect();
        let (early, late) = medians(&values);
        run.observe(format!("{what} at most: {early}, at the end {late}"));
        let is_level = duration < COMPARED_FROM || is_level(early, late, allowance);
        check!(run, is_level, "{what} grew from {early} to {late}");
    }
}

/// The medians of the second and of the last quarter.
fn medians(values: &[u64]) -> (u64, u64) {
    let quarter = values.len() / 4;
    let median = |values: &[u64]| {
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    };
    (median(&values[quarter..2 * quarter]), median(&values[values.len() - quarter..]))
}

/// A tenth more and `allowance` is noise.
fn is_level(early: u64, late: u64, allowance: u64) -> bool {
    late <= early + early / 10 + allowance
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leak_is_told_apart_from_noise() {
        let level: Vec<u64> = (0..40).map(|minute| 30_000 + minute % 3 * 500).collect();
        let leak: Vec<u64> = (0..40).map(|minute| 30_000 + minute * 500).collect();
        let is_level = |values: &[u64]| {
            let (early, late) = medians(values);
            is_level(early, late, 4 * 1024)
        };
        assert!(is_level(&level) && !is_level(&leak), "{:?} {:?}", medians(&level), medians(&leak));
        assert_eq!(medians(&[]), (0, 0));
    }
}
