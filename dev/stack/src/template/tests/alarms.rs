//! The alarms and the dashboard: the metrics that they show exist, and the runbook says what to do.

use app::metrics::{Dimension, METRICS};

use super::*;

const STACK: &str = "${AWS::StackName}-";
const KINDS: [&str; 2] = ["AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"];

/// The alarms by their names without that of the stack.
fn alarms(template: &Template) -> BTreeMap<String, &Value> {
    let alarms =
        template.resources().filter(|(_, resource)| KINDS.iter().any(|kind| resource["Type"] == *kind));
    let named = alarms.map(|(_, alarm)| {
        let name = alarm["Properties"]["AlarmName"]["Fn::Sub"].as_str().unwrap();
        (name.strip_prefix(STACK).unwrap().to_owned(), &alarm["Properties"])
    });
    named.collect()
}

/// The metrics of this stack that an alarm watches: names and dimensions.
fn own_metrics(alarm: &Value) -> Vec<(String, BTreeMap<String, String>)> {
    let listed = alarm["Metrics"].as_array().into_iter().flatten().map(|one| &one["MetricStat"]["Metric"]);
    let all = listed.chain([alarm]).filter(|metric| metric["Namespace"] == json!({"Ref": "AWS::StackName"}));
    let metrics = all.map(|metric| {
        let dimensions = metric["Dimensions"].as_array().into_iter().flatten();
        let dimension = |one: &Value| {
            (one["Name"].as_str().unwrap().to_owned(), one["Value"].as_str().unwrap().to_owned())
        };
        (metric["MetricName"].as_str().unwrap().to_owned(), dimensions.map(dimension).collect())
    });
    metrics.collect()
}

/// The names of the metrics that the metric filters of the template write. They have no dimensions.
fn filtered_metrics(template: &Template) -> BTreeSet<String> {
    let filters = template.resources().filter(|(_, one)| one["Type"] == "AWS::Logs::MetricFilter");
    let name = |(_, filter): (&String, &Value)| {
        filter["Properties"]["MetricTransformations"][0]["MetricName"].as_str().unwrap().to_owned()
    };
    filters.map(name).collect()
}

/// Whether the functions write a metric with exactly these dimensions.
fn is_written(name: &str, dimensions: &BTreeMap<String, String>) -> bool {
    let Some(metric) = METRICS.iter().find(|metric| metric.name == name) else { return false };
    metric.by.iter().any(|by| match (by, dimensions.first_key_value()) {
        (None, None) => true,
        (Some(by), Some((name, value))) => {
            dimensions.len() == 1
                && by.name() == name
                && by.values().is_some_and(|all| all.contains(&value.as_str()))
        }
        _ => false,
    })
}

#[test]
fn alarms_and_sections_of_the_runbook_are_the_same() {
    let runbook = fs::read_to_string(checkout().join("docs/RUNBOOK.md")).unwrap();
    let is_name =
        |name: &&str| name.chars().all(|letter| letter.is_ascii_lowercase() || "-_".contains(letter));
    let headings = runbook.lines().filter_map(|line| line.strip_prefix("## "));
    let headings = headings.filter(|heading| heading.split(", ").all(|name| is_name(&name)));
    let documented: BTreeSet<&str> = headings.flat_map(|heading| heading.split(", ")).collect();
    let template = current();
    let alarms = alarms(&template);
    assert!(alarms.len() > 40, "{alarms:?}");
    assert_eq!(documented, alarms.keys().map(String::as_str).collect());
}

#[test]
fn runbook_lists_every_metric() {
    let runbook = fs::read_to_string(checkout().join("docs/RUNBOOK.md")).unwrap();
    let rows: Vec<&str> = runbook.lines().filter(|line| line.starts_with("| `")).collect();
    for metric in METRICS {
        let name = format!("`{}`", metric.name);
        let row = rows.iter().find(|row| row.split(" | ").next().unwrap().contains(&name));
        let split = row.and_then(|row| row.split(" |").nth(1)).unwrap_or_else(|| panic!("no row of {name}"));
        let by: Vec<String> = metric.by.iter().flatten().map(|by| format!("`{}`", by.name())).collect();
        assert_eq!(split.trim(), by.join(", "), "{name}");
    }
}

#[test]
fn guide_lists_every_alarm() {
    let guide = fs::read_to_string(checkout().join("docs/deploy.md")).unwrap();
    for name in alarms(&current()).keys() {
        assert!(guide.contains(&format!("`{name}`")), "docs/deploy.md does not list {name}");
    }
}

#[test]
fn alarms_watch_metrics_that_are_written() {
    let template = current();
    let filtered = filtered_metrics(&template);
    let mut watched = 0;
    for (alarm, properties) in alarms(&template) {
        for (name, dimensions) in own_metrics(properties) {
            let exists =
                is_written(&name, &dimensions) || (dimensions.is_empty() && filtered.contains(&name));
            assert!(exists, "{alarm} watches {name} {dimensions:?}, which nothing writes");
            watched += 1;
        }
    }
    assert!(watched > 15, "{watched}");
    assert!(METRICS.iter().all(|metric| !filtered.contains(metric.name)));
}

#[test]
fn every_alarm_notifies_but_those_that_another_combines() {
    let template = current();
    let alarms = alarms(&template);
    let rules: String = alarms.values().filter_map(|alarm| alarm["AlarmRule"]["Fn::Sub"].as_str()).collect();
    for (name, alarm) in &alarms {
        let is_part = rules.contains(&format!("ALARM(\"{STACK}{name}\")"));
        assert_ne!(alarm["AlarmActions"] == json!([{"Ref": "AlarmTopic"}]), is_part, "{name}");
    }
    for part in rules.split("ALARM(\"").skip(1) {
        let name = part.split('"').next().unwrap().strip_prefix(STACK).unwrap();
        assert!(alarms.contains_key(name), "{name} does not exist");
    }
}

#[test]
fn basic_monitoring_lacks_the_dashboard_and_the_objectives_alone() {
    let full = current();
    let basic = full.without("HasFullMonitoring");
    let kept = alarms(&basic);
    let left_out: Vec<String> = alarms(&full).into_keys().filter(|name| !kept.contains_key(name)).collect();
    assert!(left_out.iter().all(|name| name.contains("-burn-")), "{left_out:?}");
    assert_eq!((left_out.len(), kept.keys().filter(|name| name.contains("-burn-")).count()), (8, 0));
    assert_eq!(["AWS::CloudWatch::Dashboard", KINDS[1]].map(|kind| basic.count_of(kind)), [0, 0]);
    let condition =
        json!({"Fn::And": [{"Condition": "OnAws"}, {"Fn::Equals": [{"Ref": "Monitoring"}, "full"]}]});
    assert_eq!(full.document["Conditions"]["HasFullMonitoring"], condition);
}

#[test]
fn dashboard_shows_every_alarm_and_every_metric() {
    let template = current();
    let dashboards = template.resources().find(|(_, one)| one["Type"] == "AWS::CloudWatch::Dashboard");
    let body = dashboards.unwrap().1["Properties"]["DashboardBody"]["Fn::Sub"].as_str().unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    let widgets = body["widgets"].as_array().unwrap();
    let shown = widgets[0]["properties"]["alarms"].as_array().unwrap();
    let shown: BTreeSet<&str> =
        shown.iter().map(|arn| arn.as_str().unwrap().split(STACK).nth(1).unwrap()).collect();
    let notifying: BTreeSet<String> = alarms(&template)
        .into_iter()
        .filter(|(_, alarm)| alarm["AlarmActions"].is_array())
        .map(|(name, _)| name)
        .collect();
    assert_eq!(shown, notifying.iter().map(String::as_str).collect());
    let text = body.to_string();
    for metric in METRICS {
        let [listed, searched] =
            [format!("\"{}\"", metric.name), format!("MetricName=\\\"{}\\\"", metric.name)];
        assert!(text.contains(&listed) || text.contains(&searched), "{} is on no widget", metric.name);
        for dimension in metric.by.iter().copied().flatten().map(Dimension::name) {
            let is_shown = text.contains(&format!("\"{}\",\"{dimension}\"", metric.name))
                || (text.contains(&searched) && text.contains(&format!(",{dimension}}}")));
            assert!(is_shown, "{} by {dimension} is on no widget", metric.name);
        }
    }
}
