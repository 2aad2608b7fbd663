//! The template with the place of each function's code, as `sam build` writes it.

use std::path::Path;

use serde_json::Value;

use super::Template;

impl Template {
    /// The template, unchanged but for `CodeUri`: the code of each function is in the folder that has
    /// the name of its binary, below `code`.
    pub fn packaged(&self, code: &Path) -> Value {
        let mut document = self.document.clone();
        if let Some(shared) = document["Globals"]["Function"].as_object_mut() {
            shared.remove("CodeUri");
        }
        for binary in self.binaries() {
            if let Some(name) = self.logical_id(&binary) {
                let folder = code.join(&binary).display().to_string();
                document["Resources"][name]["Properties"]["CodeUri"] = folder.into();
            }
        }
        document
    }
}

#[cfg(test)]
mod tests {
    use crate::checkout;

    use super::*;

    #[test]
    fn only_the_place_of_the_code_differs() {
        let template = Template::read(&checkout()).unwrap();
        let mut packaged = template.packaged(Path::new("/code"));
        assert_eq!(packaged["Resources"]["AuthFunction"]["Properties"]["CodeUri"], "/code/auth");
        for resource in packaged["Resources"].as_object_mut().unwrap().values_mut() {
            if resource["Type"] == "AWS::Serverless::Function" {
                assert!(resource["Properties"].as_object_mut().unwrap().remove("CodeUri").is_some());
            }
        }
        packaged["Globals"]["Function"]["CodeUri"] = ".".into();
        assert_eq!(packaged, template.document);
    }
}
