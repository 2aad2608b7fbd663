//! Checks the query plans of statements: a statement that scans a table gets slower as the table
//! grows.

use std::collections::BTreeSet;

use anyhow::Result;
use harness::DbObserver;
use serde_json::Value;

use super::seed::TABLES;
use crate::Mode;

/// Statements that process a limited batch of due rows, by their beginning, and their parameters.
/// Without the value of the limit Postgres assumes a tenth of the table, for which a sequential
/// scan is the right plan.
const BATCHES: [(&str, &str); 2] = [
    ("DELETE FROM sessions WHERE id IN", "(now(), 1000)"),
    (
        "UPDATE subscriptions SET review_at = $2 WHERE user_id IN",
        "(now(), now() + interval '10 minutes', 10)",
    ),
];

/// After five executions with custom plans Postgres may switch to the generic plan.
const EXECUTIONS: usize = 6;

#[derive(Default)]
pub(super) struct QueryPlans {
    pub(super) checked: usize,
    /// Sequential scans: the tables and the statement.
    pub(super) scans: Vec<String>,
    /// Scans of generic plans, where Postgres executes the statement with another plan.
    pub(super) generic_scans: Vec<String>,
}

/// Checks the plans of all `statements` that read or write rows.
///
/// In a small database Postgres scans small tables for good reason. In [`Mode::Counts`] only scans
/// without an alternative count.
pub(super) async fn check(db: &DbObserver, statements: &BTreeSet<String>, mode: Mode) -> Result<QueryPlans> {
    db.batch(mode.of("SET enable_seqscan = off", "SET enable_seqscan = on")).await?;
    let mut plans = QueryPlans::default();
    for statement in statements.iter().filter(|statement| has_plan(statement)) {
        plans.checked += 1;
        let (tables, is_used) = generic_scan(db, statement).await?;
        if !tables.is_empty() {
            let scans = if is_used { &mut plans.scans } else { &mut plans.generic_scans };
            let tables: Vec<_> = tables.into_iter().collect();
            scans.push(format!("{}: {}", tables.join(", "), in_one_line(statement)));
        }
    }
    db.batch("RESET enable_seqscan").await?;
    Ok(plans)
}

/// The tables that the generic plan of `statement` scans, and whether executions scan too.
async fn generic_scan(db: &DbObserver, statement: &str) -> Result<(BTreeSet<String>, bool)> {
    let (mut tables, mut executed) = (BTreeSet::new(), BTreeSet::new());
    collect_scans(&generic_plan(db, statement).await?, &mut tables);
    let batch = BATCHES.iter().find(|(begin, _)| statement.trim_start().starts_with(begin));
    let Some((_, values)) = batch.filter(|_| !tables.is_empty()) else { return Ok((tables, true)) };
    db.batch(&format!("PREPARE executed AS {statement}")).await?;
    for _ in 0..EXECUTIONS {
        let plan = db.plan(&format!("EXPLAIN (FORMAT JSON) EXECUTE executed {values}")).await?;
        collect_scans(&plan, &mut executed);
    }
    db.batch("DEALLOCATE executed").await?;
    Ok((tables, !executed.is_empty()))
}

/// The plan for any parameter values. `EXPLAIN (GENERIC_PLAN)` needs PostgreSQL 16, so a prepared
/// statement is explained.
async fn generic_plan(db: &DbObserver, statement: &str) -> Result<Value> {
    const PARAMETERS: &str =
        "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'explained'";
    db.batch(&format!("SET plan_cache_mode = force_generic_plan; PREPARE explained AS {statement}")).await?;
    let parameters: i32 = db.value(PARAMETERS, &[]).await?;
    let nulls = vec!["NULL"; usize::try_from(parameters)?].join(", ");
    let arguments = if nulls.is_empty() { nulls } else { format!("({nulls})") };
    let plan = db.plan(&format!("EXPLAIN (FORMAT JSON) EXECUTE explained {arguments}")).await;
    db.batch("DEALLOCATE explained; RESET plan_cache_mode").await?;
    plan
}

/// The statement without line breaks.
pub(super) fn in_one_line(statement: &str) -> String {
    statement.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether `statement` reads or writes rows.
pub(super) fn has_plan(statement: &str) -> bool {
    let first = statement.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"].contains(&first.as_str())
}

/// Adds the growing tables that `plan` scans at any depth.
fn collect_scans(plan: &Value, tables: &mut BTreeSet<String>) {
    match plan {
        Value::Array(parts) => parts.iter().for_each(|part| collect_scans(part, tables)),
        Value::Object(node) => {
            let table = node.get("Relation Name").and_then(Value::as_str);
            if node.get("Node Type").is_some_and(|kind| kind == "Seq Scan") {
                tables.extend(table.filter(|table| TABLES.contains(table)).map(str::to_owned));
            }
            node.values().for_each(|part| collect_scans(part, tables));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scans_of_growing_tables_are_found_at_any_depth() {
        let scan = |table: &str| json!({ "Node Type": "Seq Scan", "Relation Name": table });
        let lookup = json!({ "Node Type": "Index Scan", "Relation Name": "sessions" });
        let plan = json!([{ "Plan": {
            "Node Type": "Nested Loop",
            "Plans": [lookup, { "Node Type": "Limit", "Plans": [scan("users"), scan("refinery_schema_history")] }],
        } }]);
        let mut tables = BTreeSet::new();
        collect_scans(&plan, &mut tables);
        assert_eq!(tables, BTreeSet::from(["users".to_owned()]));
    }

    #[test]
    fn only_statements_about_rows_have_a_plan() {
        assert!(has_plan("\n    WITH room AS (SELECT 1) SELECT 2"));
        assert!(!has_plan("SET LOCAL statement_timeout = 3000"));
        assert!(!has_plan(""));
    }
}
