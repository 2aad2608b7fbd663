//! What every case uses: the deployment, the services that it depends on, and the client.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result, bail, ensure};
use harness::{DbObserver, MockControl, Request, Response, Transport, send_over_http};
use lambda::deployed::DeployedFunctions;
use mock_gemini::MockGemini;
use mock_stripe::{Endpoint, MockStripe};
use serde_json::{Value, json};
use stack::services::Aws;
use stack::settings::Settings;
use stack::template::Template;
use stack::{Durability, Stack, StackFolder, ports, python, web};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::artifacts::{self, Artifacts, Build};
use crate::sam::{Deployed, Sam};

/// The stack's name in `samconfig.toml`.
pub(crate) const STACK: &str = "ai-chat-emulated";
pub(crate) const SECRET: &str = "ai-chat/emulated";
const SMOKE_TEST: &str = "SmokeTest";
const STRIPE_KEY: &str = "sk_test_of_the_rehearsal";
const STRIPE_WEBHOOK_SECRET: &str = "whsec_of_the_rehearsal";

pub(crate) struct Rehearsal {
    /// The commit that the deployed programs contain.
    pub(crate) commit: Option<String>,
    pub(crate) aws: Aws,
    pub(crate) db: DbObserver,
    pub(crate) mocks: MockControl,
    pub(crate) functions: DeployedFunctions,
    /// The address of the gateway in front of the deployed functions.
    pub(crate) base_url: String,
    sam: Sam,
    template: PathBuf,
    current: Mutex<Current>,
    servers: Vec<JoinHandle<()>>,
}

/// What the last successful deployment used.
#[derive(Debug, Clone)]
struct Current {
    parameters: BTreeMap<String, String>,
    secrets: BTreeMap<String, String>,
}

impl Rehearsal {
    /// Builds, starts the services and uploads the code. Nothing is deployed.
    pub(crate) async fn start(folder: &StackFolder, build: Build) -> Result<Self> {
        let sam = Sam::install(folder).await?;
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
        let Artifacts { template, commit } = match build {
            Build::Release => artifacts::build(folder, architecture).await?,
            Build::Debug => artifacts::debug(folder).await?,
        };
        python::install(folder, "emulator").await?;
        let mut stack = Stack::new(folder, Durability::Ephemeral, Settings::none());
        stack.start_storage().await?;
        let settings = stack.settings();
        let aws = Aws::from_settings(settings)?;
        let get = |name| settings.get(name).map(str::to_owned).with_context(|| format!("{name} is not set"));
        let (endpoint, database) = (get("AWS_ENDPOINT_URL")?, get("DATABASE_URL")?);
        let sam = sam.with_emulator(&endpoint, aws.region());

        let port = ports::for_service(folder, "gateway")?;
        let base_url = format!("http://127.0.0.1:{port}");
        let (_, gemini_url, gemini) = MockGemini::start().await?;
        let (stripe, stripe_url, stripe_server) = MockStripe::start().await?;
        let secret = STRIPE_WEBHOOK_SECRET.to_owned();
        let webhook = Endpoint { url: format!("{base_url}/api/webhook/stripe"), secret };
        stripe.set_endpoint(STRIPE_KEY, webhook);
        let read = Template::read(folder.root())?;
        let functions = DeployedFunctions { aws: aws.clone(), stack: STACK.to_owned(), template: read };
        let gateway = functions.clone().serve(port).await?;

        let parameters = owned(&[
            ("Architecture", architecture),
            ("AwsEndpointUrl", &endpoint),
            ("GeminiBaseUrl", &gemini_url),
            ("OtpDelivery", "response"),
            ("RedirectHosts", "localhost"),
            ("SecretId", SECRET),
            // A deployment ends with a smoke test, which finds the gateway here.
            ("SmokeBaseUrl", &base_url),
            (SMOKE_TEST, "true"),
            ("StripeBaseUrl", &stripe_url),
            ("StripePriceId", mock_stripe::PRICE),
        ]);
        let secrets = owned(&[
            ("DATABASE_URL", &database),
            ("MIGRATION_DATABASE_URL", &database),
            ("REDIS_URL", &get("REDIS_URL")?),
            ("JWT_SECRET", &random_secret()),
            ("GEMINI_API_KEY", "key-of-the-rehearsal"),
            ("STRIPE_SECRET_KEY", STRIPE_KEY),
            ("STRIPE_WEBHOOK_SECRET", STRIPE_WEBHOOK_SECRET),
        ]);
        let (client, stripe_key) = (web::client(), STRIPE_KEY.to_owned());
        let template = sam.package(&template).await?;
        Ok(Self {
            commit,
            db: DbObserver::connect(&database).await?,
            mocks: MockControl { client, gemini_url, stripe_url, stripe_key },
            aws,
            functions,
            base_url,
            sam,
            template,
            current: Mutex::new(Current { parameters, secrets }),
            servers: vec![discard(gemini), discard(stripe_server), gateway],
        })
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn secret(&self, name: &str) -> String {
        self.current().secrets.get(name).cloned().unwrap_or_default()
    }

    pub(crate) fn parameter(&self, name: &str) -> String {
        self.current().parameters.get(name).cloned().unwrap_or_default()
    }

    /// Stores the secret with these values, and returns its new version. An empty value removes a key.
    pub(crate) async fn store_secret(&self, changed: &[(&str, &str)]) -> Result<String> {
        let mut secrets = self.current().secrets.clone();
        secrets.extend(owned(changed));
        secrets.retain(|_, value| !value.is_empty());
        let text = serde_json::to_string(&secrets)?;
        let version = json!({ "SecretId": SECRET, "SecretString": text });
        let stored = if let Ok(stored) = self.aws.secrets("PutSecretValue", &version).await {
            stored
        } else {
            let secret = json!({ "Name": SECRET, "SecretString": text });
            self.aws.secrets("CreateSecret", &secret).await?
        };
        Ok(stored["VersionId"].as_str().context("the secret has no version")?.to_owned())
    }

    /// Runs `sam deploy` with the parameters of the last successful deployment and these.
    pub(crate) async fn try_deploy(&self, changed: &[(&str, &str)]) -> Result<Deployed> {
        let parameters = self.parameters(changed);
        let deployed = self.sam.deploy(STACK, &self.template, &parameters).await?;
        if deployed.is_success {
            self.current().parameters = parameters;
        }
        Ok(deployed)
    }

    pub(crate) async fn deploy(&self, changed: &[(&str, &str)]) -> Result<()> {
        let deployed = self.try_deploy(changed).await?;
        if !deployed.is_success {
            bail!(
                "sam deploy failed: {}; {}",
                self.failures().await?.join("; "),
                last_lines(&deployed.output)
            );
        }
        Ok(())
    }

    /// Deploys something that a smoke test would refuse.
    pub(crate) async fn deploy_untested(&self, changed: &[(&str, &str)]) -> Result<()> {
        self.deploy(&[changed, &[(SMOKE_TEST, "false")]].concat()).await?;
        self.current().parameters.insert(SMOKE_TEST.to_owned(), "true".to_owned());
        Ok(())
    }

    /// Stores a secret with these values, and deploys with its version.
    pub(crate) async fn deploy_secret(&self, changed: &[(&str, &str)]) -> Result<()> {
        let version = self.store_secret(changed).await?;
        self.deploy(&[("SecretVersionId", &version)]).await?;
        self.current().secrets.extend(owned(changed));
        Ok(())
    }

    /// Deploys under another name, where nothing is deployed.
    pub(crate) async fn deploy_elsewhere(&self, stack: &str, changed: &[(&str, &str)]) -> Result<Deployed> {
        self.sam.deploy(stack, &self.template, &self.parameters(changed)).await
    }

    fn parameters(&self, changed: &[(&str, &str)]) -> BTreeMap<String, String> {
        let mut parameters = self.current().parameters.clone();
        parameters.extend(owned(changed));
        parameters
    }

    pub(crate) async fn delete(&self) -> Result<()> {
        self.sam.delete(STACK).await
    }

    /// The body of `GET` at `path`, which must answer 200.
    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        Ok(Request::new("GET", path).send(self).await?.ensure(200)?.body)
    }

    /// Fails unless the service answers.
    pub(crate) async fn ensure_healthy(&self) -> Result<Value> {
        let health = self.get("/health?deep=true").await?;
        ensure!(health["status"] == "OK", "the service is not well: {health}");
        Ok(health)
    }
}

impl Transport for Rehearsal {
    async fn send(&self, request: &Request) -> Result<Response> {
        send_over_http(&web::client(), &self.base_url, request).await
    }
}

impl Drop for Rehearsal {
    fn drop(&mut self) {
        self.servers.iter().for_each(JoinHandle::abort);
    }
}

fn owned(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn discard(server: JoinHandle<Result<()>>) -> JoinHandle<()> {
    tokio::spawn(async move { drop(server.await) })
}

pub(crate) fn random_secret() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(4)..].join(" / ")
}
