//! Streams whose reader loses the right to read them: they end within a heartbeat. And a user with
//! more streams than one may have.

use harness::StreamedAnswer;

use crate::prelude::*;

/// The interval at which a stream checks the rights of its reader.
const HEARTBEAT: Duration = Duration::from_secs(15);
const MARGIN: Duration = Duration::from_secs(3);
/// How long Gemini writes an answer: a stream that does not check goes on until then.
const ANSWER_MS: u64 = 40_000;
const WORDS: usize = 600;
/// The largest number of streams that a user may have open (`MAX_STREAMS`).
const STREAMS: usize = 3;

#[derive(Debug, Clone, Copy)]
enum Way {
    Logout,
    EndedByAnotherDevice,
    DeletedRoom,
    DeletedAccount,
    Suspension,
}

const WAYS: [Way; 5] =
    [Way::Logout, Way::EndedByAnotherDevice, Way::DeletedRoom, Way::DeletedAccount, Way::Suspension];

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let rounds: usize = suite.scale.of(4, 1);
    let goal = suite.time_limit(HEARTBEAT + MARGIN);
    let run = Run::start(suite, "stream-rights", &[("GEMINI_TIMEOUT_MS", "55000")]).await?;
    run.start_worker().await?;
    run.lambda.add_concurrency("stream", rounds * (WAYS.len() + STREAMS + 1));
    let admin = TestUser::sign_up(&run).await?;
    run.make_admin(&admin).await?;
    let (run_ref, admin) = (&run, &admin);
    let cases = (0..rounds).flat_map(|_| WAYS);
    let ended = try_join_all(cases.map(|way| async move {
        let took = lose_right(run_ref, admin, way).await.with_context(|| format!("{way:?}"))?;
        check!(run_ref, took <= goal, "{way:?}: the stream ended after {took:?}");
        anyhow::Ok(took)
    }));
    let replaced = try_join_all((0..rounds).map(|_| open_one_too_many(run_ref)));
    let (mut ended, replaced) = futures::try_join!(ended, replaced)?;
    ended.sort_unstable();
    let slowest = ended.last().map_or(0.0, Duration::as_secs_f64);
    run.observe(format!("ended after {slowest:.1} s at most"));
    let slowest = replaced.iter().max().map_or(0.0, Duration::as_secs_f64) * 1_000.0;
    run.observe(format!("{rounds} times a fourth stream, the oldest ended after {slowest:.0} ms at most"));
    run.done(format!("{} streams whose reader lost the right, in {} ways", ended.len(), WAYS.len()))
}

/// Takes the right away from a reader in mid-answer, and returns the time until its stream ends.
async fn lose_right(run: &Run, admin: &TestUser, way: Way) -> Result<Duration> {
    let owner = TestUser::sign_up(run).await?;
    let login = json!({ "mobile_number": owner.number, "password": PASSWORD });
    let login = Request::post("/api/auth/login", &login).send(run).await?.ensure(200)?;
    let device = TestUser { token: login.string_at("/token")?, ..owner.clone() };
    let (room, sent) = start_answer(run, &owner).await?;
    let mut reader = Reader::new(run, &device, sent.id);
    reader.read_text(0).await?;

    let request = match way {
        Way::Logout => device.request("POST", "/api/auth/logout").json(&json!({})),
        Way::EndedByAnotherDevice => {
            owner.request("POST", "/api/auth/logout").json(&json!({ "scope": "others" }))
        }
        Way::DeletedRoom => owner.request("DELETE", format!("/api/chatroom/{room}")),
        Way::DeletedAccount => owner.request("DELETE", "/api/user/me").json(&json!({ "password": PASSWORD })),
        Way::Suspension => {
            let path = format!("/api/user/{}/suspend", run.id_of(&owner).await?);
            admin.request("POST", path).json(&json!({}))
        }
    };
    let response = request.send(run).await?;
    ensure!(response.status.is_success(), "{response}");
    let begun = Instant::now();
    reader.finish().await?;
    let took = begun.elapsed();
    let code = reader.answer.error.as_ref().and_then(|error| error["code"].as_str()).unwrap_or("no error");
    let expected = match way {
        Way::Logout | Way::EndedByAnotherDevice | Way::DeletedAccount => "not_authenticated",
        Way::DeletedRoom => "not_found",
        Way::Suspension => "account_suspended",
    };
    let read = reader.answer.text.len();
    check!(run, code == expected, "{way:?}: the stream ended with {code} after {read} bytes, not {expected}");
    Ok(took)
}

/// Opens a fourth stream of one user, and returns the time until the oldest ends.
async fn open_one_too_many(run: &Run) -> Result<Duration> {
    let user = TestUser::sign_up(run).await?;
    let (_, sent) = start_answer(run, &user).await?;
    let mut readers = Vec::new();
    for _ in 0..STREAMS {
        let mut reader = Reader::new(run, &user, sent.id);
        reader.read_text(0).await?;
        readers.push(reader);
    }
    let mut fourth = Reader::new(run, &user, sent.id);
    fourth.read_text(0).await?;
    let begun = Instant::now();
    readers[0].finish().await?;
    let took = begun.elapsed();
    let StreamedAnswer { is_replaced, error, .. } = &readers[0].answer;
    check!(run, *is_replaced, "the oldest stream was not replaced, and ended with the error {error:?}");
    readers[0].ensure_no_more().await?;
    // The reconnect must not have ended another one in turn.
    readers.push(fourth);
    let read = readers[1..].iter_mut().map(async |reader| {
        let length = reader.answer.text.len();
        reader.read_text(length).await?;
        anyhow::Ok(reader.connections)
    });
    let connections: usize = try_join_all(read).await?.into_iter().sum();
    check!(run, connections == STREAMS, "{connections} connections for {STREAMS} streams");
    Ok(took)
}

/// Sends a message whose answer takes long, to a new chatroom, which is returned too.
async fn start_answer(run: &Run, user: &TestUser) -> Result<(String, SentMessage)> {
    let (room, text) = (user.create_chatroom(run).await?, unique("message"));
    let step = json!([{ "kind": "answer", "text": varied_text(WORDS), "duration_ms": ANSWER_MS }]);
    run.mocks.script(&text, step).await?;
    let sent = user.send_text(run, &room, &text).await?;
    Ok((room, sent))
}
