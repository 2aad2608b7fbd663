//! The measured binaries and their sizes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Result;
use stack::functions::MIGRATE;
use stack::template::Template;

/// The binary of the baseline: a Lambda function that returns a constant.
pub(crate) const BASELINE: &str = "baseline";

/// The baseline and the functions of `template.yaml`. `migrate` runs once per deployment and is not measured.
pub(crate) fn names(root: &Path) -> Result<Vec<String>> {
    let functions = Template::read(root)?.binaries().into_iter().filter(|name| name != MIGRATE);
    Ok([BASELINE.to_owned()].into_iter().chain(functions).collect())
}

/// The sizes in bytes of the binaries that exist in the folder.
pub(crate) fn sizes(folder: &Path, names: &[String]) -> BTreeMap<String, u64> {
    let size = |name: &String| Some((name.clone(), fs::metadata(folder.join(name)).ok()?.len()));
    names.iter().filter_map(size).collect()
}
