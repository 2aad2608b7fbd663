//! API Gateway in front of functions that are deployed to the AWS emulator, which has no routes of its
//! own. A request invokes the alias `live` of its function, as in `template.yaml`. The emulator does not
//! stream: a response comes whole, at its end.

use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::extract::{Request, State};
use bytes::Bytes;
use serde_json::Value;
use stack::services::aws::{Aws, element};
use stack::template::Template;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::gateway::routes::Routes;
use super::gateway::{self, Functions};
use super::reply::{Chunks, Collected, Response};
use super::streaming_format;

/// The alias that every event source invokes.
pub const ALIAS: &str = "live";

/// The functions of one CloudFormation stack.
#[derive(Debug, Clone)]
pub struct DeployedFunctions {
    pub aws: Aws,
    pub stack: String,
    pub template: Template,
}

impl DeployedFunctions {
    /// The name of the function whose binary is `function`. A deployment that is under way has it too.
    pub async fn name(&self, function: &str) -> Result<String> {
        let logical = self.template.logical_id(function).context("template.yaml has no such function")?;
        let parameters = [("StackName", &*self.stack), ("LogicalResourceId", logical)];
        let described = self.aws.cloudformation("DescribeStackResource", &parameters).await?;
        element(&described, "PhysicalResourceId").with_context(|| format!("{function} is not deployed"))
    }

    async fn invoke(&self, function: &str, event: &Value) -> Result<Collected> {
        let answer = self.aws.invoke(&self.name(function).await?, ALIAS, event).await?;
        // A streamed response, which begins with the format of streams, is no JSON document.
        let streamed =
            answer.as_str().map(|text| streaming_format::to_document(text.as_bytes())).transpose()?;
        let is_streamed = streamed.is_some();
        Ok(Collected { document: streamed.unwrap_or(answer), is_streamed })
    }

    /// Serves both APIs on `port` until the handle is aborted. Nothing needs to be deployed yet.
    pub async fn serve(self, port: u16) -> Result<JoinHandle<()>> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.context("opening the API's port")?;
        let router = Router::new().fallback(handle).with_state(Arc::new(self));
        Ok(tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                eprintln!("the gateway of the deployment ended: {error}");
            }
        }))
    }
}

async fn handle(
    State(functions): State<Arc<DeployedFunctions>>,
    request: Request,
) -> axum::response::Response {
    gateway::handle(&*functions, request).await
}

impl Functions for DeployedFunctions {
    fn routes(&self) -> &Routes {
        Routes::of_template()
    }

    async fn collect(&self, function: &str, event: Value) -> Result<Collected> {
        self.invoke(function, &event).await
    }

    async fn stream(&self, function: &str, event: Value) -> Result<Response> {
        let answer = self.aws.invoke(&self.name(function).await?, ALIAS, &event).await?;
        Ok(match answer {
            Value::String(response) => Response::Streamed(Chunks::whole(Bytes::from(response))),
            document => Response::Buffered(document),
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::Json;
    use axum::response::IntoResponse as _;
    use axum::routing::post;
    use serde_json::json;
    use stack::settings::Settings;
    use stack::{checkout, ports, web};

    use super::*;

    /// An emulator whose functions are called like their resources, and answer with their name and the
    /// alias that was invoked; `stream` streams.
    async fn emulator() -> Aws {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let mut settings = Settings::none();
        let url = format!("http://{}", listener.local_addr().unwrap());
        for (name, value) in [("AWS_ENDPOINT_URL", &*url), ("AWS_REGION", "x"), ("AWS_ACCESS_KEY_ID", "1")] {
            settings.set_default(name, value);
        }
        let describe = async |body: String| {
            let name = body.split("LogicalResourceId=").nth(1).unwrap_or_default().to_owned();
            format!("<PhysicalResourceId>{name}</PhysicalResourceId>")
        };
        let invoke = async |request: Request| match request.uri().to_string() {
            uri if uri.contains("/SiteFunction/") => {
                Json(json!({ "statusCode": 201, "body": uri })).into_response()
            }
            uri if uri.contains("/StreamFunction/") => {
                Json("{\"statusCode\":202}\0\0\0\0\0\0\0\0data: x\n\n").into_response()
            }
            _ => (axum::http::StatusCode::TOO_MANY_REQUESTS, "throttled").into_response(),
        };
        let router = Router::new().route("/", post(describe)).fallback(invoke);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Aws::from_settings(&settings).unwrap()
    }

    #[tokio::test]
    async fn requests_invoke_the_alias_of_the_deployed_function() {
        let template = Template::read(&checkout()).unwrap();
        let functions = DeployedFunctions { aws: emulator().await, stack: "s".to_owned(), template };
        let port = ports::free().unwrap();
        let server = functions.serve(port).await.unwrap();
        for (path, status, body) in [
            ("health", 201, "/2015-03-31/functions/SiteFunction/invocations?Qualifier=live"),
            ("api/stream/7", 202, "data: x\n\n"),
            ("api/user/me", 500, "{\"message\":\"Internal Server Error\"}"),
        ] {
            let response = web::client().get(format!("http://127.0.0.1:{port}/{path}")).send().await.unwrap();
            assert_eq!(response.status(), status, "{path}");
            assert_eq!(response.text().await.unwrap(), body);
        }
        server.abort();
    }
}
