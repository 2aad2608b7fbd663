//! The statements as they are written down in `shared/store`, to see which of them were never sent.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::plans::has_plan;
use super::seed::TABLES;

/// Those that are written below `folder` and not among the `sent`, each with its file.
pub(super) fn unsent(folder: &Path, sent: &BTreeSet<String>) -> Result<Vec<String>> {
    let sent: Vec<String> = sent.iter().map(|statement| in_a_line(statement)).collect();
    let mut unsent = Vec::new();
    for path in files(folder)? {
        let source = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let name = path.strip_prefix(folder).unwrap_or(&path).display();
        let written = statements(&source);
        let missing = written.iter().filter(|written| !sent.iter().any(|sent| is(sent, written)));
        unsent.extend(missing.map(|written| format!("{name}: {written}")));
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

/// The literals of `source` that are statements about tables that grow. None has a quote in it, and comments, in which quotes may stand, are no code.
fn statements(source: &str) -> Vec<String> {
    let code: String =
        source.split_inclusive('\n').filter(|line| !line.trim_start().starts_with("//")).collect();
    let counts = |literal: &&str| has_plan(literal) && TABLES.iter().any(|table| literal.contains(table));
    code.split('"').skip(1).step_by(2).filter(counts).map(in_a_line).collect()
}

/// Whether `sent` is what is `written`, where anything may stand in the place of what is in braces.
fn is(sent: &str, written: &str) -> bool {
    let mut parts = written.split('{').map(|part| part.split_once('}').map_or(part, |(_, after)| after));
    let Some(mut rest) = parts.next().and_then(|begin| sent.strip_prefix(begin)) else { return false };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.is_empty() || written.ends_with('}')
}

/// A statement without its line breaks.
pub(super) fn in_a_line(statement: &str) -> String {
    statement.split_whitespace().collect::<Vec<_>>().join(" ")
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
    fn what_was_sent_is_known_by_what_is_written() {
        let written = "SELECT {COLUMNS} FROM users WHERE id = $1";
        assert!(is("SELECT id, name FROM users WHERE id = $1", written));
        assert!(!is("SELECT id, name FROM users WHERE id = $1 AND deleted_at IS NULL", written));
        assert!(!is("SELECT id FROM sessions WHERE id = $1", written));
        assert!(is(
            "UPDATE users SET a = 1 RETURNING id, name",
            "UPDATE users SET a = 1 RETURNING {COLUMNS}"
        ));
    }
}
