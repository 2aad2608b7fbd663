//! The Lua scripts of `scripts/`, ready to be sent.
//!
//! `EVAL` sends a script's text with each call, so comments and blank lines are left out. `EVALSHA`
//! would need a second round trip after each restart of Redis.

use std::sync::LazyLock;

const GCRA: &str = include_str!("scripts/gcra.lua");
const SESSION_LOOKUP: &str = include_str!("scripts/session_lookup.lua");

/// A script, made of its parts when it is first used.
pub(super) type Script = LazyLock<String>;

macro_rules! script {
    ($name:ident, $file:literal $(, needs $part:ident)*) => {
        pub(super) static $name: Script =
            LazyLock::new(|| join(&[$($part,)* include_str!(concat!("scripts/", $file))]));
    };
}

script!(CONSUME_TOKENS, "consume_tokens.lua", needs GCRA);
script!(FIND_WAIT, "find_wait.lua", needs GCRA);
script!(CONSUME_FOR_SESSION, "consume_for_session.lua", needs GCRA, needs SESSION_LOOKUP);
script!(FIND_SESSION, "find_session.lua", needs GCRA, needs SESSION_LOOKUP);
script!(ENTER_LONG_POLL, "enter_long_poll.lua");
script!(HOLD_STREAM, "hold_stream.lua");
script!(STORE_CODE, "store_code.lua", needs GCRA);
script!(DELETE_CODE, "delete_code.lua");
script!(REDEEM_CODE, "redeem_code.lua");
script!(COUNT_PASSWORD_ATTEMPT, "count_password_attempt.lua");
script!(REFUND_PASSWORD_ATTEMPT, "refund_password_attempt.lua");
script!(ADD_KNOWN_NETWORK, "add_known_network.lua");
script!(CACHE_CHATROOM_LIST, "cache_chatroom_list.lua");
script!(INVALIDATE_CHATROOM_LIST, "invalidate_chatroom_list.lua");
script!(ADMIT_MODEL_CALL, "admit_model_call.lua");
script!(RECORD_MODEL_CALL, "record_model_call.lua");

fn join(parts: &[&str]) -> String {
    let lines = parts.iter().flat_map(|part| part.lines());
    let code = lines.filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with("--"));
    code.flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_joined_without_comments() {
        assert!(CONSUME_TOKENS.starts_with("local clock = redis.call('TIME')\n"));
        assert!(CONSUME_TOKENS.ends_with("return (consume(buckets))\n"));
        assert!(!ADMIT_MODEL_CALL.contains("--"));
    }
}
