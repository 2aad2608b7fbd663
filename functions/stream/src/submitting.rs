//! Decides what a message of the AI SDK asks for: a new question, a corrected one, another answer, or
//! the answer to a question that was sent before.

use app::AppState;
use domain::id::uuid_at;
use domain::quota::Usage;
use domain::{ChatroomId, MessageId, UserId};
use services::Execution;
use services::answer_requests::{self, AnswerRequestError, MessageReceipt, NewQuestion};
use store::chatrooms::client_ids;
use store::messages;
use store::messages::versions::find_versions;
use web::ApiError;

use crate::chat_request::Submission;

/// A question whose answer the client gets.
pub(crate) struct Submitted {
    pub(crate) question: MessageId,
    /// The quota of the day, if the request has cost a unit.
    pub(crate) usage: Option<Usage>,
}

impl Submitted {
    /// A question that was sent before.
    fn before(question: MessageId) -> Self {
        Self { question, usage: None }
    }
}

impl From<MessageReceipt> for Submitted {
    fn from(receipt: MessageReceipt) -> Self {
        Self { question: receipt.id, usage: Some(receipt.usage) }
    }
}

/// Does what `submission` of `owner` asks for. A chat without a chatroom gets one. Ids of questions
/// derive from those that the client has made, so a repeated request costs no second unit.
///
/// # Errors
/// As those of sending a message.
pub(crate) async fn submit(
    app: &AppState,
    owner: UserId,
    submission: &Submission,
) -> Result<Submitted, ApiError> {
    let chat = submission.chat_id.as_str();
    if let Some(chatroom) = submission.probable_chatroom()
        && let Some(submitted) = submit_in(app, owner, chatroom, submission).await?
    {
        return Ok(submitted);
    }
    let mut missing = "account";
    // If another request creates or deletes the same chatroom meanwhile, the second look shows it.
    for _ in 0..2 {
        let found = client_ids::find(&app.db().await?, owner, chat).await?;
        if let Some(chatroom) = found {
            if let Some(submitted) = submit_in(app, owner, chatroom, submission).await? {
                return Ok(submitted);
            }
            missing = "chatroom";
            continue;
        }
        let chatroom_id = ChatroomId::new(app.clock.now());
        let question = NewQuestion { chatroom_id, content: submission.content.as_str(), parent: None };
        let id = first_id(chatroom_id, submission);
        let sent = answer_requests::send_in_new_chatroom(app, owner, chat, question, id).await?;
        if let Some(receipt) = sent {
            return Ok(receipt.into());
        }
    }
    Err(ApiError::not_found(missing))
}

/// The id of the first version of a question.
fn first_id(chatroom: ChatroomId, submission: &Submission) -> MessageId {
    MessageId::derived(chatroom, &["question", submission.message_id.as_str()])
}

/// Does what `submission` asks for in a chatroom. `None` if `owner` has no such chatroom.
async fn submit_in(
    app: &AppState,
    owner: UserId,
    chatroom_id: ChatroomId,
    submission: &Submission,
) -> Result<Option<Submitted>, ApiError> {
    let (content, client_id) = (submission.content.as_str(), submission.message_id.as_str());
    let first = first_id(chatroom_id, submission);
    let mut refusal = None;
    if submission.is_probably_new() {
        let question = NewQuestion { chatroom_id, content, parent: None };
        match answer_requests::send_new(app, owner, question, first).await {
            Ok(Some(receipt)) => return Ok(Some(receipt.into())),
            Ok(None) => {}
            Err(AnswerRequestError::NotFound(_)) => return Ok(None),
            // A question that was sent before is answered beyond the quota too.
            Err(error) => refusal = Some(error),
        }
    }
    // A page that has loaded the chatroom uses the ids of its messages.
    let ids: Vec<MessageId> = [first].into_iter().chain(client_id.parse()).collect();
    let found = find_versions(&app.db().await?, owner, chatroom_id, &ids).await?;
    let Some(versions) = found else {
        if let Some(refusal) = refusal {
            return Err(refusal.into());
        }
        let question = NewQuestion { chatroom_id, content, parent: None };
        let execution = Execution { id: first.0, is_retry: false };
        return match answer_requests::send(app, owner, question, execution).await {
            Ok(receipt) => Ok(Some(receipt.into())),
            Err(AnswerRequestError::NotFound(_)) => Ok(None),
            Err(error) => Err(error.into()),
        };
    };
    let (named, shown) = (versions.named, versions.shown);
    // After an edit the page still uses the id of the first version.
    let same = [&shown, &named].into_iter().find(|version| version.content == content);
    let submitted = match same {
        Some(version) if submission.is_regeneration => regenerate(app, owner, version.id).await?,
        // An edit back to the text of an earlier version is another version, because what follows the
        // earlier one is no longer on the page.
        Some(version) if !submission.is_edit || version.id == shown.id => Submitted::before(version.id),
        _ => {
            let parts = ["version", client_id, &shown.id.to_string(), content];
            let execution = Execution { id: MessageId::derived(chatroom_id, &parts).0, is_retry: false };
            answer_requests::edit(app, owner, named.id, content, execution).await?.into()
        }
    };
    Ok(Some(submitted))
}

/// Requests another answer to `question`. Pages also do this after an error, when the answer may still
/// be on its way: then they get that one.
async fn regenerate(app: &AppState, owner: UserId, question: MessageId) -> Result<Submitted, ApiError> {
    let execution = Execution { id: uuid_at(app.clock.now()), is_retry: false };
    match answer_requests::regenerate(app, owner, question, None, execution).await {
        Ok(receipt) => Ok(Submitted { question: receipt.question_id, usage: Some(receipt.usage) }),
        Err(AnswerRequestError::Unfinished) => {
            let status = messages::find_status(&app.db().await?, owner, question).await?;
            let is_shown = status.is_some_and(|status| !status.message.processing_status.is_terminal());
            if is_shown {
                Ok(Submitted::before(question))
            } else {
                Err(AnswerRequestError::Unfinished.into())
            }
        }
        Err(error) => Err(error.into()),
    }
}
