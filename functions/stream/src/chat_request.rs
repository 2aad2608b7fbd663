//! The body that the AI SDK posts.

use std::fmt;

use domain::{ChatroomId, MessageId, Text};
use garde::Validate;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use uuid::Uuid;
use web::ApiError;

use crate::client_id::ClientId;

/// A message for a chat, as `useChat` sends it, or `message` alone.
#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
#[garde(allow_unvalidated)]
pub(crate) struct SendChatMessage {
    /// The id of the chat: that of a chatroom, or an id that the page has made. A chatroom is created for
    /// the latter with its first message.
    id: ClientId,
    /// The question.
    #[schema(value_type = Option<UserMessage>)]
    message: Option<UserMessage>,
    /// The conversation, if there is no `message`. Only its last message is read, which is the question.
    #[schema(value_type = Option<Vec<UserMessage>>)]
    messages: Option<LastMessage>,
    /// `submit-message`, the default, or `regenerate-message`.
    trigger: Option<Trigger>,
    /// With `submit-message` the id of the question that the user has edited.
    #[serde(rename = "messageId")]
    message_id: Option<ClientId>,
}

/// Why the page sends the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String")]
#[schema(rename_all = "kebab-case")]
pub(crate) enum Trigger {
    /// A new question, or an edited one.
    SubmitMessage,
    /// Another answer to the question.
    RegenerateMessage,
}

/// A text is no trigger.
#[derive(Debug, thiserror::Error)]
#[error("must be submit-message or regenerate-message")]
pub(crate) struct UnknownTrigger;

impl TryFrom<String> for Trigger {
    type Error = UnknownTrigger;

    // serde reports an object in the place of an enum as malformed JSON.
    fn try_from(text: String) -> Result<Self, UnknownTrigger> {
        match text.as_str() {
            "submit-message" => Ok(Self::SubmitMessage),
            "regenerate-message" => Ok(Self::RegenerateMessage),
            _ => Err(UnknownTrigger),
        }
    }
}

/// A question.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
struct UserMessage {
    /// The id that the page has made, or that of a message of the chatroom.
    id: ClientId,
    /// `user`.
    #[schema(examples("user"))]
    role: String,
    /// Text: 1 to 10,000 characters in all.
    parts: Vec<MessagePart>,
}

/// A part of a question.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
struct MessagePart {
    /// `text`. Other parts are refused.
    #[serde(rename = "type")]
    #[schema(examples("text"))]
    kind: String,
    text: Option<String>,
}

/// The last message of a list. The others are not read: they may have parts of any kind.
#[derive(Debug)]
struct LastMessage(UserMessage);

impl<'de> Deserialize<'de> for LastMessage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Last;

        impl<'de> Visitor<'de> for Last {
            type Value = LastMessage;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of messages")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut messages: A) -> Result<LastMessage, A::Error> {
                let mut last: Option<Box<RawValue>> = None;
                while let Some(message) = messages.next_element()? {
                    last = Some(message);
                }
                let last = last.ok_or_else(|| A::Error::custom("must end with a message of the user"))?;
                serde_json::from_str(last.get()).map(LastMessage).map_err(A::Error::custom)
            }
        }

        deserializer.deserialize_seq(Last)
    }
}

/// What a request asks for.
#[derive(Debug)]
pub(crate) struct Submission {
    pub(crate) chat_id: ClientId,
    pub(crate) message_id: ClientId,
    pub(crate) content: Text<1, 10_000>,
    /// Whether the user wants another answer to the question.
    pub(crate) is_regeneration: bool,
    /// Whether the user has edited the question.
    pub(crate) is_edit: bool,
}

impl Submission {
    /// The chatroom with a question that the page has most likely not sent before. Ids of chatrooms are
    /// UUIDs of version 7, which need no lookup; pages seldom make such ids themselves.
    pub(crate) fn probable_chatroom(&self) -> Option<ChatroomId> {
        let id: Uuid = self.chat_id.as_str().parse().ok()?;
        (self.is_probably_new() && id.get_version_num() == 7).then_some(ChatroomId(id))
    }

    /// Whether the page has most likely not sent this question before. The ids of messages of this API
    /// are those of a page that has loaded the chatroom.
    pub(crate) fn is_probably_new(&self) -> bool {
        !self.is_edit && !self.is_regeneration && self.message_id.as_str().parse::<MessageId>().is_err()
    }
}

impl SendChatMessage {
    /// What the request asks for.
    ///
    /// # Errors
    /// There is no question, or it is not a text of 1 to 10,000 characters.
    pub(crate) fn into_submission(self) -> Result<Submission, ApiError> {
        let refuse = |field: &str, why: &str| Err(ApiError::invalid(vec![format!("{field}: {why}")]));
        let (field, message) = match (self.message, self.messages) {
            (Some(message), _) => ("message", message),
            (None, Some(LastMessage(message))) => ("messages", message),
            (None, None) => return refuse("messages", "is required, unless there is a message"),
        };
        if message.role != "user" {
            return refuse(field, "must end with a message of the user");
        }
        let mut texts = Vec::new();
        for part in &message.parts {
            match (part.kind.as_str(), part.text.as_deref()) {
                ("text", Some(text)) => texts.push(text),
                ("text", None) => return refuse(field, "a text part must have a text"),
                ("file", _) => return refuse(field, "files are not supported; send text parts only"),
                _ => return refuse(field, "only text parts are supported"),
            }
        }
        let content = Text::from(texts.join("\n").as_str());
        if let Err(report) = content.validate() {
            let reasons = report.iter().map(|(_, error)| format!("{field}: the text {error}"));
            return Err(ApiError::invalid(reasons.collect()));
        }
        let is_regeneration = self.trigger == Some(Trigger::RegenerateMessage);
        let is_edit = !is_regeneration && self.message_id.is_some();
        let (chat_id, message_id) = (self.id, message.id);
        Ok(Submission { chat_id, message_id, content, is_regeneration, is_edit })
    }
}
