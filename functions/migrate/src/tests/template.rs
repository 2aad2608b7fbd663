//! The properties of the custom resource in `template.yaml` are what each function gets.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use app::functions::FUNCTIONS;
use serde_json::Value as Json;
use serde_yaml_ng::Value;

use super::events;

/// Variables that the custom resource leaves out, and why.
const NOT_VALIDATED: [(&str, &str); 2] = [
    ("DEPLOYMENT", "it is the result of the validation"),
    ("STREAM_BASE_URL", "the REST API depends on a function, and so on the custom resource"),
];

fn template() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../template.yaml");
    let mut template: Value = serde_yaml_ng::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    template.apply_merge().unwrap();
    template
}

/// The function of `template` with this binary.
fn function<'a>(template: &'a Value, binary: &str) -> &'a Value {
    let mut all = template["Resources"].as_mapping().unwrap().values();
    all.find(|one| one["Metadata"]["BuildProperties"]["Binary"] == *binary).unwrap()
}

fn variables(of: &Value) -> BTreeMap<String, Value> {
    let all = of.as_mapping().unwrap().iter();
    all.map(|(name, value)| (name.as_str().unwrap().to_owned(), value.clone())).collect()
}

fn names(of: &Value) -> BTreeSet<String> {
    of.as_sequence().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[test]
fn custom_resource_has_the_variables_of_every_function() {
    let template = template();
    let properties = &template["Resources"]["Migration"]["Properties"];
    assert_eq!(properties["Shared"], template["Globals"]["Function"]["Environment"]["Variables"]);
    let own = variables(&function(&template, "migrate")["Properties"]["Environment"]["Variables"]);
    for one in FUNCTIONS {
        let of_function = variables(&function(&template, one.name)["Properties"]["Environment"]["Variables"]);
        let validated = &properties["Functions"][one.name];
        let mut expected = variables(&validated["Variables"]);
        // The migrate function gets its secrets from the same place as the function.
        let secrets = names(&validated["Secrets"]);
        expected.extend(secrets.into_iter().map(|name| (name.clone(), own[&name].clone())));
        let mut of_function = of_function;
        of_function.retain(|name, _| NOT_VALIDATED.iter().all(|(exception, _)| exception != name));
        assert_eq!(expected, of_function, "{}", one.name);
    }
}

#[test]
fn functions_are_those_of_the_template() {
    let template = template();
    let resources = template["Resources"].as_mapping().unwrap().values();
    let binaries = resources.filter_map(|one| one["Metadata"]["BuildProperties"]["Binary"].as_str());
    let deployed: BTreeSet<&str> = binaries.filter(|binary| *binary != "migrate").collect();
    assert_eq!(FUNCTIONS.iter().map(|one| one.name).collect::<BTreeSet<_>>(), deployed);
    let validated = variables(&template["Resources"]["Migration"]["Properties"]["Functions"]);
    assert_eq!(validated.keys().map(String::as_str).collect::<BTreeSet<_>>(), deployed);
}

#[test]
fn custom_resource_has_no_secret() {
    let template = template();
    let properties = serde_yaml_ng::to_string(&template["Resources"]["Migration"]["Properties"]).unwrap();
    assert!(!properties.contains("resolve:"), "CloudFormation does not resolve it there");
    assert!(!properties.contains("OtpTestNumbers"), "they are as good as passwords");
}

#[test]
fn sample_event_has_the_properties_of_the_template() {
    let template = template();
    let properties = &template["Resources"]["Migration"]["Properties"];
    let event = events::create();
    let keys = |value: &Json| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let sample = &event["ResourceProperties"];
    let mut shared = keys(&sample["Shared"]);
    shared.insert("AWS_ENDPOINT_URL".to_owned()); // only in an emulator
    assert_eq!(shared, variables(&properties["Shared"]).into_keys().collect());
    for one in FUNCTIONS {
        let of_template = &properties["Functions"][one.name];
        let of_sample = &sample["Functions"][one.name];
        assert_eq!(
            keys(&of_sample["Variables"]),
            variables(&of_template["Variables"]).into_keys().collect(),
            "{}",
            one.name
        );
        let secrets = of_sample["Secrets"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
        assert_eq!(secrets.map(str::to_owned).collect::<BTreeSet<_>>(), names(&of_template["Secrets"]));
    }
}

#[test]
fn smoke_test_starts_with_every_new_version_and_after_every_alias() {
    let template = template();
    let properties = &template["Resources"]["SmokeTestRun"]["Properties"];
    let resources = template["Resources"].as_mapping().unwrap();
    let functions = resources.iter().filter(|(_, one)| one["Type"] == "AWS::Serverless::Function");
    let functions: BTreeSet<&str> = functions.map(|(name, _)| name.as_str().unwrap()).collect();
    let with = |functions: BTreeSet<&str>, suffix: &str| {
        functions.into_iter().map(|name| format!("{name}.{suffix}")).collect::<BTreeSet<_>>()
    };
    let listed = |name: &str| {
        let all = properties[name].as_sequence().unwrap().iter();
        all.map(|one| serde_yaml_ng::from_value(tagged(one)).unwrap()).collect::<BTreeSet<String>>()
    };
    assert_eq!(listed("Versions"), with(functions.clone(), "Version"));
    let mut invoked = functions;
    invoked.remove("MigrateFunction"); // nothing invokes its alias
    assert_eq!(listed("Aliases"), with(invoked, "Alias"));
}

/// The value after a tag such as `!Ref`.
fn tagged(value: &Value) -> Value {
    let Value::Tagged(tagged) = value else { panic!("{value:?} has no tag") };
    tagged.value.clone()
}

#[test]
fn sample_event_of_the_smoke_test_has_the_properties_of_the_template() {
    let properties = &template()["Resources"]["SmokeTestRun"]["Properties"];
    let event = testkit::event("migrate-smoke-test");
    let sample = event["ResourceProperties"].as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(sample, variables(properties).into_keys().collect());
}

#[test]
fn steps_of_the_smoke_test_end_before_the_function() {
    let template = template();
    let limits = [
        &function(&template, "migrate")["Properties"]["Timeout"],
        &template["Resources"]["SmokeTestRun"]["Properties"]["ServiceTimeout"],
    ];
    assert_eq!(limits.map(|limit| limit.as_u64().unwrap()), [300, 360]);
}
