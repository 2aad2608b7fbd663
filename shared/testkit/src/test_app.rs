//! [`TestApp`]: one or more functions in the test's process.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use app::trace::Tracer;
use app::{AppState, Clock, Config, Dependency, Switches, Tokens};
use aws_sdk_dynamodb::types::AttributeValue;
use clients::redis::Redis;
use clients::redis::model_rate_limiter::ModelRateLimiter;
use clients::redis::rate_limiter::RateLimiter;
use clients::stripe::{Stripe, StripeConfig};
use clients::table::Table;
use domain::MobileNumber;
use domain::switches::Feature;
use mock_stripe::{MockStripe, PRICE};
use secrecy::ExposeSecret;
use uuid::Uuid;
use web::Routes;

use crate::claim_counter::ClaimCounter;
use crate::env::from_env;
use crate::metric_log::MetricLog;
use crate::schema::migrated_schema;
use crate::{FakeDeadLetters, FakeModel, FakeQueue, FakeSms, FakeSwitches, RequestBuilder};

/// An application with its own database schema and a clock, queue and model that the test controls.
pub struct TestApp {
    /// The state that the handlers share.
    pub app: Arc<AppState>,
    /// Records the jobs that were sent.
    pub queue: Arc<FakeQueue>,
    /// The dead-letter queue.
    pub dead_letters: Arc<FakeDeadLetters>,
    /// Records the prompts and returns scripted answers.
    pub model: Arc<FakeModel>,
    /// Records the text messages that were sent.
    pub sms: Arc<FakeSms>,
    /// The kill switches.
    pub switches: Arc<FakeSwitches>,
    /// Records the metrics that were written.
    pub metrics: MetricLog,
    /// Counts the claims of idempotency keys.
    pub idempotency: Arc<ClaimCounter>,
    /// The client's IP address.
    pub address: String,
    pub(crate) mock_stripe: MockStripe,
    pub(crate) service: web::Service,
}

/// Builds a [`TestApp`].
pub struct TestAppBuilder {
    routes: Routes,
    vars: HashMap<&'static str, String>,
}

impl TestAppBuilder {
    /// Sets an environment variable of the functions.
    #[must_use]
    pub fn var(mut self, name: &'static str, value: &str) -> Self {
        self.vars.insert(name, value.to_owned());
        self
    }

    /// Creates the schema, the mock Stripe and the application.
    pub async fn start(mut self) -> TestApp {
        let (mock_stripe, stripe_url, _) = MockStripe::start().await.expect("the mock Stripe starts");
        self.vars.insert("STRIPE_BASE_URL", stripe_url);
        let config = Config::from_lookup(
            &[
                Dependency::DATABASE,
                Dependency::REDIS,
                Dependency::TOKENS,
                Dependency::CODES,
                Dependency::TABLE,
                Dependency::STRIPE,
                Dependency::STRIPE_WEBHOOKS,
            ],
            &|name| self.vars.get(name).cloned(),
        )
        .expect("the test's configuration is valid");
        let database = migrated_schema(config.database_pool_size).await;
        let (queue, dead_letters, model) =
            <(Arc<FakeQueue>, Arc<FakeDeadLetters>, Arc<FakeModel>)>::default();
        let sms = Arc::<FakeSms>::default();
        let stripe = Stripe::new(&StripeConfig {
            base_url: config.billing.base_url.clone(),
            secret_key: config.billing.secret_key.clone(),
        });
        let stripe = stripe.expect("STRIPE_BASE_URL is valid");
        let aws = config.aws.load().expect("the AWS client is created");
        let table = Table::new(&aws, &config.table_name);
        let idempotency = Arc::new(ClaimCounter::new(table.clone()));
        let (metrics, clock) = (MetricLog::default(), Clock::default());
        let switches = Arc::<FakeSwitches>::default();
        let redis = Redis::new(config.redis_url.expose_secret()).expect("TEST_REDIS_URL is valid");
        let app = Arc::new(AppState {
            switches: Switches::new(switches.clone(), clock.clone()),
            clock,
            metrics: metrics.as_sink(),
            tracer: Tracer::new(config.otlp.clone()),
            database,
            rate_limiter: RateLimiter::new(redis.clone()),
            model_rate_limiter: ModelRateLimiter::new(redis.clone(), config.model_limits()),
            redis,
            tokens: Some(Tokens::of(&config)),
            queue: Some(queue.clone()),
            dead_letters: Some(dead_letters.clone()),
            sms: Some(sms.clone()),
            idempotency_store: Some(idempotency.clone()),
            table: Some(table),
            model: Some(model.clone()),
            stripe: Some(stripe),
            config,
        });
        let service = web::stack(self.routes, &app);
        let address = random_address();
        TestApp {
            app,
            queue,
            dead_letters,
            model,
            sms,
            switches,
            metrics,
            idempotency,
            address,
            mock_stripe,
            service,
        }
    }
}

impl TestApp {
    /// Builds an application that serves `routes`, with rate limits too high to be reached by
    /// accident.
    #[must_use]
    pub fn serving(routes: Routes) -> TestAppBuilder {
        // Rate limits and availability are per model, so each test has its own models.
        let model = |kind: &str| format!("{kind}-{}", Uuid::new_v4().simple());
        let stripe_key = format!("sk_test_{}", Uuid::new_v4().simple());
        let vars = [
            ("ENVIRONMENT", "local".to_owned()),
            ("DATABASE_URL", from_env("TEST_DATABASE_URL")),
            ("DATABASE_POOL_SIZE", "8".to_owned()),
            ("REDIS_URL", from_env("TEST_REDIS_URL")),
            ("AWS_REGION", "eu-central-1".to_owned()),
            ("AWS_ENDPOINT_URL", from_env("TEST_AWS_ENDPOINT_URL")),
            ("TABLE_NAME", from_env("TEST_TABLE_NAME")),
            ("JWT_SECRET", "a secret of the tests: 32 letters".to_owned()),
            ("RATE_LIMIT_MAX_REQUESTS", "100000".to_owned()),
            ("RATE_LIMIT_USER_MAX_REQUESTS", "100000".to_owned()),
            ("RATE_LIMIT_PRO_MAX_REQUESTS", "100000".to_owned()),
            ("RATE_LIMIT_GLOBAL_PER_SECOND", "100000".to_owned()),
            ("OTP_MAX_PER_BLOCK", "1000".to_owned()),
            ("OTP_MAX_TOTAL_PER_DAY", "1000000".to_owned()),
            ("RETRY_BASE_DELAY_MS", "2000".to_owned()),
            ("STRIPE_PRICE_ID", PRICE.to_owned()),
            ("STRIPE_WEBHOOK_SECRET", format!("whsec_of_{stripe_key}")),
            ("STRIPE_SECRET_KEY", stripe_key),
            ("REDIRECT_HOSTS", "localhost,app.example.com".to_owned()),
            ("GEMINI_MODEL_BASIC", model("basic")),
            ("GEMINI_MODEL_PRO", model("pro")),
            ("GEMINI_MODEL_FALLBACK", model("fallback")),
        ];
        TestAppBuilder { routes, vars: vars.into() }
    }

    /// Builds a request to `path`, which may include a query.
    #[must_use]
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder<'_> {
        RequestBuilder::new(self, method, path)
    }

    /// Advances the application's clock.
    pub fn advance(&self, duration: Duration) {
        self.app.clock.advance(chrono::TimeDelta::from_std(duration).expect("the duration is in range"));
    }

    /// Pauses or resumes `feature`, and lets the time pass after which the functions know.
    pub fn set_paused(&self, feature: &Feature, is_paused: bool) {
        self.switches.set(feature, is_paused);
        self.advance(Duration::from_mins(1));
    }

    /// Changes the idempotency record `key` as if the function was killed before it completed.
    pub async fn interrupt_operation(&self, key: &str) {
        let until = (self.app.clock.now() + Duration::from_secs(35)).timestamp_millis();
        let config = self.app.config.aws.load();
        aws_sdk_dynamodb::Client::new(&config.expect("the AWS client is created"))
            .update_item()
            .table_name(&self.app.config.table_name)
            .key("pk", AttributeValue::S(format!("idempotency#{key}")))
            .condition_expression("attribute_exists(pk)")
            .update_expression("SET #status = :in_progress, in_progress_until = :until REMOVE receipt")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":in_progress", AttributeValue::S("INPROGRESS".to_owned()))
            .expression_attribute_values(":until", AttributeValue::N(until.to_string()))
            .send()
            .await
            .expect("the record exists");
    }

    /// Returns the single value that `sql` selects.
    pub async fn query_value<T: for<'a> tokio_postgres::types::FromSql<'a>>(&self, sql: &str) -> T {
        self.app.db().await.expect("Postgres responds").query_one(sql, &[]).await.expect("one row").get(0)
    }

    /// Runs `sql`, to set up a state that no route creates.
    pub async fn execute(&self, sql: &str) {
        self.app.db().await.expect("Postgres responds").batch_execute(sql).await.expect("the SQL is valid");
    }
}

fn random_address() -> String {
    let [a, b, c, ..] = *Uuid::new_v4().as_bytes();
    format!("10.{a}.{b}.{c}")
}

/// A random number, which no other test uses.
#[must_use]
pub fn random_number() -> MobileNumber {
    api_client::random_number().into()
}
