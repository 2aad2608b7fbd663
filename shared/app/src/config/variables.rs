//! The environment variables and their defaults. `docs/configuration.md` explains each of them, and
//! tests compare the two, and both with `template.yaml`.

/// An environment variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// The value that applies when it is unset or empty.
    pub default: Option<&'static str>,
}

macro_rules! default {
    () => {
        None
    };
    ($default:literal) => {
        Some($default)
    };
}

/// Declares a constant for each variable, and [`VARIABLES`], the list of them all.
macro_rules! variables {
    ($($name:ident $(= $default:literal)?,)*) => {
        $(
            pub(crate) const $name: Variable =
                Variable { name: stringify!($name), default: default!($($default)?) };
        )*

        /// Every environment variable that the functions read.
        pub const VARIABLES: &[Variable] = &[$($name),*];
    };
}

variables! {
    ENVIRONMENT = "production",
    COMMIT,
    COMMIT_TIME,
    DEPLOYMENT,
    RUST_LOG = "info",
    METRICS_NAMESPACE,
    OTEL_EXPORTER_OTLP_ENDPOINT,
    OTEL_EXPORTER_OTLP_HEADERS,
    OTEL_EXPORTER_OTLP_TIMEOUT = "300",

    DATABASE_URL,
    DATABASE_POOL_SIZE = "2",
    MIGRATION_DATABASE_URL,
    REDIS_URL,
    CACHE_TTL = "600",

    JWT_SECRET,
    JWT_EXPIRES_IN = "7d",
    REFRESH_EXPIRES_IN = "30d",

    OTP_DELIVERY,
    OTP_MAX_PER_DAY = "10",
    OTP_MAX_PER_ADDRESS = "20",
    OTP_MAX_PER_BLOCK = "20",
    OTP_MAX_TOTAL_PER_DAY = "1000",
    OTP_COUNTRIES,
    OTP_SENDER_ID,
    OTP_TEST_NUMBERS,

    RATE_LIMIT_WINDOW_MS = "900000",
    RATE_LIMIT_MAX_REQUESTS = "100",
    RATE_LIMIT_USER_MAX_REQUESTS = "300",
    RATE_LIMIT_PRO_MAX_REQUESTS = "1200",
    RATE_LIMIT_GLOBAL_PER_SECOND = "500",
    BASIC_DAILY_MESSAGE_LIMIT = "5",
    PRO_DAILY_MESSAGE_LIMIT = "1000",
    SPEND_CAP_USER_MICRO_USD,
    SPEND_CAP_SERVICE_MICRO_USD,
    CORS_ALLOWED_ORIGINS,
    STREAM_BASE_URL,

    // The AWS SDK reads the credentials.
    AWS_REGION,
    AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY,
    AWS_SESSION_TOKEN,
    AWS_ENDPOINT_URL,
    MESSAGE_QUEUE_URL,
    MESSAGE_DEAD_LETTER_QUEUE_URL,
    TABLE_NAME,

    GEMINI_API_KEY,
    GEMINI_BASE_URL = "https://generativelanguage.googleapis.com",
    GEMINI_MODELS,
    GEMINI_MODEL_BASIC = "gemini-3.5-flash-lite",
    GEMINI_MODEL_PRO = "gemini-3.8-flash",
    GEMINI_MODEL_FALLBACK = "gemini-3.5-flash",
    GEMINI_MODEL_TITLE,
    GEMINI_REQUESTS_PER_MINUTE = "1000",
    GEMINI_TOKENS_PER_MINUTE = "1000000",
    GEMINI_MAX_WAIT_MS = "1800000",
    GEMINI_BREAKER_FAILURES = "10",
    GEMINI_BREAKER_PAUSE_MS = "30000",
    GEMINI_TIMEOUT_MS = "240000",
    GEMINI_FIRST_CHUNK_TIMEOUT_MS = "60000",
    GEMINI_STALL_TIMEOUT_MS = "15000",
    GEMINI_MAX_OUTPUT_TOKENS = "2048",
    GEMINI_THINKING_TOKENS = "4096",
    GEMINI_THINKING_LEVEL_BASIC = "minimal",
    GEMINI_THINKING_LEVEL_PRO = "low",
    GEMINI_THINKING_LEVEL_FALLBACK = "low",
    GEMINI_SAFETY_SETTINGS,
    GEMINI_HISTORY_TOKENS = "12500",
    GEMINI_SYSTEM_INSTRUCTION,

    MESSAGE_MAX_ATTEMPTS = "3",
    RETRY_BASE_DELAY_MS = "2000",
    WORKER_CONCURRENCY = "5",
    WORKER_LEASE_MS = "20000",
    RESPONSE_CACHE_TTL = "0",
    TITLE_TIMEOUT_MS = "8000",
    TITLE_MAX_PER_DAY = "100",

    STRIPE_SECRET_KEY,
    STRIPE_PRICE_ID,
    STRIPE_PREVIOUS_PRICE_IDS,
    STRIPE_WEBHOOK_SECRET,
    STRIPE_BASE_URL = "https://api.stripe.com",
    STRIPE_PAST_DUE_GRACE = "3d",
    STRIPE_TAX_ID_COLLECTION = "true",
    STRIPE_BILLING_ADDRESS = "required",
    STRIPE_TRIAL_DAYS = "0",
    STRIPE_PROMOTION_CODES = "false",
    STRIPE_CANCEL_ON_REFUND = "false",
    STRIPE_CANCEL_ON_DISPUTE = "never",
    REDIRECT_HOSTS,
}
