//! What the users do: they send, cancel, retry, edit, regenerate, list, and delete chatrooms and
//! accounts.

use std::cell::{Cell, RefCell};

use super::mix::Mix;
use crate::prelude::*;

/// A user with what the requests have done so far.
pub struct ChatUser {
    pub user: TestUser,
    pub rooms: Vec<String>,
    /// Messages that must be answered.
    pub sent: RefCell<Vec<SentMessage>>,
    /// Requests for an answer that were accepted, each for one unit of the quota.
    pub charged: Cell<i64>,
    pub cancelled: Cell<usize>,
    pub retried: Cell<usize>,
}

impl ChatUser {
    pub async fn sign_up(mix: &Mix<'_>, rooms: usize) -> Result<Self> {
        let user = TestUser::sign_up(mix).await?;
        let rooms = user.create_chatrooms(mix, rooms).await?;
        let (sent, charged) = (RefCell::default(), Cell::new(0));
        Ok(Self { user, rooms, sent, charged, cancelled: Cell::new(0), retried: Cell::new(0) })
    }

    /// Sends `rounds` messages to each chatroom, and one request of another kind with each.
    pub async fn chat(&self, mix: &Mix<'_>, rounds: usize) -> Result<()> {
        let rooms = self.rooms.iter().enumerate().map(async |(place, room)| {
            for round in 0..rounds {
                let sent = self.send(mix, room, &unique("message")).await?;
                match (place + round) % 6 {
                    0 => self.cancel(mix, room).await?,
                    1 => self.retry(mix, room).await?,
                    2 => self.repeat(mix, room).await?,
                    3 => self.read(mix, room, &sent).await?,
                    4 => self.branch(mix).await?,
                    _ => self.delete_room(mix).await?,
                }
            }
            anyhow::Ok(())
        });
        try_join_all(rooms).await.map(drop)
    }

    pub async fn send(&self, mix: &Mix<'_>, room: &str, text: &str) -> Result<SentMessage> {
        let sent = self.user.send_text(mix, room, text).await?;
        self.charge();
        self.sent.borrow_mut().push(sent.clone());
        Ok(sent)
    }

    fn charge(&self) {
        self.charged.set(self.charged.get() + 1);
    }

    fn on_message(&self, sent: &SentMessage, action: &str) -> Request {
        self.user.request("POST", format!("/api/chatroom/message/{}/{action}", sent.id))
    }

    async fn cancel(&self, mix: &Mix<'_>, room: &str) -> Result<()> {
        let sent = self.user.send_text(mix, room, &unique("cancelled")).await?;
        self.charge();
        let response = self.on_message(&sent, "cancel").send(mix).await?;
        // It may be answered already.
        ensure!([200, 409].contains(&response.status.as_u16()), "cancelling: {response}");
        if response.status == 409 {
            self.sent.borrow_mut().push(sent);
        } else {
            self.cancelled.set(self.cancelled.get() + 1);
        }
        Ok(())
    }

    /// Retries a message whose first answer was refused: one release accepts the retry, the other may
    /// answer it.
    async fn retry(&self, mix: &Mix<'_>, room: &str) -> Result<()> {
        let sent = self.send_refused(mix, room).await?;
        let response = self.on_message(&sent, "retry").send(mix).await?;
        // A worker that was killed during the call has taken the script's step.
        if response.status == 409 {
            return Ok(());
        }
        response.ensure(200)?;
        self.count_retry();
        Ok(())
    }

    pub async fn retry_failed(&self, mix: &Mix<'_>, sent: &SentMessage) -> Result<()> {
        self.on_message(sent, "retry").send(mix).await?.ensure(200)?;
        self.count_retry();
        Ok(())
    }

    fn count_retry(&self) {
        self.charge();
        self.retried.set(self.retried.get() + 1);
    }

    /// Sends a message that Gemini refuses to answer the first time, and waits until it has failed.
    pub async fn send_refused(&self, mix: &Mix<'_>, room: &str) -> Result<SentMessage> {
        let text = unique("refused at first");
        mix.run.mocks.script(&text, json!([{"kind": "blocked_prompt"}])).await?;
        let sent = self.send(mix, room, &text).await?;
        self.user.wait_until_done(mix, sent.id).await?;
        Ok(sent)
    }

    /// Sends a message by both releases under one idempotency key.
    async fn repeat(&self, mix: &Mix<'_>, room: &str) -> Result<()> {
        let text = unique("repeated");
        let request = self.user.message(room, &text).header("idempotency-key", &Uuid::new_v4().to_string());
        let (first, second) = (request.send(mix).await?.ensure(201)?, request.send(mix).await?);
        self.charge();
        let second = second.ensure(201)?;
        check!(mix.run, first.body["message"]["id"] == second.body["message"]["id"], "one key, two messages");
        self.sent.borrow_mut().push(SentMessage::read(&first, &text)?);
        Ok(())
    }

    async fn read(&self, mix: &Mix<'_>, room: &str, sent: &SentMessage) -> Result<()> {
        let word = sent.text.rsplit(' ').next().unwrap_or_default();
        for path in [
            "/api/chatroom".to_owned(),
            format!("/api/chatroom/{room}"),
            format!("/api/chatroom/message/{}/status?wait=2", sent.id),
            format!("/api/chatroom/search?q={word}"),
            "/api/user/me".to_owned(),
            "/api/user/export".to_owned(),
        ] {
            self.user.request("GET", path).send(mix).await?.ensure(200)?;
        }
        Ok(())
    }

    /// Edits a message in a chatroom of its own, and requests a second answer to it.
    async fn branch(&self, mix: &Mix<'_>) -> Result<()> {
        let room = self.user.create_chatroom(mix).await?;
        let sent = self.send(mix, &room, &unique("message")).await?;
        self.edit(mix, &sent).await?;
        self.user.wait_until_done(mix, sent.id).await?;
        self.regenerate(mix, &sent).await
    }

    pub async fn edit(&self, mix: &Mix<'_>, sent: &SentMessage) -> Result<SentMessage> {
        let text = unique("edited");
        let edit = self.on_message(sent, "edit").json(&json!({ "content": text }));
        let edited = SentMessage::read(&edit.send(mix).await?.ensure(201)?, &text)?;
        self.charge();
        self.sent.borrow_mut().push(edited.clone());
        Ok(edited)
    }

    pub async fn regenerate(&self, mix: &Mix<'_>, sent: &SentMessage) -> Result<()> {
        self.on_message(sent, "regenerate").send(mix).await?.ensure(201)?;
        self.charge();
        Ok(())
    }

    /// Deletes a chatroom with messages that are being answered.
    async fn delete_room(&self, mix: &Mix<'_>) -> Result<()> {
        let room = self.user.create_chatroom(mix).await?;
        for _ in 0..2 {
            self.user.send_message(mix, &room).await?;
            self.charge();
        }
        self.user.request("DELETE", format!("/api/chatroom/{room}")).send(mix).await?.ensure(200).map(drop)
    }
}

/// Creates accounts and deletes them while their messages are being answered.
pub async fn delete_accounts(mix: &Mix<'_>, accounts: usize) -> Result<()> {
    for _ in 0..accounts {
        let user = TestUser::sign_up(mix).await?;
        let room = user.create_chatroom(mix).await?;
        user.send_messages(mix, &room, 3).await?;
        let delete = user.request("DELETE", "/api/user/me").json(&json!({ "password": PASSWORD }));
        delete.send(mix).await?.ensure(200)?;
    }
    Ok(())
}
