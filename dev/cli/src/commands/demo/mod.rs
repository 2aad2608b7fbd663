//! `cargo dev up --demo`: an account with chatrooms that show what the web client can do. It is filled
//! through the public API; mock Gemini gives the answers of `rooms/`.

mod account;
mod conversation;
mod filling;

use anyhow::{Context as _, Result};
use harness::{MockControl, Request, Response, Transport, send_over_http};
use stack::progress::info;
use stack::services::{mocks, names};
use stack::state::State;
use stack::web;

pub use self::account::{NUMBER, PASSWORD};
use self::conversation::Conversation;

/// The chatrooms, in the order in which they are filled: the last one is on top of the list.
const ROOMS: [&str; 9] = [
    include_str!("rooms/capitals.txt"),
    include_str!("rooms/arabic.txt"),
    include_str!("rooms/chinese.txt"),
    include_str!("rooms/failed.txt"),
    include_str!("rooms/stopped.txt"),
    include_str!("rooms/letter.txt"),
    include_str!("rooms/coffee.txt"),
    include_str!("rooms/lisbon.txt"),
    include_str!("rooms/borrowing.txt"),
];

/// The stack's API and mock servers.
struct Demo {
    base_url: String,
    mocks: MockControl,
}

impl Transport for Demo {
    async fn send(&self, request: &Request) -> Result<Response> {
        send_over_http(&web::client(), &self.base_url, request).await
    }
}

/// Fills what is missing of the sample account, and prints how to sign in.
pub async fn fill(state: &State) -> Result<()> {
    let mock = |name: &str, variable: &str| {
        let service = state.service(name);
        let service =
            service.with_context(|| format!("--demo needs the mock of {name}: unset {variable}"))?;
        anyhow::Ok(service.address.clone())
    };
    let mocks = MockControl {
        client: web::client(),
        gemini_url: mock(names::GEMINI, "GEMINI_API_KEY")?,
        stripe_url: mock(names::STRIPE, "STRIPE_SECRET_KEY")?,
        stripe_key: mocks::STRIPE_KEY.to_owned(),
    };
    let demo = Demo { base_url: state.base_url.clone(), mocks };
    let user = account::open(&demo).await.context("opening the sample account")?;
    let known = filling::complete_rooms(&demo, &user).await?;
    for text in ROOMS {
        let conversation = Conversation::parse(text).context("reading a sample chatroom")?;
        if !known.contains(&conversation.name) {
            info(format!("filling the chatroom {:?}", conversation.name));
            let filled = filling::fill(&demo, &user, &conversation).await;
            filled.with_context(|| format!("filling the chatroom {:?}", conversation.name))?;
        }
    }
    info(format!("sample account  {NUMBER}, password {PASSWORD:?}: sign in at {}/", state.base_url));
    Ok(())
}
