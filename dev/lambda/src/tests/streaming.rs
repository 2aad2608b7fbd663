//! Streams through the REST API.

use std::net::SocketAddr;

use gateway::routes::{Api, Route};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::streaming_function::{GATE, script};
use super::*;

/// A function that writes the bytes of its response itself, with what the real client never sends.
const RAW: &str = r#"#!/usr/bin/env python3
import base64, http.client, json, os
api = os.environ["AWS_LAMBDA_RUNTIME_API"].removeprefix("http://")
host, path = api.split("/", 1)
path = "/" + path + "/2018-06-01/runtime/invocation/"
PRELUDE = b'{"statusCode": 200, "headers": {"content-type": "text/plain"}}' + bytes(8)
def chunk(data): return b"%x\r\n%s\r\n" % (len(data), data)
while True:
    connection = http.client.HTTPConnection(host)
    connection.request("GET", path + "next")
    got = connection.getresponse()
    number, kind = got.headers["Lambda-Runtime-Aws-Request-Id"], json.load(got)["path"].split("/")[-1]
    connection.putrequest("POST", path + number + "/response")
    for name, value in {
        "Content-Type": "application/vnd.awslambda.http-integration-response",
        "Lambda-Runtime-Function-Response-Mode": "streaming", "Transfer-Encoding": "chunked",
        "Trailer": "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body",
    }.items(): connection.putheader(name, value)
    connection.endheaders()
    if kind == "bytes":
        for byte in PRELUDE + b"\0ab": connection.send(chunk(bytes([byte])))
        connection.send(b"0\r\n\r\n")
    elif kind == "trailers":
        connection.send(chunk(PRELUDE) + chunk(b"text"))
        body = base64.b64encode(b"the model is gone")
        connection.send(b"0\r\nLambda-Runtime-Function-Error-Type: Function.Lost\r\n"
            b"Lambda-Runtime-Function-Error-Body: " + body + b"\r\n\r\n")
    elif kind == "closed":
        connection.send(chunk(PRELUDE) + chunk(b"text"))
        connection.close()
        continue
    else:
        connection.send(chunk(b"no prelude") + b"0\r\n\r\n")
    connection.getresponse().read()
"#;

const ROUTES: [(&str, &str, Api); 4] = [
    ("/stream/{id}", "stream", Api::Rest),
    ("/raw/{id}", "raw", Api::Rest),
    ("/script", "script", Api::Rest),
    ("/http/{proxy+}", "stream", Api::Http),
];

const MAX_WAIT: Duration = Duration::from_mins(1);

async fn start_with_timeout(timeout: Duration) -> TestLambda {
    let route = |(path, function, api): (&str, &str, Api)| Route {
        path: path.to_owned(),
        function: function.to_owned(),
        api,
    };
    let timeouts = [("stream".to_owned(), timeout)].into();
    let routes = Routes { routes: ROUTES.map(route).to_vec(), stage: "prod".to_owned() };
    let options = Options { timeouts, routes, ..Options::default() };
    super::start_with(1, &[("stream", &script()), ("raw", RAW), ("script", SCRIPT)], options).await
}

async fn start() -> TestLambda {
    start_with_timeout(gateway::IDLE_TIMEOUT * 2).await
}

/// Where the function waits before it goes on.
struct Gate(TcpListener);

impl Gate {
    async fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// Waits until the function is about to write the chunk with this number.
    async fn reached(&self, number: u8) -> TcpStream {
        let (mut connection, _) = timeout(MAX_WAIT, self.0.accept()).await.unwrap().unwrap();
        assert_eq!(connection.read_u8().await.unwrap(), number);
        connection
    }

    async fn open(&self, number: u8) {
        self.reached(number).await.write_u8(0).await.unwrap();
    }
}

async fn get(lambda: &Lambda, path: &str) -> reqwest::Response {
    timeout(MAX_WAIT, stack::web::client().get(format!("{}{path}", lambda.base_url())).send())
        .await
        .unwrap()
        .unwrap()
}

async fn get_through(lambda: &Lambda, path: &str, gate: &Gate) -> reqwest::Response {
    let request = stack::web::client().get(format!("{}{path}", lambda.base_url()));
    request.header(GATE, gate.address().to_string()).send().await.unwrap()
}

async fn chunk(response: &mut reqwest::Response) -> Option<String> {
    let chunk = timeout(MAX_WAIT, response.chunk()).await.unwrap().unwrap();
    chunk.map(|chunk| String::from_utf8(chunk.to_vec()).unwrap())
}

/// Fails the test unless the response ends without the end of its body.
async fn assert_cut(response: &mut reqwest::Response) {
    let chunk = timeout(MAX_WAIT, response.chunk()).await.unwrap();
    assert!(chunk.is_err(), "{chunk:?}");
}

/// Moves the clock of the local Lambda.
async fn pass_time(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn chunks_arrive_while_the_function_writes() {
    let (lambda, gate) = (start().await, Gate::new().await);
    let mut response = get_through(&lambda, "/stream/chunks", &gate).await;

    assert_eq!(response.status(), 200);
    assert_eq!(chunk(&mut response).await.as_deref(), Some("first;"));
    gate.open(1).await;
    assert_eq!(chunk(&mut response).await.as_deref(), Some("second;"));
    gate.open(2).await;
    assert_eq!(chunk(&mut response).await, None);
}

#[tokio::test]
async fn function_gets_the_event_of_the_rest_api_and_its_prelude_is_the_head() {
    let lambda = start().await;
    let request = stack::web::client().post(format!("{}/stream/event?a=1&a=%202", lambda.base_url()));
    let response = request.body("text").send().await.unwrap();

    assert_eq!((response.status().as_u16(), &response.headers()["x-text"]), (201, &"a".parse().unwrap()));
    assert_eq!(response.headers()["set-cookie"], "b=c");
    let event: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!(event, json!({ "address": "127.0.0.1", "a": ["1", " 2"], "id": "event", "body": "text" }));
}

#[tokio::test]
async fn response_without_a_body_works_in_streaming_mode() {
    let lambda = start().await;
    let response = get(&lambda, "/stream/empty").await;
    assert_eq!((response.status().as_u16(), response.text().await.unwrap().as_str()), (204, ""));
}

#[tokio::test]
async fn function_that_does_not_stream_answers_a_streamed_route() {
    let lambda = start().await;
    let response = stack::web::client().post(format!("{}/script", lambda.base_url())).body("a").send().await;
    let response = response.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().await.unwrap(), r#"{"body": "a", "isBase64Encoded": false}"#);
}

#[tokio::test]
async fn prelude_may_come_byte_by_byte() {
    let lambda = start().await;
    let response = get(&lambda, "/raw/bytes").await;
    assert_eq!(response.headers()["content-type"], "text/plain");
    assert_eq!(response.text().await.unwrap(), "\0ab");
}

#[tokio::test]
async fn function_runs_on_without_its_reader_and_its_process_is_used_again() {
    let (lambda, gate) = (start().await, Gate::new().await);
    let mut response = get_through(&lambda, "/stream/chunks", &gate).await;
    assert_eq!(chunk(&mut response).await.as_deref(), Some("first;"));
    let before = lambda.processes("stream");
    drop(response);

    gate.open(1).await;
    gate.open(2).await;
    assert_eq!(get(&lambda, "/stream/empty").await.status(), 204);
    assert_eq!((before.len(), lambda.processes("stream")), (1, before));
}

#[tokio::test]
async fn streams_occupy_processes_of_which_more_can_be_allowed() {
    let (lambda, gate) = (start().await, Gate::new().await);
    lambda.add_concurrency("stream", 2);
    let mut responses = Vec::new();
    for open in 1..=3 {
        responses.push(get_through(&lambda, "/stream/chunks", &gate).await);
        assert_eq!(lambda.processes("stream").len(), open);
    }
}

#[tokio::test]
async fn silent_stream_is_cut_and_the_function_runs_on() {
    let (lambda, gate) = (start().await, Gate::new().await);
    let mut response = get_through(&lambda, "/stream/chunks", &gate).await;
    assert_eq!(chunk(&mut response).await.as_deref(), Some("first;"));
    let mut waiting = gate.reached(1).await;
    pass_time(gateway::IDLE_TIMEOUT).await;
    assert_cut(&mut response).await;

    waiting.write_u8(0).await.unwrap();
    gate.open(2).await;
    assert_eq!(get(&lambda, "/stream/empty").await.status(), 204);
}

#[tokio::test]
async fn error_in_mid_stream_cuts_the_stream() {
    let lambda = start().await;
    let mut processes = BTreeSet::new();
    for kind in ["trailers", "closed"] {
        let mut response = get(&lambda, &format!("/raw/{kind}")).await;
        processes.extend(lambda.processes("raw"));
        assert_eq!(chunk(&mut response).await.as_deref(), Some("text"), "{kind}");
        assert_cut(&mut response).await;
    }
    assert_eq!(processes.len(), 1, "a process is used again after an error that it reported");
    assert_eq!(get(&lambda, "/raw/bytes").await.text().await.unwrap(), "\0ab");
}

#[tokio::test]
async fn death_of_the_process_cuts_the_stream() {
    let (lambda, gate) = (start().await, Gate::new().await);
    let mut response = get_through(&lambda, "/stream/exit", &gate).await;
    assert_eq!(chunk(&mut response).await.as_deref(), Some("first;"));
    gate.open(1).await;
    assert_cut(&mut response).await;
    assert_eq!(get(&lambda, "/stream/empty").await.status(), 204);
}

#[tokio::test]
async fn timeout_of_the_function_cuts_the_stream_and_kills_the_process() {
    let function_timeout = gateway::IDLE_TIMEOUT / 2;
    let (lambda, gate) = (start_with_timeout(function_timeout).await, Gate::new().await);
    let mut response = get_through(&lambda, "/stream/chunks", &gate).await;
    assert_eq!(chunk(&mut response).await.as_deref(), Some("first;"));
    let _waiting = gate.reached(1).await;
    pass_time(function_timeout).await;
    assert_cut(&mut response).await;
    assert!(lambda.processes("stream").is_empty());
}

#[tokio::test]
async fn failure_before_the_first_byte_is_a_502() {
    let lambda = start().await;
    for path in ["/stream/error", "/raw/malformed"] {
        let response = get(&lambda, path).await;
        let (status, body) = (response.status().as_u16(), response.text().await.unwrap());
        assert_eq!((status, body.as_str()), (502, r#"{"message":"Internal server error"}"#), "{path}");
    }
}

#[tokio::test]
async fn end_of_the_local_lambda_ends_functions_that_stream() {
    let (lambda, gate) = (start().await, Gate::new().await);
    let response = get_through(&lambda, "/stream/chunks", &gate).await;
    let mut waiting = gate.reached(1).await;
    drop((lambda, response));
    let read = timeout(MAX_WAIT, waiting.read_u8()).await.unwrap();
    assert!(read.is_err(), "the function still runs");
}

#[tokio::test]
async fn http_api_refuses_a_streamed_response() {
    let lambda = start().await;
    assert_eq!(get(&lambda, "/http/event").await.status(), 500);
}

#[tokio::test]
async fn streamed_response_is_collected_for_other_invokers() {
    let lambda = start().await;
    let event = gateway::EventRequest {
        method: "GET",
        path_and_query: "/http/event",
        headers: &serde_json::Map::new(),
        body: None,
        address: "192.0.2.1",
    };
    let response = lambda.invoke("stream", gateway::event(event)).await.unwrap();
    assert_eq!((&response["statusCode"], &response["cookies"]), (&json!(201), &json!(["b=c"])));
    assert_eq!(response["body"], "not an event of the REST API");
}
