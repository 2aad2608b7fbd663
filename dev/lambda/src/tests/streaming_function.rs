//! A function that streams with the real client of the Runtime API. It is this test program,
//! started once more.

use std::convert::Infallible;
use std::env;

use axum::body::Body;
use lambda_http::http::Response;
use lambda_http::request::RequestContext;
use lambda_http::{Error, Request, RequestExt as _, service_fn};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The header with the address of the test, which decides when the function goes on.
pub(super) const GATE: &str = "x-gate";

/// The script that starts the function.
pub(super) fn script() -> String {
    let program = env::current_exe().unwrap();
    format!(
        "#!/bin/sh\nexec '{}' --exact {} --ignored\n",
        program.display(),
        "tests::streaming_function::serve"
    )
}

#[test]
#[ignore = "a function that other tests start"]
fn serve() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(lambda_http::run_with_streaming_response(service_fn(respond))).unwrap();
}

async fn respond(request: Request) -> Result<Response<Body>, Error> {
    let gate = request.headers().get(GATE).map(|gate| gate.to_str().unwrap().to_owned());
    let response = Response::builder();
    Ok(match request.uri().path().rsplit('/').next().unwrap() {
        "empty" => response.status(204).body(Body::empty())?,
        "error" => return Err("refused before the first byte".into()),
        "event" => {
            response.status(201).header("x-text", "a").header("set-cookie", "b=c").body(event(&request))?
        }
        kind => response.status(200).body(chunks(gate.unwrap(), kind == "exit"))?,
    })
}

fn event(request: &Request) -> Body {
    let Some(RequestContext::ApiGatewayV1(context)) = request.request_context_ref() else {
        return Body::from("not an event of the REST API");
    };
    let query = request.query_string_parameters();
    let event = json!({
        "address": context.identity.source_ip,
        "a": query.all("a"),
        "id": request.path_parameters().first("id"),
        "body": String::from_utf8_lossy(request.body()),
    });
    Body::from(event.to_string())
}

/// Two chunks and the end. Before each but the first the test opens the gate.
fn chunks(gate: String, exits: bool) -> Body {
    Body::from_stream(futures::stream::unfold((0, gate), move |(number, gate)| async move {
        if number > 0 {
            pass(&gate, number).await;
        }
        if exits && number > 0 {
            std::process::exit(1);
        }
        let chunk = ["first;", "second;"].get(number)?;
        Some((Ok::<_, Infallible>(*chunk), (number + 1, gate)))
    }))
}

/// Tells the test the number of the next chunk, and waits for its permission.
async fn pass(gate: &str, number: usize) {
    let mut connection = TcpStream::connect(gate).await.unwrap();
    connection.write_u8(u8::try_from(number).unwrap()).await.unwrap();
    connection.read_u8().await.unwrap();
}
