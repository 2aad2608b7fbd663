//! Tests of the parser, and of `template.yaml` against the documents and files that repeat its
//! facts.

mod alarms;

use super::*;
use crate::checkout;

const SMALL: &str = "
Parameters:
  Workers: { Type: Number, Default: 7 }
  Secret: { Type: String }
Globals: { Function: { Timeout: 30 } }
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Sub ${AWS::StackName}-q.fifo
      RedrivePolicy: { deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 9 }
  Topic: { Type: AWS::SNS::Topic }
  StreamApi: { Type: AWS::Serverless::Api, Properties: { StageName: live } }
  Worker:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: worker } }
    Properties:
      Events:
        Q:
          Type: SQS
          Properties: { BatchSize: 4, ScalingConfig: { MaximumConcurrency: !Ref Workers } }
        Default: { Type: HttpApi, Properties: { ApiId: !Ref Api } }
        Stream: { Type: Api, Properties: { Path: '/stream/{id}', Method: GET } }
        Tick: { Type: Schedule, Properties: { Schedule: rate(2 minutes) } }
";

#[test]
fn storage_has_long_tags_and_no_other_resources() {
    let storage = Template::parse(SMALL).unwrap().storage().unwrap();
    let queue = &storage["Resources"]["Queue"]["Properties"];
    assert_eq!(queue["QueueName"], json!({"Fn::Sub": "${AWS::StackName}-q.fifo"}));
    assert_eq!(queue["RedrivePolicy"]["deadLetterTargetArn"], json!({"Fn::GetAtt": ["Dead", "Arn"]}));
    assert_eq!(storage["Resources"].as_object().unwrap().len(), 1);
    assert_eq!(storage["Parameters"]["Secret"]["Default"], "local");
}

#[test]
fn event_source_uses_parameters_and_globals() {
    let source = Template::parse(SMALL).unwrap().event_source("worker").unwrap();
    assert_eq!(source, EventSource { batch_size: 4, concurrency: 7, timeout: Duration::from_secs(30) });
    assert!(Template::parse(SMALL).unwrap().event_source("auth").is_err());
}

#[test]
fn routes_of_both_apis_are_read() {
    let template = Template::parse(SMALL).unwrap();
    let routes = [("/stream/{id}", "worker"), ("/{proxy+}", "worker")];
    let routes = routes.map(|(path, function)| (path.to_owned(), function.to_owned()));
    assert_eq!(template.routes(), routes.into());
    assert_eq!(template.rest_routes(), ["/stream/{id}".to_owned()].into());
    assert_eq!(template.rest_stage(), "live");
}

#[test]
fn rate_of_a_schedule_is_parsed() {
    let schedules = Template::parse(SMALL).unwrap().schedules();
    assert_eq!(schedules, [("worker".to_owned(), Duration::from_mins(2))]);
}

#[test]
fn template_has_the_resources_that_the_local_stack_needs() {
    let template = current();
    let storage = template.storage().unwrap();
    for name in ["MessageQueue", "MessageDeadLetterQueue", "Table"] {
        assert!(storage["Resources"][name].is_object(), "{name} is missing");
    }
    let source = template.event_source("worker").unwrap();
    let visibility =
        storage["Resources"]["MessageQueue"]["Properties"]["VisibilityTimeout"].as_u64().unwrap();
    assert!(
        visibility > source.timeout.as_secs(),
        "Lambda requires a visibility timeout above the timeout of the function"
    );
}

#[test]
fn cargo_lambda_watch_has_the_routes_of_the_template() {
    let manifest = fs::read_to_string(checkout().join("Cargo.toml")).unwrap();
    let section = manifest.split("[workspace.metadata.lambda.watch.router]").nth(1).unwrap();
    let lines = section.lines().take_while(|line| !line.starts_with('['));
    let watched: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(" = "))
        .map(|(path, binary)| (path.trim_matches('"').to_owned(), binary.trim_matches('"').to_owned()))
        .collect();
    let mut deployed: BTreeMap<String, String> = current()
        .routes()
        .into_iter()
        .map(|(path, binary)| (path.replace("{proxy+}", "{*proxy}"), binary))
        .collect();
    // API Gateway's `{proxy+}` matches an empty rest too. The `{*proxy}` of cargo-lambda does not.
    for (path, binary) in deployed.clone() {
        if let Some(start) = path.strip_suffix("{*proxy}") {
            deployed.insert(start.to_owned(), binary);
        }
    }
    assert_eq!(watched, deployed);
}

#[test]
fn production_is_refused_without_the_parameters_that_it_needs() {
    let template = current();
    let rules = template.document["Rules"].as_object().unwrap().values();
    let production = json!({"Fn::Equals": [{"Ref": "Environment"}, "production"]});
    let mut refused: Vec<String> = rules
        .filter(|rule| rule["RuleCondition"] == production)
        .flat_map(|rule| rule["Assertions"].as_array().unwrap())
        .map(|assertion| assertion["Assert"]["Fn::Not"][0]["Fn::Equals"].to_string())
        .collect();
    refused.sort();
    let expected =
        [("AlarmEmail", ""), ("OtpCountries", ""), ("OtpDelivery", "response"), ("RedirectHosts", "")];
    assert_eq!(refused, expected.map(|(name, value)| json!([{"Ref": name}, value]).to_string()));
    assert!(template.document["Parameters"]["OtpDelivery"].get("Default").is_none());
}

#[test]
fn deployment_guide_has_every_parameter_with_its_default() {
    let guide = fs::read_to_string(checkout().join("docs/deploy.md")).unwrap();
    let template = current();
    let parameters = template.document["Parameters"].as_object().unwrap();
    for (name, parameter) in parameters {
        let default = match &parameter["Default"] {
            Value::Null => "(yours)".to_owned(),
            Value::String(text) if text.is_empty() => "(empty)".to_owned(),
            Value::String(text) => format!("`{text}`"),
            other => format!("`{other}`"),
        };
        assert!(guide.contains(&format!("| `{name}` | {default} |")), "docs/deploy.md: {name}, {default}");
    }
}

fn current() -> Template {
    Template::read(&checkout()).unwrap()
}
