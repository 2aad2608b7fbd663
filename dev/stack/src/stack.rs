//! Starts a whole stack, up to an API that answers.

use std::io::ErrorKind;
use std::{env, fs};

use anyhow::{Context as _, Result};

use crate::folder::StackFolder;
use crate::process::Launch;
use crate::services::{aws, event_source_mapping, lambda, mocks, postgres, redis};
use crate::settings::{Settings, secret};
use crate::state::State;
use crate::template::Template;
use crate::{Durability, functions, progress, python};

const DATABASE: &str = "app";

/// The database of tests that create schemas of their own.
pub const TEST_DATABASE: &str = "unit";

/// A stack that is starting. Each service is saved at once, so that a later failure can stop it.
#[derive(Debug)]
pub struct Stack {
    folder: StackFolder,
    durability: Durability,
    settings: Settings,
    state: State,
}

impl Stack {
    pub fn new(folder: &StackFolder, durability: Durability, settings: Settings) -> Self {
        Self { folder: folder.clone(), durability, settings, state: State::default() }
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Starts Postgres, Redis and the AWS emulator, and creates the queues and the table.
    pub async fn start_storage(&mut self) -> Result<()> {
        if !self.is_provided("PostgreSQL", "DATABASE_URL") {
            let service = postgres::start(&self.folder, self.durability, &[DATABASE, TEST_DATABASE]).await?;
            let url = postgres::url(&self.folder, &service.address, DATABASE)?;
            self.settings.set_default("DATABASE_URL", url);
            self.state.add(&self.folder, service)?;
        }
        if !self.is_provided("Redis", "REDIS_URL") {
            let service = redis::start(&self.folder).await?;
            self.settings.set_default("REDIS_URL", format!("redis://{}", service.address));
            self.state.add(&self.folder, service)?;
        }
        python::install(&self.folder, "tools").await?;
        self.start_aws().await
    }

    /// Starts the mock servers, runs the migrations and starts the functions, which are built. The
    /// API listens on `port`. With `reload`, functions are rebuilt when their source changes.
    pub async fn start_functions(mut self, port: u16, reload: bool) -> Result<State> {
        self.start_gemini().await?;
        self.start_stripe(port).await?;
        self.settings.set_default("ENVIRONMENT", "local");
        self.set_commit().await;
        self.settings.set_default("METRICS_NAMESPACE", "ai-chat-local");
        self.settings.set_default("OTP_DELIVERY", "response");
        // The local gateway serves both APIs.
        self.settings.set_default("STREAM_BASE_URL", "/");
        self.settings.set_default("JWT_SECRET", secret(&self.folder.subfolder("")?.join("jwt.secret"))?);
        self.state.env = self.settings.variables().clone();
        progress::step("migrations", async {
            functions::run_migrations(&self.folder, &self.state.env).await.map(|()| "up to date")
        })
        .await?;
        lambda::start(&self.folder, &mut self.state, port, reload).await?;
        self.state.add(&self.folder, event_source_mapping::launch(&self.folder).await?)?;
        Ok(self.state)
    }

    /// Shows in `GET /health` what is checked out, unless this is no checkout of Git.
    async fn set_commit(&mut self) {
        let git = Launch::new("git").args(["show", "--no-patch", "--format=%H %cI", "HEAD"]);
        let shown = git.folder(self.folder.root()).output().await.unwrap_or_default();
        if let Some((commit, time)) = shown.trim().split_once(' ') {
            self.settings.set_default("COMMIT", commit);
            self.settings.set_default("COMMIT_TIME", time);
        }
    }

    async fn start_aws(&mut self) -> Result<()> {
        let region = env::var("AWS_DEFAULT_REGION").unwrap_or_else(|_| "eu-central-1".to_owned());
        self.settings.set_default("AWS_REGION", region);
        // The emulator takes an access key id of twelve digits as the account id.
        self.settings.set_default("AWS_ACCESS_KEY_ID", "000000000000");
        self.settings.set_default("AWS_SECRET_ACCESS_KEY", "local");
        if !self.is_provided("AWS", "AWS_ENDPOINT_URL") {
            let region = self.settings.get("AWS_REGION").unwrap_or_default();
            let service = aws::start(&self.folder, region, self.durability).await?;
            self.settings.set_default("AWS_ENDPOINT_URL", service.address.clone());
            self.state.add(&self.folder, service)?;
        }
        if ["MESSAGE_QUEUE_URL", "TABLE_NAME"].iter().all(|name| self.settings.get(name).is_some()) {
            progress::info("queues      yours (MESSAGE_QUEUE_URL, TABLE_NAME)");
            return Ok(());
        }
        aws::create(&mut self.settings, &Template::read(self.folder.root())?).await
    }

    async fn start_gemini(&mut self) -> Result<()> {
        if !self.is_provided("Gemini", "GEMINI_API_KEY") {
            let service = mocks::start_gemini(&self.folder).await?;
            self.settings.set_default("GEMINI_API_KEY", "local");
            self.settings.set_default("GEMINI_BASE_URL", service.address.clone());
            self.state.add(&self.folder, service)?;
        }
        Ok(())
    }

    async fn start_stripe(&mut self, api_port: u16) -> Result<()> {
        // Also for the developer's own Stripe account: on a laptop, users return to the laptop.
        self.settings.set_default("REDIRECT_HOSTS", "localhost,127.0.0.1");
        if self.is_provided("Stripe", "STRIPE_SECRET_KEY") {
            return Ok(());
        }
        let path = self.folder.subfolder("")?.join("stripe.webhook.secret");
        let webhook_secret = secret(&path)?;
        let is_persistent = self.durability == Durability::Persistent;
        let service = mocks::start_stripe(&self.folder, api_port, &path, is_persistent).await?;
        for (name, value) in [
            ("STRIPE_SECRET_KEY", mocks::STRIPE_KEY),
            ("STRIPE_PRICE_ID", mocks::STRIPE_PRICE),
            ("STRIPE_WEBHOOK_SECRET", &webhook_secret),
            ("STRIPE_BASE_URL", &service.address),
        ] {
            self.settings.set_default(name, value);
        }
        self.state.add(&self.folder, service)
    }

    /// Whether the developer set `variable`, which then replaces the local service.
    fn is_provided(&self, service: &str, variable: &str) -> bool {
        let is_provided = self.settings.get(variable).is_some();
        if is_provided {
            progress::info(format!("{service:<11} yours ({variable})"));
        }
        is_provided
    }
}

pub async fn stop(folder: &StackFolder) -> Result<()> {
    match State::load(folder)? {
        Some(state) => state.stop(folder).await,
        None => Ok(()),
    }
}

/// Removes the data and the logs of a stack that does not run.
pub fn remove_data(folder: &StackFolder) -> Result<()> {
    remove_logs(folder)?;
    postgres::remove(folder)?;
    for name in ["redis", "aws", "stripe"] {
        let data = folder.dir().join(name);
        match fs::remove_dir_all(&data) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("removing {}", data.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

pub fn remove_logs(folder: &StackFolder) -> Result<()> {
    let logs = folder.subfolder("logs")?;
    let entries = fs::read_dir(&logs).with_context(|| format!("reading {}", logs.display()))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.extension().is_some_and(|extension| extension == "log") {
            fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
        }
    }
    Ok(())
}
