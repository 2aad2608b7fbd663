//! Builds the prompt for a message.

use app::GeminiSettings;
use clients::gemini::{Prompt, Role, Turn};
use domain::Tier;
use domain::history::within_budget;
use store::messages::processing::ClaimedMessage;

/// The prompt for `work`: the chatroom's system prompt or the service's instruction, the history
/// that fits into the token budget, and the message.
pub(crate) fn prompt(settings: &GeminiSettings, work: ClaimedMessage) -> Prompt {
    let (model, thinking_level) = match work.tier {
        Tier::Basic => (&settings.model_basic, settings.thinking_level_basic),
        Tier::Pro => (&settings.model_pro, settings.thinking_level_pro),
    };
    let history = within_budget(work.history, settings.history_tokens);
    let mut turns = Vec::with_capacity(history.len() * 2 + 1);
    for exchange in history {
        turns.push(Turn { role: Role::User, text: exchange.question });
        turns.push(Turn { role: Role::Model, text: exchange.answer });
    }
    turns.push(Turn { role: Role::User, text: work.content });
    Prompt {
        model: model.clone(),
        system_instruction: work.system_prompt.or_else(|| settings.system_instruction.clone()),
        turns,
        max_output_tokens: settings.max_output_tokens,
        thinking_tokens: settings.thinking_tokens,
        thinking_level,
    }
}
