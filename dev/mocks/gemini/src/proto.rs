//! The protobuf messages of requests. Fields that a chat does not use are not validated further.
//!
//! Source: the reference of `models.generateContent` and the `.proto` files of
//! `google/ai/generativelanguage/v1beta`.

pub struct Message {
    pub name: &'static str,
    pub fields: &'static [Field],
}

pub struct Field {
    /// In snake case.
    pub name: &'static str,
    pub kind: Kind,
    pub repeated: bool,
}

pub enum Kind {
    String,
    Int32,
    Float,
    Bool,
    Enum,
    Message(&'static Message),
    Any,
}

const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, repeated: false }
}

const fn repeated(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, repeated: true }
}

pub static GENERATE_CONTENT: Message = Message {
    name: "GenerateContentRequest",
    fields: &[
        field("model", Kind::String),
        repeated("contents", Kind::Message(&CONTENT)),
        field("system_instruction", Kind::Message(&CONTENT)),
        repeated("tools", Kind::Any),
        field("tool_config", Kind::Any),
        repeated("safety_settings", Kind::Message(&SAFETY_SETTING)),
        field("generation_config", Kind::Message(&GENERATION_CONFIG)),
        field("cached_content", Kind::String),
        field("service_tier", Kind::Enum),
        field("store", Kind::Bool),
    ],
};

pub static COUNT_TOKENS: Message = Message {
    name: "CountTokensRequest",
    fields: &[
        field("model", Kind::String),
        repeated("contents", Kind::Message(&CONTENT)),
        field("generate_content_request", Kind::Message(&GENERATE_CONTENT)),
    ],
};

static CONTENT: Message = Message {
    name: "Content",
    fields: &[repeated("parts", Kind::Message(&PART)), field("role", Kind::String)],
};

static PART: Message = Message {
    name: "Part",
    fields: &[
        field("text", Kind::String),
        field("inline_data", Kind::Any),
        field("function_call", Kind::Any),
        field("function_response", Kind::Any),
        field("file_data", Kind::Any),
        field("executable_code", Kind::Any),
        field("code_execution_result", Kind::Any),
        field("thought", Kind::Bool),
        field("thought_signature", Kind::String),
        field("part_metadata", Kind::Any),
        field("video_metadata", Kind::Any),
        field("media_resolution", Kind::Any),
    ],
};

static SAFETY_SETTING: Message = Message {
    name: "SafetySetting",
    fields: &[field("category", Kind::Enum), field("threshold", Kind::Enum)],
};

static GENERATION_CONFIG: Message = Message {
    name: "GenerationConfig",
    fields: &[
        repeated("stop_sequences", Kind::String),
        field("response_mime_type", Kind::String),
        field("response_schema", Kind::Any),
        field("response_json_schema", Kind::Any),
        repeated("response_modalities", Kind::Enum),
        field("candidate_count", Kind::Int32),
        field("max_output_tokens", Kind::Int32),
        field("temperature", Kind::Float),
        field("top_p", Kind::Float),
        field("top_k", Kind::Int32),
        field("seed", Kind::Int32),
        field("presence_penalty", Kind::Float),
        field("frequency_penalty", Kind::Float),
        field("response_logprobs", Kind::Bool),
        field("logprobs", Kind::Int32),
        field("enable_enhanced_civic_answers", Kind::Bool),
        field("speech_config", Kind::Any),
        field("thinking_config", Kind::Message(&THINKING_CONFIG)),
        field("image_config", Kind::Any),
        field("media_resolution", Kind::Enum),
    ],
};

static THINKING_CONFIG: Message = Message {
    name: "ThinkingConfig",
    fields: &[
        field("include_thoughts", Kind::Bool),
        field("thinking_budget", Kind::Int32),
        field("thinking_level", Kind::Enum),
    ],
};
