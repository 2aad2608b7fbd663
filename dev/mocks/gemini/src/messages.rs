//! The request messages as protobuf knows them.
//!
//! Fields that a chat does not use are known by name and not looked into. Source: the reference of
//! `models.generateContent` and the `.proto` files of `google/ai/generativelanguage/v1beta`.

/// A message: its fields by their names in snake case.
pub(super) struct Message {
    pub(super) name: &'static str,
    pub(super) fields: &'static [Field],
}

/// A field, by its name in snake case.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) repeated: bool,
}

/// What a field holds.
pub(super) enum Kind {
    Text,
    Integer,
    Number,
    Flag,
    Choice,
    Message(&'static Message),
    /// Known, and not looked into.
    Any,
}

const fn one(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, repeated: false }
}

const fn many(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, repeated: true }
}

pub(super) static GENERATE_CONTENT: Message = Message {
    name: "GenerateContentRequest",
    fields: &[
        one("model", Kind::Text),
        many("contents", Kind::Message(&CONTENT)),
        one("system_instruction", Kind::Message(&CONTENT)),
        many("tools", Kind::Any),
        one("tool_config", Kind::Any),
        many("safety_settings", Kind::Message(&SAFETY_SETTING)),
        one("generation_config", Kind::Message(&GENERATION_CONFIG)),
        one("cached_content", Kind::Text),
        one("service_tier", Kind::Choice),
        one("store", Kind::Flag),
    ],
};

pub(super) static COUNT_TOKENS: Message = Message {
    name: "CountTokensRequest",
    fields: &[
        one("model", Kind::Text),
        many("contents", Kind::Message(&CONTENT)),
        one("generate_content_request", Kind::Message(&GENERATE_CONTENT)),
    ],
};

static CONTENT: Message =
    Message { name: "Content", fields: &[many("parts", Kind::Message(&PART)), one("role", Kind::Text)] };

static PART: Message = Message {
    name: "Part",
    fields: &[
        one("text", Kind::Text),
        one("inline_data", Kind::Any),
        one("function_call", Kind::Any),
        one("function_response", Kind::Any),
        one("file_data", Kind::Any),
        one("executable_code", Kind::Any),
        one("code_execution_result", Kind::Any),
        one("thought", Kind::Flag),
        one("thought_signature", Kind::Text),
        one("part_metadata", Kind::Any),
        one("video_metadata", Kind::Any),
        one("media_resolution", Kind::Any),
    ],
};

static SAFETY_SETTING: Message = Message {
    name: "SafetySetting",
    fields: &[one("category", Kind::Choice), one("threshold", Kind::Choice)],
};

static GENERATION_CONFIG: Message = Message {
    name: "GenerationConfig",
    fields: &[
        many("stop_sequences", Kind::Text),
        one("response_mime_type", Kind::Text),
        one("response_schema", Kind::Any),
        one("response_json_schema", Kind::Any),
        many("response_modalities", Kind::Choice),
        one("candidate_count", Kind::Integer),
        one("max_output_tokens", Kind::Integer),
        one("temperature", Kind::Number),
        one("top_p", Kind::Number),
        one("top_k", Kind::Integer),
        one("seed", Kind::Integer),
        one("presence_penalty", Kind::Number),
        one("frequency_penalty", Kind::Number),
        one("response_logprobs", Kind::Flag),
        one("logprobs", Kind::Integer),
        one("enable_enhanced_civic_answers", Kind::Flag),
        one("speech_config", Kind::Any),
        one("thinking_config", Kind::Message(&THINKING_CONFIG)),
        one("image_config", Kind::Any),
        one("media_resolution", Kind::Choice),
    ],
};

static THINKING_CONFIG: Message = Message {
    name: "ThinkingConfig",
    fields: &[
        one("include_thoughts", Kind::Flag),
        one("thinking_budget", Kind::Integer),
        one("thinking_level", Kind::Choice),
    ],
};
