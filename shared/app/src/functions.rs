//! What each function requires to start. The list is here rather than in the functions, because the
//! migrate function validates the configuration of all of them.

use crate::Dependency;

/// A function of `template.yaml`.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    /// The name of its binary.
    pub name: &'static str,
    /// What it requires to start.
    pub dependencies: &'static [Dependency],
}

/// Every function except `migrate`.
pub const FUNCTIONS: &[Function] = &[
    Function { name: "auth", dependencies: AUTH },
    Function { name: "user", dependencies: USER },
    Function { name: "chatroom", dependencies: CHATROOM },
    Function { name: "stream", dependencies: STREAM },
    Function { name: "subscription", dependencies: SUBSCRIPTION },
    Function { name: "webhook", dependencies: WEBHOOK },
    Function { name: "queue", dependencies: QUEUE },
    Function { name: "site", dependencies: SITE },
    Function { name: "worker", dependencies: WORKER },
    Function { name: "sweeper", dependencies: SWEEPER },
];

/// What `auth` requires.
pub const AUTH: &[Dependency] = &[
    Dependency::DATABASE,
    Dependency::REDIS,
    Dependency::TOKENS,
    Dependency::CODES,
    Dependency::IDEMPOTENCY_STORE,
    Dependency::SWITCHES,
];

/// What `user` requires.
pub const USER: &[Dependency] =
    &[Dependency::DATABASE, Dependency::REDIS, Dependency::TOKENS, Dependency::STRIPE];

/// What `chatroom` requires.
pub const CHATROOM: &[Dependency] = &[
    Dependency::DATABASE,
    Dependency::REDIS,
    Dependency::TOKENS,
    Dependency::QUEUE,
    Dependency::IDEMPOTENCY_STORE,
    Dependency::SWITCHES,
];

/// What `stream` requires.
pub const STREAM: &[Dependency] =
    &[Dependency::DATABASE, Dependency::REDIS, Dependency::TOKENS, Dependency::QUEUE, Dependency::SWITCHES];

/// What `subscription` requires.
pub const SUBSCRIPTION: &[Dependency] = &[
    Dependency::DATABASE,
    Dependency::REDIS,
    Dependency::TOKENS,
    Dependency::IDEMPOTENCY_STORE,
    Dependency::STRIPE,
];

/// What `webhook` requires.
pub const WEBHOOK: &[Dependency] = &[
    Dependency::DATABASE,
    Dependency::REDIS,
    Dependency::TOKENS,
    Dependency::TABLE,
    Dependency::STRIPE,
    Dependency::STRIPE_WEBHOOKS,
];

/// What `queue` requires.
pub const QUEUE: &[Dependency] =
    &[Dependency::DATABASE, Dependency::REDIS, Dependency::TOKENS, Dependency::QUEUE, Dependency::TABLE];

/// What `site` requires.
pub const SITE: &[Dependency] = &[
    Dependency::DATABASE,
    Dependency::REDIS,
    Dependency::TOKENS,
    Dependency::QUEUE,
    Dependency::TABLE,
    Dependency::GEMINI,
    Dependency::STRIPE,
];

/// What `worker` requires.
pub const WORKER: &[Dependency] = &[
    Dependency::DATABASE,
    Dependency::REDIS,
    Dependency::QUEUE,
    Dependency::TABLE,
    Dependency::GEMINI,
    Dependency::SWITCHES,
];

/// What `sweeper` requires.
pub const SWEEPER: &[Dependency] = &[
    Dependency::DATABASE,
    Dependency::REDIS,
    Dependency::QUEUE,
    Dependency::DEAD_LETTERS,
    Dependency::TABLE,
    Dependency::STRIPE,
];
