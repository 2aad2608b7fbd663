//! [`TestApp`]: one function, or several, in this process.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use app::{AppState, Clock, Config, Dependency, Tokens};
use aws_sdk_dynamodb::types::AttributeValue;
use clients::redis::Redis;
use clients::stripe::{Stripe, StripeConfig};
use clients::table::Table;
use clients::tls::client_config;
use domain::MobileNumber;
use secrecy::ExposeSecret;
use store::{Database, DatabaseConfig, migrations};
use tokio_postgres::NoTls;
use uuid::Uuid;
use web::Routes;

use crate::{FakeDeadLetters, FakeModel, FakeQueue, FakeSms, RequestBuilder};

/// The price that the stand-in for Stripe has in every account.
const PRICE: &str = "price_pro_monthly";

/// An application with a database schema of its own, whose clock, queue and model are the test's.
pub struct TestApp {
    /// What the handlers share.
    pub app: Arc<AppState>,
    /// What was put on the queue.
    pub queue: Arc<FakeQueue>,
    /// What was delivered too often.
    pub dead_letters: Arc<FakeDeadLetters>,
    /// What the model was asked and answers.
    pub model: Arc<FakeModel>,
    /// What text messages were sent.
    pub sms: Arc<FakeSms>,
    /// The address that requests come from.
    pub address: String,
    pub(crate) service: web::Service,
}

/// A [`TestApp`] in the making.
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

    /// Makes the schema and the application.
    pub async fn start(self) -> TestApp {
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
        .expect("the test's configuration is usable");
        let database_url = empty_schema().await;
        let database = Database::new(DatabaseConfig {
            url: &database_url,
            pool_size: config.database_pool_size,
            tls: client_config(),
        });
        let database = database.expect("the address of Postgres is usable");
        migrations::run(&mut database.client().await.expect("Postgres answers"))
            .await
            .expect("the migrations run");
        let (queue, dead_letters, model) =
            <(Arc<FakeQueue>, Arc<FakeDeadLetters>, Arc<FakeModel>)>::default();
        let sms = Arc::<FakeSms>::default();
        let stripe = Stripe::new(&StripeConfig {
            base_url: config.billing.base_url.clone(),
            secret_key: config.billing.secret_key.clone(),
        });
        let stripe = stripe.expect("the address of Stripe is usable");
        let aws = config.aws.load().expect("the client for AWS can be made");
        let table = Table::new(&aws, &config.table_name);
        let app = Arc::new(AppState {
            clock: Clock::default(),
            database,
            redis: Redis::new(config.redis_url.expose_secret()).expect("the address of Redis is usable"),
            tokens: Some(Tokens::of(&config)),
            queue: Some(queue.clone()),
            dead_letters: Some(dead_letters.clone()),
            sms: Some(sms.clone()),
            idempotency_store: Some(Arc::new(table.clone())),
            table: Some(table),
            model: Some(model.clone()),
            stripe: Some(stripe),
            config,
        });
        let service = web::stack(self.routes, &app);
        TestApp { app, queue, dead_letters, model, sms, address: random_address(), service }
    }
}

impl TestApp {
    /// An application that serves `routes`, with limits on requests that no test reaches by accident.
    #[must_use]
    pub fn serving(routes: Routes) -> TestAppBuilder {
        // What is said of a model is shared by all who ask it.
        let model = |kind: &str| format!("{kind}-{}", Uuid::new_v4().simple());
        // An account of one's own.
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
            ("STRIPE_BASE_URL", from_env("TEST_STRIPE_URL")),
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

    /// A request to `path` (query included), to be completed and sent.
    #[must_use]
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder<'_> {
        RequestBuilder::new(self, method, path)
    }

    /// Moves the application's clock on.
    pub fn advance(&self, step: Duration) {
        self.app.clock.advance(chrono::TimeDelta::from_std(step).expect("the step is not absurd"));
    }

    /// Has the operation that is on record under `key` look as if its execution was killed before it was completed.
    pub async fn break_off_operation(&self, key: &str) {
        let until = (self.app.clock.now() + Duration::from_secs(35)).timestamp_millis();
        let config = self.app.config.aws.load();
        aws_sdk_dynamodb::Client::new(&config.expect("the client for AWS can be made"))
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
            .expect("the operation is on record");
    }

    /// The one value that `sql` selects, for looking at what is stored.
    pub async fn stored<T: for<'a> tokio_postgres::types::FromSql<'a>>(&self, sql: &str) -> T {
        self.app.db().await.expect("Postgres answers").query_one(sql, &[]).await.expect("one row").get(0)
    }

    /// Runs `sql`, for arranging what no route does.
    pub async fn execute(&self, sql: &str) {
        self.app.db().await.expect("Postgres answers").batch_execute(sql).await.expect("the SQL is valid");
    }
}

fn from_env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run the tests by `cargo dev test`"))
}

/// Makes a schema with nothing in it and answers the address at which it is the only one seen.
pub async fn empty_schema() -> String {
    let url = from_env("TEST_DATABASE_URL");
    let schema = format!("test_{}", Uuid::new_v4().simple());
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.expect("Postgres answers");
    tokio::spawn(connection);
    client.batch_execute(&format!("CREATE SCHEMA {schema}")).await.expect("the schema can be made");
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}options=-c%20search_path%3D{schema}")
}

fn random_address() -> String {
    let [a, b, c, ..] = *Uuid::new_v4().as_bytes();
    format!("10.{a}.{b}.{c}")
}

/// A number that no other test uses.
#[must_use]
pub fn random_number() -> MobileNumber {
    api_client::random_number().into()
}
