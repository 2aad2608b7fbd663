//! Finds SQL statements in the source of `shared/store` that were never sent.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::query_plans::{has_plan, in_one_line};
use super::seed::TABLES;

/// Files whose literals are parts of other statements, or statements that no function sends through
/// the proxy.
const IGNORED: [&str; 2] = ["messages/tree.rs", "migrations.rs"];

/// The statements in the source files below `folder` that are not among `sent`, each with its file.
pub(super) fn find(folder: &Path, sent: &BTreeSet<String>) -> Result<Vec<String>> {
    let sent: Vec<String> = sent.iter().map(|statement| in_one_line(statement)).collect();
    let mut unsent = Vec::new();
    for path in files(folder)? {
        let source = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let name = path.strip_prefix(folder).unwrap_or(&path);
        if IGNORED.iter().any(|ignored| name == Path::new(ignored)) {
            continue;
        }
        let name = name.display();
        let statements = statements(&source);
        let missing = statements.iter().filter(|source| !sent.iter().any(|sent| matches(sent, source)));
        unsent.extend(missing.map(|statement| format!("{name}: {statement}")));
    }
    Ok(unsent)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?.flatten() {
        let path = entry.path();
        if path.is_dir() { files.extend(self::files(&path)?) } else { files.push(path) }
    }
    Ok(files)
}

/// The string literals of `source` that are statements about growing tables. No statement contains
/// a quote. Comments may, so they are removed first.
fn statements(source: &str) -> Vec<String> {
    let code: String =
        source.split_inclusive('\n').filter(|line| !line.trim_start().starts_with("//")).collect();
    let is_statement =
        |literal: &&str| has_plan(literal) && TABLES.iter().any(|table| literal.contains(table));
    code.split('"').skip(1).step_by(2).filter(is_statement).map(in_one_line).collect()
}

/// Whether `sent` matches a statement of the source, whose placeholders in braces match any text.
fn matches(sent: &str, source: &str) -> bool {
    let mut parts = source.split('{').map(|part| part.split_once('}').map_or(part, |(_, after)| after));
    let Some(mut rest) = parts.next().and_then(|begin| sent.strip_prefix(begin)) else { return false };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.is_empty() || source.ends_with('}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_found_among_other_literals() {
        let source = "
            /// Says \"SELECT nothing\".
            const COLUMNS: &str = \"id, name\";
            let sql = format!(\"SELECT {COLUMNS}
                FROM users\");
            // A \" alone.
            lock(\"SELECT pg_advisory_lock($1)\");
            db.prepare_cached(\"DELETE FROM users\").await";
        assert_eq!(statements(source), ["SELECT {COLUMNS} FROM users", "DELETE FROM users"]);
    }

    #[test]
    fn placeholders_match_any_text() {
        let source = "SELECT {COLUMNS} FROM users WHERE id = $1";
        assert!(matches("SELECT id, name FROM users WHERE id = $1", source));
        assert!(!matches("SELECT id, name FROM users WHERE id = $1 AND deleted_at IS NULL", source));
        assert!(!matches("SELECT id FROM sessions WHERE id = $1", source));
        assert!(matches("DELETE FROM users RETURNING id, name", "DELETE FROM users RETURNING {COLUMNS}"));
    }
}
