//! How Postgres would execute each statement, whatever its parameters: one that walks a whole table gets slower with everybody
//! who comes.

use std::collections::BTreeSet;

use anyhow::Result;
use harness::DbObserver;
use serde_json::Value;

use super::seed::TABLES;
use crate::Depth;

/// Statements that take a batch of what is due, by their first words, and what they are sent with. Without knowing the limit
/// Postgres reckons with a tenth of the table, for which walking it would be right.
const BATCHES: [(&str, &str); 2] = [
    ("DELETE FROM sessions WHERE id IN", "(now(), 1000)"),
    (
        "UPDATE subscriptions SET review_at = $2 WHERE user_id IN",
        "(now(), now() + interval '10 minutes', 10)",
    ),
];

/// After how many executions Postgres decides whether to go on planning a statement for the values at hand.
const EXECUTIONS: usize = 6;

/// A statement that walks whole tables.
#[derive(Debug)]
pub(super) struct Walk {
    pub(super) statement: String,
    pub(super) tables: BTreeSet<String>,
}

/// What came of looking at plans.
#[derive(Debug, Default)]
pub(super) struct Plans {
    pub(super) looked_at: usize,
    /// Statements that walk.
    pub(super) walks: Vec<Walk>,
    /// Statements whose plan for all values walks, and is not the one that is taken.
    pub(super) spared: Vec<Walk>,
}

/// Looks at the plans of all `statements` that read or write rows.
///
/// In a small database Postgres rightly walks small tables: there it is to walk only where there is no other way.
pub(super) async fn check(db: &DbObserver, statements: &BTreeSet<String>, depth: Depth) -> Result<Plans> {
    db.batch(depth.of("SET enable_seqscan = off", "SET enable_seqscan = on")).await?;
    let mut plans = Plans::default();
    for statement in statements.iter().filter(|statement| has_plan(statement)) {
        plans.looked_at += 1;
        let (tables, is_taken) = walked_by(db, statement).await?;
        if !tables.is_empty() {
            let kind = if is_taken { &mut plans.walks } else { &mut plans.spared };
            kind.push(Walk { statement: statement.clone(), tables });
        }
    }
    db.batch("RESET enable_seqscan").await?;
    Ok(plans)
}

/// The tables that `statement` walks by the plan for all values, and whether it is by that plan that it is executed.
async fn walked_by(db: &DbObserver, statement: &str) -> Result<(BTreeSet<String>, bool)> {
    let (mut tables, mut taken) = (BTreeSet::new(), BTreeSet::new());
    walked(&generic_plan(db, statement).await?, &mut tables);
    let values = BATCHES.iter().find(|(begin, _)| statement.trim_start().starts_with(begin));
    let Some((_, values)) = values.filter(|_| !tables.is_empty()) else { return Ok((tables, true)) };
    db.batch(&format!("PREPARE executed AS {statement}")).await?;
    for _ in 0..EXECUTIONS {
        walked(&db.plan(&format!("EXPLAIN (FORMAT JSON) EXECUTE executed {values}")).await?, &mut taken);
    }
    db.batch("DEALLOCATE executed").await?;
    Ok((tables, !taken.is_empty()))
}

/// The plan that holds for all values. It is asked for by way of a prepared statement, as `EXPLAIN (GENERIC_PLAN)` came with
/// version 16.
async fn generic_plan(db: &DbObserver, statement: &str) -> Result<Value> {
    const PARAMETERS: &str =
        "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'looked_at'";
    db.batch(&format!("SET plan_cache_mode = force_generic_plan; PREPARE looked_at AS {statement}")).await?;
    let parameters: i32 = db.query_one(PARAMETERS, &[]).await?.get(0);
    let nulls = vec!["NULL"; usize::try_from(parameters)?].join(", ");
    let arguments = if nulls.is_empty() { nulls } else { format!("({nulls})") };
    let plan = db.plan(&format!("EXPLAIN (FORMAT JSON) EXECUTE looked_at {arguments}")).await;
    db.batch("DEALLOCATE looked_at; RESET plan_cache_mode").await?;
    plan
}

/// Whether `statement` is one that reads or writes rows.
pub(super) fn has_plan(statement: &str) -> bool {
    let first = statement.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"].contains(&first.as_str())
}

/// Finds the tables of ours that `plan` walks, at whatever depth.
fn walked(plan: &Value, tables: &mut BTreeSet<String>) {
    match plan {
        Value::Array(parts) => parts.iter().for_each(|part| walked(part, tables)),
        Value::Object(node) => {
            let table = node.get("Relation Name").and_then(Value::as_str);
            if node.get("Node Type").is_some_and(|kind| kind == "Seq Scan") {
                tables.extend(table.filter(|table| TABLES.contains(table)).map(str::to_owned));
            }
            node.values().for_each(|part| walked(part, tables));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn walks_are_found_at_any_depth_and_only_those_of_tables_that_grow() {
        let scan = |table: &str| json!({ "Node Type": "Seq Scan", "Relation Name": table });
        let found = json!({ "Node Type": "Index Scan", "Relation Name": "sessions" });
        let plan = json!([{ "Plan": {
            "Node Type": "Nested Loop",
            "Plans": [found, { "Node Type": "Limit", "Plans": [scan("users"), scan("refinery_schema_history")] }],
        } }]);
        let mut tables = BTreeSet::new();
        walked(&plan, &mut tables);
        assert_eq!(tables, BTreeSet::from(["users".to_owned()]));
    }

    #[test]
    fn only_what_touches_rows_has_a_plan() {
        assert!(has_plan("\n    WITH room AS (SELECT 1) SELECT 2"));
        assert!(!has_plan("SET LOCAL statement_timeout = 3000"));
        assert!(!has_plan(""));
    }
}
