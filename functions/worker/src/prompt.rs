//! Builds the prompt for a message.

use app::GeminiSettings;
use clients::gemini::{Prompt, Role, Turn};
use domain::history::within_budget;
use store::generations::claiming::ClaimedGeneration;

use crate::models;

/// The prompt for `work`: the model that the user has chosen, the chatroom's system prompt or the
/// service's instruction, the history that fits into the token budget, and the message.
pub(crate) fn prompt(settings: &GeminiSettings, work: ClaimedGeneration) -> Prompt {
    let model = models::choose(&settings.models, &work);
    let history = within_budget(work.history, model.history_tokens(settings.history_tokens));
    let mut turns = Vec::with_capacity(history.len() * 2 + 1);
    for exchange in history {
        turns.push(Turn { role: Role::User, text: exchange.question });
        turns.push(Turn { role: Role::Model, text: exchange.answer });
    }
    turns.push(Turn { role: Role::User, text: work.content });
    Prompt {
        model: model.id.clone(),
        system_instruction: work.system_prompt.or_else(|| settings.system_instruction.clone()),
        turns,
        max_output_tokens: model.max_output_tokens,
        thinking_tokens: settings.thinking_tokens,
        thinking_level: model.thinking_level,
    }
}
